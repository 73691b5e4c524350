"""NetSuite's sales orders as thin views, by SuiteQL, for reconciliation: by window, or by external id. Reading only.

Three statements look at up to 100 orders whatever is on them: the documents, the sums of their lines, the sums of
their invoices. Sources: SuiteQL's record catalogue (``transaction``, ``transactionline``), read 2026-11.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec

from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.documents import SAFE_ID, instant
from crossdock.connectors.netsuite.mapping import account_zone
from crossdock.connectors.netsuite.polls import SQL_FORMAT, WALL_FORMAT, asked, literal, rows_of, unreadable
from crossdock.connectors.netsuite.wire import QueryPage
from crossdock.domain.money import ZERO, plausible
from crossdock.kit.listing import BILLED, CANCELLED, CLOSED, OPEN, Listed, Listing, ListPage, Window
from crossdock.kit.manifest import Unreachable, Untranslatable

# Goods; not charges, discounts, gift certificates, tax and shipping lines.
_GOODS = "('InvtPart', 'NonInvtPart', 'Assembly', 'Kit', 'Service')"
_STATES = {"G": BILLED, "H": CLOSED, "C": CANCELLED, "billed": BILLED, "closed": CLOSED, "cancelled": CANCELLED}
_BY = {"changed": "lastmodifieddate", "placed": "createddate"}
# Which documents of a window name an order: itself, and what was billed for it since.
_PHASES = {"changed": ("SalesOrd", "CustInvc"), "placed": ("SalesOrd",)}

_ORDERS = (
    "SELECT i.id, i.externalid, i.tranid, i.status, i.foreigntotal, c.symbol AS currency, "  # noqa: S608 - constants
    f"TO_CHAR(i.createddate, '{SQL_FORMAT}') AS created, TO_CHAR(i.lastmodifieddate, '{SQL_FORMAT}') AS changed "
    "FROM transaction i JOIN currency c ON c.id = i.currency "
    "WHERE i.type = 'SalesOrd' AND i.externalid IN ({keys}) ORDER BY i.id"
)
_UNITS = (
    "SELECT l.transaction AS id, SUM(l.quantity) AS quantity, SUM(l.quantityshiprecv) AS shipped "  # noqa: S608
    "FROM transactionline l WHERE l.transaction IN ({ids}) AND l.mainline = 'F' "
    f"AND l.itemtype IN {_GOODS} GROUP BY l.transaction ORDER BY l.transaction"
)
_BILLS = (
    "SELECT l.createdfrom AS id, SUM(i.foreigntotal) AS invoiced FROM transaction i "
    "JOIN transactionline l ON l.transaction = i.id "
    "WHERE i.type = 'CustInvc' AND l.mainline = 'T' AND l.createdfrom IN ({ids}) "
    "GROUP BY l.createdfrom ORDER BY l.createdfrom"
)
_CHANGED = {
    "SalesOrd": (
        "SELECT i.id, i.externalid AS orderkey FROM transaction i WHERE i.type = 'SalesOrd' "
        "AND i.externalid IS NOT NULL AND i.id > {after} AND {within} ORDER BY i.id"
    ),
    "CustInvc": (
        "SELECT i.id, o.externalid AS orderkey FROM transaction i JOIN transactionline l ON l.transaction = i.id "
        "JOIN transaction o ON o.id = l.createdfrom WHERE i.type = 'CustInvc' AND l.mainline = 'T' "
        "AND o.externalid IS NOT NULL AND i.id > {after} AND {within} ORDER BY i.id"
    ),
}


class _At(msgspec.Struct, frozen=True):
    """Where a window's listing is: which documents, and after which internal id."""

    phase: str
    after: int = 0


_Id = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Named(msgspec.Struct, frozen=True):
    id: _Id
    orderkey: str


class _Order(msgspec.Struct, frozen=True):
    id: _Id
    externalid: str
    tranid: str
    status: str
    foreigntotal: Decimal
    currency: str
    created: str
    changed: str


class _Units(msgspec.Struct, frozen=True):
    id: _Id
    quantity: Decimal = ZERO
    shipped: Decimal = ZERO


