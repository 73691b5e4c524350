"""Shopify's returns to canonical ones. Pure but for the types of the answer, which are here too.

A return that is requested waits for the shop's word; one that is open is authorised, and received when it is closed:
with what of it was processed, or whole where nothing was (returns that are closed without being processed). One that is
cancelled or declined is called off. Units of goods that no order line is known for are left out: they are in nobody's
quantities.
"""

from decimal import Decimal

from crossdock.connectors.shopify.graph import PageInfo, Ref, Struct, number
from crossdock.connectors.shopify.wire import Instant
from crossdock.domain.refund import Return, ReturnedLine

_STATUS = {
    "REQUESTED": "requested",
    "OPEN": "authorised",
    "CANCELED": "cancelled",
    "DECLINED": "cancelled",
    "CLOSED": "received",
}


class _Fulfilled(Struct, frozen=True):
    line_item: Ref


class Line(Struct, frozen=True):
    quantity: int
    processed_quantity: int = 0
    fulfillment_line_item: _Fulfilled | None = None


class Lines(Struct, frozen=True):
    nodes: tuple[Line, ...]
    page_info: PageInfo


class _Refund(Struct, frozen=True):
    id: str
    created_at: Instant | None = None


class _Refunds(Struct, frozen=True):
    nodes: tuple[_Refund, ...]


class Told(Struct, frozen=True):
    id: str
    status: str
    created_at: Instant
    return_line_items: Lines
    refunds: _Refunds
    closed_at: Instant | None = None


class Page(Struct, frozen=True):
    nodes: tuple[Told, ...]
    page_info: PageInfo


class OfOrder(Struct, frozen=True):
    id: str
    returns: Page


class ReturnsData(Struct, frozen=True):
    order: OfOrder | None


class _Brief(Struct, frozen=True):
    id: str
    status: str
    total_quantity: int


class _Briefs(Struct, frozen=True):
    nodes: tuple[_Brief, ...]


class UnderWay(Struct, frozen=True):
    """An order in the list of those with returns under way: enough to tell whether anything is new."""

    id: str
    returns: _Briefs


class UnderWayPage(Struct, frozen=True):
    nodes: tuple[UnderWay, ...]
    page_info: PageInfo


class UnderWayData(Struct, frozen=True):
    orders: UnderWayPage


def is_whole(page: Page) -> bool:
    return not (
        page.page_info.has_next_page or any(one.return_line_items.page_info.has_next_page for one in page.nodes)
    )


def to_return(told: Told) -> Return | None:
    """None for a return whose status is new to us. It may name no goods of the order, or no more."""
    status = _STATUS.get(told.status)
    rows = told.return_line_items.nodes
    processed = status == "received" and any(row.processed_quantity for row in rows)
    sums: dict[str, int] = {}
    for row in rows:
        if row.fulfillment_line_item is not None:
            line_id = number(row.fulfillment_line_item.line_item.id)
            sums[line_id] = sums.get(line_id, 0) + (row.processed_quantity if processed else row.quantity)
    lines = tuple(ReturnedLine(line_id, Decimal(quantity)) for line_id, quantity in sums.items() if quantity)
    if status is None:
        return None
    refunds = told.refunds.nodes
    instants = [told.created_at, told.closed_at, *(one.created_at for one in refunds)]
    at = max(each for each in instants if each is not None)
    return Return(number(told.id), status, lines, at, tuple(number(one.id) for one in refunds))
