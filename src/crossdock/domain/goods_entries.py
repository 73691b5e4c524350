"""Journal entries of one order that tell of goods: where they are to come from, and what left."""

from datetime import datetime

import msgspec

from crossdock.domain.fulfilment import Allocation, Shipment, ShippedLine


class ShipmentTaken(msgspec.Struct, frozen=True, gc=False, tag="shipment_taken", omit_defaults=True):
    """Goods left, and every line of it is known and open. ``told``: the lines as the warehouse named them."""

    shipment: Shipment
    source: str
    at: datetime
    told: tuple[ShippedLine, ...] | None = None


class ShipmentRefused(msgspec.Struct, frozen=True, gc=False, tag="shipment_refused"):
    """Goods left that do not fit the order: kept, not posted, not pushed; a person decides."""

    shipment: Shipment
    source: str
    reason: str
    at: datetime


class ShipmentAmended(msgspec.Struct, frozen=True, gc=False, tag="shipment_amended"):
    """The warehouse told more about parcels of a known shipment."""

    shipment: Shipment
    at: datetime


class PushWithheld(msgspec.Struct, frozen=True, gc=False, tag="push_withheld"):
    """What left is no exact part of a unit that was ordered: the channel is not told of it by us."""

    shipment: str
    at: datetime


class ReleaseNoted(msgspec.Struct, frozen=True, gc=False, tag="release_noted", omit_defaults=True):
    status: str
    source: str
    at: datetime
    reason: str | None = None
    external_id: str | None = None


class AllocationsTaken(msgspec.Struct, frozen=True, gc=False, tag="allocations_taken"):
    allocations: tuple[Allocation, ...]
    at: datetime
