"""What can happen to a SKU's stock. Each belongs to the stream of kind ``stock`` whose key is the SKU."""

from datetime import datetime
from decimal import Decimal

import msgspec


class PositionSeen(msgspec.Struct, frozen=True, gc=False, tag="position_seen"):
    """What an ERP or a warehouse holds of a SKU at one of its locations. Newest ``as_of`` counts."""

    source: str  # its connection
    location: str  # the source's own id
    sku: str
    on_hand: Decimal
    committed: Decimal  # of it, what the source's own documents have taken already
    as_of: datetime  # no later than when the source was asked


class StockReserved(msgspec.Struct, frozen=True, gc=False, tag="stock_reserved", omit_defaults=True):
    """What one order wants of the SKU from now on: the whole of it, not a change.

    ``status``: reserved (it has yet to be booked), committed (the ERP has it), released (nobody wants it any more).
    ``sold``: by how much the channel's own level of this SKU went down. A kit's components are reserved and not sold,
    the kit itself is sold and not reserved.
    """

    sku: str
    order: str
    channel: str
    quantity: Decimal
    status: str
    sold: Decimal


class LevelSeen(msgspec.Struct, frozen=True, gc=False, tag="level_seen", omit_defaults=True):
    """What a channel shows of a SKU at one of its locations."""

    channel: str
    location: str
    sku: str
    quantity: int
    as_of: datetime  # no later than when the channel was asked
    ref: str | None = None  # the channel's id of what it shows


class ComponentSeen(msgspec.Struct, frozen=True, gc=False, tag="component_seen", omit_defaults=True):
    """How much of a kit's component is free, by pool; told by the component's stream to the kit's.

    ``holds``: the orders of kits that it is free without.
    """

    kit: str
    sku: str
    free: dict[str, int | None]
    at: datetime
    holds: tuple[str, ...] = ()


StockEvent = PositionSeen | StockReserved | LevelSeen | ComponentSeen
