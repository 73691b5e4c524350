"""Stock positions, by SuiteQL on ``aggregateItemLocation``: what changed, every minute; all, every quarter hour.

``quantityonhand`` less ``quantityavailable`` is what NetSuite's own documents have committed. A change of what is
available moves ``lastquantityavailablechange``; a shipment of committed goods does not, and need not. Rows of the last
minutes are listed again in each round, with a later ``as_of``: that is how a booking of ours is known to be in the
numbers.

A row whose quantities cannot be read is handed on as it is: it stops its own SKU, visibly, and none of its page.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.connectors.netsuite import polls
from crossdock.connectors.netsuite.client import NetSuite
from crossdock.domain.events import Event
from crossdock.domain.stock_events import PositionSeen
from crossdock.kit.errors import Asking
from crossdock.kit.manifest import Found, Page, Poll
from crossdock.kit.positions import TOPIC, found, position_of, unreadable

CHANGED = "a.lastquantityavailablechange"
OVERLAP = timedelta(minutes=3)
_encode = msgspec.json.Encoder().encode


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """``at``: account wall time of the last row, "" when everything is listed; ``item``: the last one of a page."""

    at: str = ""
    item: int | None = None
    began: str = ""  # account wall time at the round's first page


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    """Whose row it is, and where paging goes on after it."""

    item: int
    sku: str
    location: str
    changed: str | None = None


class _Row(_Named, frozen=True, kw_only=True):
    onhand: Decimal
    available: Decimal


class _Unread(_Named, frozen=True, kw_only=True):
    """A row whose quantities are none, as NetSuite told them."""

    onhand: Any
    available: Any


async def changed(client: NetSuite, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Positions whose available quantity changed since the last round, and some minutes before."""
    at = msgspec.json.decode(cursor, type=Cursor) if cursor else Cursor(at=polls.wall(client, -timedelta(days=1)))
    since = at.at if at.item is not None else polls.earlier(at.at, OVERLAP)
    where = f"{CHANGED} >= {polls.literal(since)}"
    if at.item is not None:
        same = f"{CHANGED} = {polls.literal(since)} AND a.item > {at.item}"
        where = f"({CHANGED} > {polls.literal(since)} OR ({same}))"
    rows, as_of, more = await _rows(client, where, f"{CHANGED}, a.item, a.location")
    began = at.began or polls.wall_text(as_of, client.settings)
    if more:
        last = rows[-1]
        return _page(client, rows, as_of, Cursor(last.changed or since, last.item, began), more=True)
    return _page(client, rows, as_of, Cursor(began))


async def everything(client: NetSuite, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Every position, from the beginning each time: finds what no change told of."""
    at = msgspec.json.decode(cursor, type=Cursor) if cursor else Cursor()
    rows, as_of, more = await _rows(client, f"a.item > {at.item or 0}", "a.item, a.location")
    return _page(client, rows, as_of, Cursor(item=rows[-1].item) if more else Cursor(), more=more)


async def _rows(client: NetSuite, where: str, order: str) -> tuple[list[_Row | _Unread], datetime, bool]:
    """A page of rows, when it was asked for by NetSuite's clock, and whether there are more. All locations of an item
    stay together."""
    sku = polls.column(client.settings.get("sku_field", "itemid"), "sku_field")
    sql = (
        f"SELECT a.item, i.{sku} AS sku, a.location, a.quantityonhand AS onhand, "  # noqa: S608 - checked names
        f"a.quantityavailable AS available, TO_CHAR({CHANGED}, '{polls.SQL_FORMAT}') AS changed "
        f"FROM aggregateItemLocation a JOIN item i ON i.id = a.item WHERE {where} ORDER BY {order}"
    )
    asking = Asking(client.line)
    page = await polls.asked(client, sql)
    as_of = asking.at(client.told_at)
    rows = [_row(told) for told in page.items]
    if not page.has_more:
        return rows, as_of, False
    last = (rows[-1].changed, rows[-1].item)
    whole = [row for row in rows if (row.changed, row.item) != last]
    return whole or rows, as_of, True


def _row(told: Mapping[str, Any]) -> _Row | _Unread:
    """Raises ``Unreachable`` for a row that does not even say whose it is."""
    try:
        row = msgspec.convert(told, type=_Row, strict=False)
        if row.onhand.is_finite() and row.available.is_finite():
            return row
    except (ValueError, msgspec.ValidationError):
        pass  # its own SKU is told so, below
    (named,) = polls.rows_of([dict(told)], _Named)
    return _Unread(
        item=named.item, sku=named.sku, location=named.location, changed=named.changed,
        onhand=told.get("onhand"), available=told.get("available"),
    )  # fmt: skip


def _page(client: NetSuite, rows: list[_Row | _Unread], as_of: datetime, cursor: Cursor, more: bool = False) -> Page:
    positions = tuple(_found(client.line.connection, row, as_of) for row in rows if row.sku)
    return Page(positions, _encode(cursor).decode(), more)


def _found(connection: str, row: _Row | _Unread, as_of: datetime) -> Found:
    if isinstance(row, _Unread):
        return unreadable(connection, row.location, row.sku, as_of, row.onhand, row.available)
    committed = max(row.onhand - row.available, Decimal(0))
    return found(PositionSeen(connection, row.location, row.sku, row.onhand, committed, as_of))


def translate(connection: str, topic: str, body: bytes) -> list[Event]:
    """Whatever a poll of this connector found. Raises ``Untranslatable``."""
    if topic == TOPIC:
        return [position_of(connection, body)]
    return polls.translate(connection, topic, body)


POLLS: Mapping[str, Poll] = {
    **polls.POLLS,
    "positions": Poll("positions", changed, 60.0),
    "positions_all": Poll("positions_all", everything, 900.0),
}
