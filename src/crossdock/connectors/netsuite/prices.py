"""Prices, units of measure and what customers buy by, by SuiteQL: everything, every hour, where a setting asks for it.

None of these records tells when it changed, so a round lists all of them, items before customers, paged by internal
id; how old a price is, is how long ago it was listed. Names of records and columns: ``pricing`` (item, pricelevel,
currency, quantity, unitprice), ``pricelevel`` (id, name), ``customeritempricing`` (customer, item), ``unitstypeuom``
(unitstype, internalid, unitname, conversionrate), ``item.unitstype``, ``stockunit``, ``saleunit`` and
``customer.pricelevel``, as SuiteQL statements in public repositories use them (read 2026-11-26). That
``customeritempricing`` also has level, currency and price is how cdn.cdata.com describes SuiteQL's tables (read the
same day); a parser might refuse ``level``, so these have a setting of their own. No account was at hand to try any of
them, so all these settings are off until somebody has. That a price is for one of the item's sale units, and
``quantity`` the least that it holds for, is how NetSuite's help describes the pricing matrix.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.polls import asked, column, rows_of, unreadable
from crossdock.domain.money import ZERO, plausible
from crossdock.domain.pricing import OwnPrice, Price, PriceMaster, TermsMaster
from crossdock.kit.manifest import Page, Poll

_CUSTOM = -1  # the price level of what is entered by hand
BASE_PRICE = "1"  # the price level that every account has, and that a customer without one buys by
_encode = msgspec.json.Encoder().encode
_Id = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a round is: after which internal id of items, then of customers."""

    after: int = 0
    customers: bool = False


class _Item(msgspec.Struct, frozen=True):
    id: _Id
    sku: str
    unitstype: int | None = None
    stockunit: int | None = None
    saleunit: int | None = None


class _Price(msgspec.Struct, frozen=True):
    item: _Id
    pricelevel: int
    currency: str
    unitprice: Decimal | None = None
    quantity: Decimal = ZERO


class _Level(msgspec.Struct, frozen=True):
    id: _Id
    name: str = ""


class _Unit(msgspec.Struct, frozen=True):
    unitstype: _Id
    internalid: _Id
    unitname: str
    conversionrate: Decimal


class _Customer(msgspec.Struct, frozen=True):
    id: _Id
    pricelevel: int | None = None


class _Own(msgspec.Struct, frozen=True):
    """``level``: the price level that holds for the item instead; -1, or none: the price is an amount of its own."""

    customer: _Id
    item: _Id
    level: int | None = None
    currency: str | None = None
    price: Decimal | None = None


class _Currency(msgspec.Struct, frozen=True):
    id: _Id
    symbol: str


