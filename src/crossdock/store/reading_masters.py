"""Masters as people read them: how many are kept of each system, and all about one item."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.domain.decision import ProductMaster
from crossdock.domain.pricing import PriceMaster
from crossdock.store.reading import Database, plain, statements


class MasterCount(msgspec.Struct, frozen=True):
    """``kind``: product, customer, price, terms (what a customer buys by)."""

    kind: str
    n: int
    oldest_at: datetime
    newest_at: datetime


class Asked(msgspec.Struct, frozen=True):
    """One price: per one ``unit``, from ``least`` units on. Amounts are decimals as text."""

    list: str
    title: str
    currency: str
    amount: str
    least: str


class ItemMaster(msgspec.Struct, frozen=True):
    """An item of one system as last read. ``unit``: what the prices are for; ``units``: how they come to each other."""

    connection: str
    active: bool | None  # None: only its prices are known
    title: str | None
    as_of: datetime | None
    priced_as_of: datetime | None
    unit: str
    base_unit: str
    units: dict[str, str]
    includes_tax: bool
    prices: list[Asked]


async def counts(db: Database, connection: str) -> list[MasterCount]:
    rows = await db.fetch(statements("reading_masters").counts, connection)
    return [MasterCount(**dict(row)) for row in rows]


async def item(db: Database, sku: str) -> list[ItemMaster]:
    """What each system has of a SKU; a system that has nothing of it is left out."""
    found: dict[str, dict[str, Any]] = {}
    for row in await db.fetch(statements("reading_masters").item, sku):
        found.setdefault(row["connection"], {})[row["kind"]] = row
    return [_item(connection, rows) for connection, rows in found.items()]


def _item(connection: str, rows: dict[str, Any]) -> ItemMaster:
    product, priced = rows.get("product"), rows.get("price")
    known = msgspec.json.decode(plain(product["body"]), type=ProductMaster) if product else None
    asked = msgspec.json.decode(plain(priced["body"]), type=PriceMaster) if priced else PriceMaster("", "")
    return ItemMaster(
        connection,
        known.active if known else None,
        known.title if known else None,
        product["as_of"] if product else None,
        priced["as_of"] if priced else None,
        asked.unit,
        asked.base_unit,
        {unit: _text(rate) for unit, rate in asked.units.items()},
        asked.includes_tax,
        [Asked(one.list, one.title, one.currency, f"{one.amount:f}", _text(one.least)) for one in asked.prices],
    )


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"
