"""The seller's orders as thin views, for reconciliation: by window, or one by one. Reading only.

A search tells a hundred orders and is rare (one in three minutes); by its id an order is read alone. So the window of
changes is asked for every ten minutes, and no order in turn: Amazon lets go of none that it has shown. Sources: the
published model of the Orders API 2026-01-01; selling-partner-api-models #3945 and #5048 (searches leave orders out).
"""

import re
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from crossdock.connectors.amazon import mapping, standing
from crossdock.connectors.amazon.answers import Failed, lost
from crossdock.connectors.amazon.client import COMPARED, Client
from crossdock.connectors.amazon.wire import Fulfillment, Head
from crossdock.domain.money import ZERO
from crossdock.domain.order import LineKind, Order, order_key
from crossdock.domain.state import ordered
from crossdock.kit.listing import CANCELLED, NONE, OPEN, PART, WHOLE, Listed, Listing, ListPage, Window
from crossdock.kit.manifest import Untranslatable

PAGE = 100
_BY = {"changed": "lastUpdated", "placed": "created"}
_ORDER_ID = re.compile(r"\d{3}-\d{7}-\d{7}")
_FULFILMENT = {"SHIPPED": WHOLE, "PARTIALLY_SHIPPED": PART}
_head = msgspec.json.Decoder(Head).decode


async def pages(client: Client, window: Window, cursor: str | None) -> ListPage:
    """One page of the window. Raises ``Failed``, ``NotSent``, ``AnswerLost``; a token that comes again is the caller's
    to notice, who sees all of them."""
    page = await client.search(window.since, window.until, PAGE, cursor, by=_BY[window.by], datasets=COMPARED)
    following = page.pagination.next_token if page.pagination else None
    return ListPage(tuple(_listed(client, raw) for raw in page.orders), cursor=following or None)


async def named(client: Client, keys: Sequence[str]) -> tuple[Listed, ...]:
    """The orders of these keys that Amazon shows, each read by itself: searches leave orders out at times."""
    prefix = order_key(client.line.connection, "")
    ids = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
    found = [await client.order(one, COMPARED) for one in ids if _ORDER_ID.fullmatch(one)]
    return tuple(_listed(client, raw) for raw in found if raw is not None)


def _listed(client: Client, raw: msgspec.Raw) -> Listed:
    """The view; amounts and units are left out of an order that cannot be read so far: its read-back says why."""
    connection = client.line.connection
    head = _headed(raw)
    fulfillment = head.fulfillment or Fulfillment("")
    status = fulfillment.fulfillment_status
    order = _order(connection, raw)
    return Listed(
        key=order_key(connection, head.order_id),
        external_id=head.order_id,
        number=head.order_id,
        status=CANCELLED if status == "CANCELLED" else OPEN,
        total=order.totals.total.shop if order else None,
        currency=order.currency if order else "",
        changed_at=head.last_updated_time,
        placed_at=head.created_time,
        quantity=_goods(order) if order else None,
        fulfilment=_FULFILMENT.get(status, NONE),
        left_alone=standing.ignored(head.fulfillment, book_amazons=standing.books_amazons(client.line.settings)),
    )


def _headed(raw: msgspec.Raw) -> Head:
    try:
        return _head(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = f"Amazon lists an order that cannot be read: {error}"
        raise Failed(lost("answer_unexpected", text, False)) from error


def _order(connection: str, raw: msgspec.Raw) -> Order | None:
    """The order as the mapping reads it, whatever its status; None while Amazon shows no money (pending)."""
    try:
        return mapping.to_order(connection, mapping.unshipped(mapping.parse_order(raw)))
    except Untranslatable:
        return None


def _goods(order: Order) -> Decimal:
    return sum((ordered(line) for line in order.lines if line.kind is LineKind.ITEM), ZERO)


LISTING = Listing(
    pages,
    named,
    lag_s=180.0,  # a window must end two minutes before Amazon's now; orders that show later are the poll's to find
    most=1,
    signal="order",
    every_s=600.0,  # a third of what the plan gives searches, page by page
    keeps=True,
    from_start=True,  # as the poll does: nobody else's orders are taken over
    reach_days=730,  # Amazon tells orders of two years
)
