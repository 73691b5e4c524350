"""Stock positions: an item's ``inventory``, and what open sales orders have taken of it.

The standard API tells an item's inventory over all locations, and neither it nor the item ledger by location (vendor
facts, inventory): the company is one place, called ``company``. ``inventory`` does not know sales orders (pitfall 10),
so what is on their lines and has not been shipped is added up here. It is read **before** the inventory: what is posted
in between counts twice for a while, and never not at all. All of it is read from the primary database: a replica that
runs behind would be without a booking that is long over.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec

from crossdock.connectors.businesscentral import polls
from crossdock.connectors.businesscentral.answers import Stopped
from crossdock.connectors.businesscentral.client import BusinessCentral, quoted
from crossdock.connectors.businesscentral.paging import rest_of
from crossdock.connectors.businesscentral.posting import instant
from crossdock.connectors.businesscentral.wire import OrderLine
from crossdock.domain.events import Event
from crossdock.domain.money import ZERO, plausible
from crossdock.domain.stock_events import PositionSeen
from crossdock.kit.errors import Asking
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Page, Poll, Unreachable, Untranslatable
from crossdock.kit.positions import TOPIC, found, position_of

PLACE = "company"
OVERLAP = timedelta(minutes=3)  # rows of the last minutes come again: so a booking is known to be in the numbers
FIRST_LOOK_BACK = timedelta(days=1)
PAGE = 1000
AT_ONCE = 20  # items named in one question: so many fit into an address
MOST_AT_ONCE = 500  # changed items of one page
_MOST_PAGES = 200
_OPEN = f"salesOrders?$filter={quote('fullyShipped eq false')}&$expand=salesOrderLines"
_encode = msgspec.json.Encoder().encode


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """``since``: what changed from then on is looked at; ``after``: the last item of the page before; ``next``: the
    rest of the vendor's link; ``began``: when the round's first page was asked, by the vendor's clock."""

    since: datetime | None = None
    after: str | None = None
    next: str | None = None
    began: datetime | None = None