async def prices(client: NetSuite, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of items with their prices and units, or of customers with their price level. Raises ``Unreachable``."""
    if not client.settings.get("read_prices"):
        return Page((), cursor or "")
    at = msgspec.json.decode(cursor, type=Cursor) if cursor else Cursor()
    return await (_customers(client, at.after) if at.customers else _items(client, at.after))


async def _items(client: NetSuite, after: int) -> Page:
    sku = column(client.settings.get("sku_field", "itemid"), "sku_field")
    units = ", i.unitstype, i.stockunit, i.saleunit" if client.settings.get("read_units") else ""
    where = f"WHERE i.{sku} IS NOT NULL AND i.id > {after} ORDER BY i.id"
    page = await asked(client, f"SELECT i.id, i.{sku} AS sku{units} FROM item i {where}")  # noqa: S608 - a checked name
    items = rows_of(page.items, _Item)
    if not items:
        return _page(Cursor(0, customers=True), more=True)
    rows, whole = await _within(client, _PRICES, "item", after, items[-1].id, _Price)
    last = items[-1].id if whole else _last_whole(rows, "item")
    levels = {row.id: row.name for row in rows_of((await asked(client, _LEVELS)).items, _Level)}
    measures = await _units(client, items) if units else {}
    found = [
        _master(row, [one for one in rows if one.item == row.id], levels, measures) for row in items if row.id <= last
    ]
    done = whole and not page.has_more
    at = Cursor(0, customers=True) if done else Cursor(last)
    return msgspec.structs.replace(_page(at, more=True), prices=tuple((one.sku, _encode(one)) for one in found))


_PRICES = (
    "SELECT p.item, p.pricelevel, c.symbol AS currency, p.quantity, p.unitprice FROM pricing p "
    "JOIN currency c ON c.id = p.currency"
)
_LEVELS = "SELECT l.id, l.name FROM pricelevel l ORDER BY l.id"
_OWN = "SELECT p.customer, p.item FROM customeritempricing p"
_AGREED = "SELECT p.customer, p.item, p.level, p.currency, p.price FROM customeritempricing p"
_CURRENCIES = "SELECT c.id, c.symbol FROM currency c ORDER BY c.id"


async def _within(
    client: NetSuite, select: str, name: str, after: int, last: int, kind: type[Any]
) -> tuple[list[Any], bool]:
    """The rows of a range of ids, and whether these are all."""
    page = await asked(client, f"{select} WHERE p.{name} > {after} AND p.{name} <= {last} ORDER BY p.{name}")
    return rows_of(page.items, kind), not page.has_more


def _last_whole(rows: list[Any], name: str) -> int:
    """The last id whose rows are all on the page: of the very last one there may be more."""
    if not rows:
        raise unreadable(ValueError(f"there are more prices by {name}, and none on the page"))
    torn = getattr(rows[-1], name)
    before = [getattr(row, name) for row in rows if getattr(row, name) < torn]
    if not before:
        raise unreadable(ValueError(f"{name} {torn} has more prices than a page holds"))
    return int(before[-1])


async def _units(client: NetSuite, items: list[_Item]) -> dict[int, list[_Unit]]:
    types = sorted({row.unitstype for row in items if row.unitstype is not None})
    if not types:
        return {}
    where = f"WHERE u.unitstype IN ({', '.join(map(str, types))}) ORDER BY u.unitstype, u.internalid"
    select = "SELECT u.unitstype, u.internalid, u.unitname, u.conversionrate FROM unitstypeuom u"
    page = await asked(client, f"{select} {where}")
    if page.has_more:
        raise unreadable(ValueError("there are more units of measure than a page holds"))
    found: dict[int, list[_Unit]] = {}
    for row in rows_of(page.items, _Unit):
        found.setdefault(row.unitstype, []).append(row)
    return found


def _master(
    item: _Item, rows: list[_Price], levels: Mapping[int, str], measures: Mapping[int, list[_Unit]]
) -> PriceMaster:
    units = measures.get(item.unitstype or -1, [])
    if any(not plausible(one.conversionrate) or one.conversionrate <= ZERO for one in units):
        raise unreadable(ValueError(f"a unit of item {item.id} has a rate that is none"))
    names = {one.internalid: one.unitname for one in units}
    base = names.get(item.stockunit or -1, "")
    # A level that leaves the price open has no unitprice: that is no price of 0.
    told = [row for row in rows if row.unitprice is not None]
    if any(not plausible(row.unitprice or ZERO) or not plausible(row.quantity) for row in told):
        raise unreadable(ValueError(f"item {item.id} has a price that is no amount"))
    return PriceMaster(
        item.sku,
        str(item.id),
        tuple(
            Price(str(r.pricelevel), r.currency, r.unitprice or ZERO, levels.get(r.pricelevel, ""), r.quantity)
            for r in told
        ),
        names.get(item.saleunit or -1, base),
        base,
        {one.unitname: one.conversionrate for one in units},
        base_list=BASE_PRICE,
    )


async def _customers(client: NetSuite, after: int) -> Page:
    select = "SELECT c.id, c.pricelevel FROM customer c"
    page = await asked(client, f"{select} WHERE c.id > {after} ORDER BY c.id")
    known = rows_of(page.items, _Customer)
    if not known:
        return _page(Cursor())
    told = bool(client.settings.get("read_own_prices"))
    rows, whole = await _within(client, _AGREED if told else _OWN, "customer", after, known[-1].id, _Own)
    last = known[-1].id if whole else _last_whole(rows, "customer")
    symbols = await _symbols(client) if told and rows else {}
    own: dict[int, list[str]] = {}
    agreed: dict[int, list[OwnPrice]] = {}
    for row in rows:
        items = own.setdefault(row.customer, [])
        items += [str(row.item)] if str(row.item) not in items else []
        agreed.setdefault(row.customer, []).extend(_agreed(row, symbols) if told else ())
    terms = [
        TermsMaster(
            str(row.id),
            str(row.pricelevel or BASE_PRICE),
            tuple(own.get(row.id, ())),
            tuple(agreed.get(row.id, ())),
        )
        for row in known
        if row.id <= last
    ]
    more = page.has_more or not whole
    at = _page(Cursor(last, customers=True) if more else Cursor(), more=more)
    return msgspec.structs.replace(at, terms=tuple((one.ref, _encode(one)) for one in terms))


async def _symbols(client: NetSuite) -> dict[str, str]:
    """A currency as a row may name it, by its id or its code, to its code."""
    rows = rows_of((await asked(client, _CURRENCIES)).items, _Currency)
    return {str(row.id): row.symbol for row in rows} | {row.symbol: row.symbol for row in rows}


def _agreed(row: _Own, symbols: Mapping[str, str]) -> tuple[OwnPrice, ...]:
    """What a row says; nothing where it says neither a level nor an amount in a currency that the account has."""
    item, level = str(row.item), row.level if row.level is not None else _CUSTOM
    if level != _CUSTOM:
        return (OwnPrice(item, list=str(level)),)
    currency = symbols.get(row.currency or "")
    if row.price is None or currency is None:
        return ()
    if not plausible(row.price) or row.price < ZERO:
        raise unreadable(ValueError(f"customer {row.customer} has a price of item {row.item} that is no amount"))
    return (OwnPrice(item, currency, row.price),)


def _page(at: Cursor, more: bool = False) -> Page:
    return Page((), _encode(at).decode(), more)


POLL = Poll("prices", prices, 3600.0, masters="price")