class _Bills(msgspec.Struct, frozen=True):
    id: _Id
    invoiced: Decimal = ZERO


R = TypeVar("R", bound=msgspec.Struct)


async def pages(client: NetSuite, window: Window, cursor: str | None) -> ListPage:
    """Keys of the orders in the window, a thousand documents a page. Raises ``Unreachable``, ``AnswerLost``."""
    phases = _PHASES[window.by]
    at = msgspec.json.decode(cursor, type=_At) if cursor else _At(phases[0])
    statement = _CHANGED[at.phase].format(after=at.after, within=_within(client, window))
    page, rows = await _asked(client, statement, _Named)
    if page.has_more and rows:
        following: _At | None = _At(at.phase, rows[-1].id)
    else:
        rest = phases[phases.index(at.phase) + 1 :]
        following = _At(rest[0]) if rest else None
    keys = tuple(dict.fromkeys(row.orderkey for row in rows))
    return ListPage(keys=keys, cursor=None if following is None else msgspec.json.encode(following).decode())


async def named(client: NetSuite, keys: Sequence[str]) -> tuple[Listed, ...]:
    """The sales orders of these keys, by external id. One that NetSuite could not carry is in no account."""
    wanted = ", ".join(f"'{key}'" for key in sorted(set(keys)) if SAFE_ID.match(key))
    if not wanted:
        return ()
    _, orders = await _asked(client, _ORDERS.format(keys=wanted), _Order)
    if not orders:
        return ()
    ids = ", ".join(str(order.id) for order in orders)
    _, units = await _asked(client, _UNITS.format(ids=ids), _Units)
    _, bills = await _asked(client, _BILLS.format(ids=ids), _Bills)
    by_id, billed = {row.id: row for row in units}, {row.id: row.invoiced for row in bills}
    try:
        return tuple(
            _listed(client.settings, order, by_id.get(order.id, _Units(order.id)), billed.get(order.id, ZERO))
            for order in orders
        )
    except Untranslatable as error:
        raise unreadable(error) from error


def _listed(settings: Mapping[str, Any], order: _Order, units: _Units, invoiced: Decimal) -> Listed:
    if not all(map(plausible, (order.foreigntotal, invoiced, units.quantity, units.shipped))):
        raise Unreachable(f"sales order {order.id} is listed with a number that is no amount")
    return Listed(
        key=order.externalid,
        external_id=str(order.id),
        number=order.tranid,
        status=_state(order.status),
        total=order.foreigntotal,
        currency=order.currency,
        changed_at=instant(order.changed, settings),
        placed_at=instant(order.created, settings),
        quantity=abs(units.quantity),  # SuiteQL states what goes out with a minus
        shipped=abs(units.shipped),
        invoiced=invoiced,
    )


def _state(told: str) -> str:
    """``G``, ``SalesOrd:G``, ``Billed`` and ``Sales Order : Billed`` are one: which is told depends on the account."""
    last = told.rsplit(":", 1)[-1].strip()
    return _STATES.get(last, _STATES.get(last.lower(), OPEN))


def _within(client: NetSuite, window: Window) -> str:
    """The window in the account's wall time. Where clocks are put back in it, both hours of one name are listed."""
    zone = account_zone(client.settings)
    offsets = [at.astimezone(zone).utcoffset() or timedelta(0) for at in (window.since, window.until)]
    since, until = _wall(window.since + min(offsets)), _wall(window.until + max(offsets))
    column = f"i.{_BY[window.by]}"
    return f"{column} >= {literal(since)} AND {column} < {literal(until)}"


def _wall(at: datetime) -> str:
    return at.astimezone(UTC).strftime(WALL_FORMAT)


async def _asked(client: NetSuite, sql: str, kind: type[R]) -> tuple[QueryPage, list[R]]:
    page = await asked(client, sql)
    return page, rows_of(page.items, kind)


# Documents show in SuiteQL as they are saved; a save with scripts takes up to 30 s (vendor facts, pitfall 14).
LISTING = Listing(pages, named, lag_s=60.0, most=100)
