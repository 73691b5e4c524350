"""Stock positions: what each warehouse holds of a SKU, and what of it is promised.

``on_hand`` less ``available`` is what ShipHero has allocated or keeps back; ``backorder`` is wanted by orders for which
nothing was there, and takes what comes next. Source: the vendor's public schema, ``warehouse_products``.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.connectors.shiphero import polls, wire
from crossdock.connectors.shiphero.client import ShipHero
from crossdock.domain.outcome import Done, Rejected
from crossdock.domain.stock_events import PositionSeen
from crossdock.kit.errors import Asking
from crossdock.kit.manifest import Follow, Found, Page, Poll, Result
from crossdock.kit.positions import found, unreadable

PAGE_SIZE = 100  # a credit each, of 4,004 with 60 back per second
MOST_WAREHOUSES = 100  # that one SKU is in


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Inside a round: the place to go on from."""

    after: str | None = None


async def everything(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of all positions, from the beginning each time. Raises ``Unreachable``, ``NotSent``, ``AnswerLost``."""
    at = msgspec.json.decode(cursor, type=Cursor) if cursor else Cursor()
    asking = Asking(client.line)
    variables = {"first": PAGE_SIZE, "after": at.after, "sku": None, "client": _client(client)}
    listed = await polls.ask(client, wire.WAREHOUSE_PRODUCTS, variables, wire.ProductsListed)
    as_of = asking.at(client.told_at)
    page = listed.warehouse_products.data
    after = page.following(at.after)
    told = tuple(one for product in page.nodes for one in _found(client, product, as_of))
    return Page(told, msgspec.json.encode(Cursor(after)).decode(), after is not None)


async def read_stock(client: ShipHero, named: str) -> Result:
    """What is there of these SKUs, in all warehouses: told to their streams. Raises ``Stopped``."""
    try:
        skus = msgspec.json.decode(named, type=list[str])
    except msgspec.DecodeError:
        return Result(Rejected("read_unknown", f"{named!r} is no list of SKUs", "external_id"))
    follows = []
    for sku in skus:
        asking = Asking(client.line)
        variables = {"first": MOST_WAREHOUSES, "after": None, "sku": sku, "client": _client(client)}
        listed = await client.ask(wire.WAREHOUSE_PRODUCTS, variables, wire.ProductsListed)
        as_of = asking.at(client.told_at)
        for product in listed.warehouse_products.data.nodes:
            seen = _position(client, product, as_of) if product.sku == sku else None
            if seen is not None:  # what has no number is told by the poll
                follows.append(Follow("stock", sku, seen))
    return Result(Done(), tuple(follows))


def _client(client: ShipHero) -> str | None:
    return client.settings.get("customer_account_id") or None


def _found(client: ShipHero, product: wire.WarehouseProduct, as_of: datetime) -> Iterator[Found]:
    """A row that does not say whose it is says nothing."""
    seen = _position(client, product, as_of)
    if seen is not None:
        yield found(seen)
    elif product.sku and product.warehouse_id:
        place = client.line.connection, product.warehouse_id, product.sku
        yield unreadable(*place, as_of, product.on_hand, product.available)


def _position(client: ShipHero, product: wire.WarehouseProduct, as_of: datetime) -> PositionSeen | None:
    """None where a number is missing, or whose it is."""
    on_hand, available = product.on_hand, product.available
    if not (product.sku and product.warehouse_id) or on_hand is None or available is None:
        return None
    committed = Decimal(on_hand - available + (product.backorder or 0))
    place = client.line.connection, product.warehouse_id, product.sku
    return PositionSeen(*place, Decimal(on_hand), committed, as_of)


POLLS = {**polls.POLLS, "positions_all": Poll("positions_all", everything, every_s=900.0)}