class _Order(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    last_modified_date_time: str
    sales_order_lines: list[OrderLine]


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    item_number: str


class _Item(msgspec.Struct, frozen=True, rename="camel"):
    number: Annotated[str, msgspec.Meta(min_length=1)]
    inventory: Decimal
    type: str = ""
    gtin: str = ""


class _Orders(msgspec.Struct, frozen=True):
    value: list[_Order]
    next: str | None = msgspec.field(default=None, name="@odata.nextLink")


class _Entries(msgspec.Struct, frozen=True):
    value: list[_Entry]
    next: str | None = msgspec.field(default=None, name="@odata.nextLink")


class _Items(msgspec.Struct, frozen=True):
    value: list[_Item]
    next: str | None = msgspec.field(default=None, name="@odata.nextLink")


L = TypeVar("L", _Orders, _Entries, _Items)


class _Open(msgspec.Struct):
    """What open sales orders hold: by item number, and the items of those that changed lately."""

    taken: dict[str, Decimal]
    touched: set[str]


async def changed(client: BusinessCentral, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Positions that a posting or a change of a sales order may have moved. Raises ``Unreachable``, ``AnswerLost``."""
    asking = Asking(client.line)
    at = msgspec.json.decode(cursor, type=Cursor) if cursor else Cursor()
    since = at.since or asking.sent - FIRST_LOOK_BACK
    open_ = await _open_orders(client, since)
    as_of = asking.at(client.told_at)
    began = at.began or client.told_at or as_of
    touched = sorted(open_.touched | await _moved(client, since))
    rest = [number for number in touched if at.after is None or number > at.after]
    some, more = rest[:MOST_AT_ONCE], len(rest) > MOST_AT_ONCE
    rows = [
        row for start in range(0, len(some), AT_ONCE) for row in await _named(client, some[start : start + AT_ONCE])
    ]
    following = Cursor(since, some[-1], began=began) if more else Cursor(began - OVERLAP)
    return _page(client, rows, open_.taken, as_of, following, more=more)


async def everything(client: BusinessCentral, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Every position, from the beginning each time: finds what no change told of, as a sales order that was deleted."""
    asking = Asking(client.line)
    at = msgspec.json.decode(cursor, type=Cursor) if cursor else Cursor()
    open_ = await _open_orders(client, asking.sent)
    as_of = asking.at(client.told_at)
    page = await _asked(client, f"items?{at.next or '$orderby=number'}", _Items)
    following = Cursor(next=rest_of(page.next, "items")) if page.next else Cursor()
    return _page(client, page.value, open_.taken, as_of, following, more=page.next is not None)


def _page(
    client: BusinessCentral,
    rows: Iterable[_Item],
    taken: Mapping[str, Decimal],
    as_of: datetime,
    following: Cursor,
    *,
    more: bool,
) -> Page:
    by_gtin = client.settings.get("sku_field", "number") == "gtin"
    positions = []
    for row in rows:
        sku = row.gtin if by_gtin else row.number
        if not plausible(row.inventory):
            raise Unreachable(f"item {row.number} has an inventory that is no quantity")
        if sku and row.type in ("", "Inventory"):
            committed = taken.get(row.number, ZERO)
            positions.append(PositionSeen(client.line.connection, PLACE, sku, row.inventory, committed, as_of))
    return Page(tuple(map(found, positions)), _encode(following).decode(), more)


async def _open_orders(client: BusinessCentral, since: datetime) -> _Open:
    """What is on sales orders and has not left, drafts included: they are promised too."""
    held = _Open({}, set())
    for order in await _whole(client, "salesOrders", _OPEN, _Orders):
        lines = [line for line in order.sales_order_lines if line.line_type == "Item" and line.open > 0]
        for line in lines:
            held.taken[line.line_object_number] = held.taken.get(line.line_object_number, ZERO) + line.open
        if _at(order) >= since:
            held.touched |= {line.line_object_number for line in lines}
    return held


def _at(order: _Order) -> datetime:
    try:
        return instant(order.last_modified_date_time)
    except Untranslatable as error:
        raise Unreachable(f"Business Central's answer to a poll cannot be read: {error}") from error


async def _moved(client: BusinessCentral, since: datetime) -> set[str]:
    """Items that came or went. An item's own last change does not tell it: its inventory is a sum."""
    told = f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    path = f"itemLedgerEntries?$filter={quote(f'lastModifiedDateTime ge {told}', safe=':')}&$orderby=entryNumber"
    return {entry.item_number for entry in await _whole(client, "itemLedgerEntries", path, _Entries)}


async def _named(client: BusinessCentral, numbers: list[str]) -> list[_Item]:
    where = quote(" or ").join(f"number%20eq%20{quoted(number)}" for number in numbers)
    return (await _asked(client, f"items?$filter={where}", _Items)).value


async def _whole(client: BusinessCentral, entity: str, path: str, kind: type[L]) -> list[Any]:
    rows: list[Any] = []
    for _ in range(_MOST_PAGES):
        page = await _asked(client, path, kind)
        rows += page.value
        if page.next is None:
            return rows
        path = f"{entity}?{rest_of(page.next, entity)}"
    raise Unreachable(f"Business Central's list of {entity} does not end after {_MOST_PAGES} pages")


async def _asked(client: BusinessCentral, path: str, kind: type[L]) -> L:
    try:
        return await client.listed_as(kind, path, page=PAGE, replica=False)
    except Stopped as stopped:
        raise Unreachable(f"Business Central did not answer a poll: {stopped.outcome}") from stopped
    except NotSent as error:
        raise Unreachable(f"Business Central cannot be reached: {error}") from error


def translate(connection: str, topic: str, body: bytes) -> list[Event]:
    """Whatever a poll or a notification of this connector brought. Raises ``Untranslatable``."""
    if topic == TOPIC:
        return [position_of(connection, body)]
    return polls.translate(connection, topic, body)


POLLS: Mapping[str, Poll] = {
    **polls.POLLS,
    "positions": Poll("positions", changed, 60.0),
    "positions_all": Poll("positions_all", everything, 900.0),
}
