"""Items' prices, where a setting asks for them: all of them, every hour.

API v2.0 tells of an item ``unitPrice`` (in the local currency, for one base unit), ``priceIncludesTax`` and
``baseUnitOfMeasureCode`` (entity ``item``, microsoft/BCApps, read 2026-11-26). It has no entity for sales prices, price
groups or an item's further units: what a customer's own price list says cannot be read, and is not told.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.connectors.businesscentral.client import BusinessCentral
from crossdock.connectors.businesscentral.polls import EPOCH, Cursor, Row, round_of, sku_field
from crossdock.domain.money import ZERO, plausible
from crossdock.domain.pricing import ONE, Price, PriceMaster
from crossdock.kit.manifest import Page, Poll, Unreachable

_encode = msgspec.json.Encoder().encode


class _Priced(Row, frozen=True, rename="camel"):
    number: str
    gtin: str = ""
    unit_price: Decimal = ZERO
    price_includes_tax: bool = False
    base_unit_of_measure_code: str = ""


async def prices(client: BusinessCentral, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of items with their price and base unit. Raises ``Unreachable``."""
    if not client.settings.get("read_prices"):
        return Page((), cursor or "")
    field = sku_field(client)
    inside = cursor is not None and msgspec.json.decode(cursor, type=Cursor).next is not None
    rows, page = await round_of(client, cursor if inside else None, {}, _Priced, "items", EPOCH)
    named = ((row.gtin if field == "gtin" else row.number, row) for row in rows)
    found = tuple((sku, _encode(_master(sku, row, client.settings))) for sku, row in named if sku)
    return msgspec.structs.replace(page, prices=found)


def _master(sku: str, row: _Priced, settings: Mapping[str, Any]) -> PriceMaster:
    if not plausible(row.unit_price):
        raise Unreachable(f"Business Central's answer to a poll cannot be read: item {row.id} has a price that is none")
    unit = row.base_unit_of_measure_code
    # 0 is what an item shows that nobody gave a price: it is told as none.
    told = (Price("", settings["local_currency"], row.unit_price),) if row.unit_price else ()
    return PriceMaster(sku, row.id, told, unit, unit, {unit: ONE} if unit else {}, row.price_includes_tax)


POLL = Poll("prices", prices, 3600.0)
