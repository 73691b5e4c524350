"""An exchange as the shop makes it: a return with new lines on the same order, processed at once.

The vendor's rules (guide "Reading exchange data for integrations", API 2026-10, and what Microsoft's connector met:
BCApps 8554, 10467; read 2026-11-26): no order of its own, the new lines are the order's, with a fulfilment order of
their own; what comes back pays for what goes out; the refund names the returned lines whole and gives only what is
over; what is missing is outstanding, and holds the new fulfilment order until it is paid.
"""

from collections.abc import Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any, NamedTuple

from crossdock.simulators.shopify import editing, paying, refunding, returning
from crossdock.simulators.shopify.books import FulfilmentOrder, ShopBooks, UserError
from crossdock.simulators.shopify.refunding import Asked
from crossdock.simulators.shopify.returning import Return

Record = dict[str, Any]


class New(NamedTuple):
    """What the customer gets instead."""

    sku: str
    price: Decimal
    quantity: int = 1


class Made(NamedTuple):
    returned: Return
    refund: Record
    fulfilment: FulfilmentOrder
    lines: list[Record]


def exchange(
    books: ShopBooks, order_id: int, back: Sequence[tuple[int, int]], new: Sequence[New], *, over_counter: bool = False
) -> Made:
    """``over_counter``: in a store, where the customer takes the new goods along at once.

    Raises ``UserError`` for goods that had not left, for a cancelled order, one of two currencies, or more money than
    was paid; nothing is entered then.
    """
    order = editing.editable(books, order_id)  # before anything is entered
    returned, before = returning.open_return(books, order_id, back), deepcopy(order)
    try:
        lines, refund = _swap(books, order, back, new)
    except UserError:
        books.orders[order_id] = before
        del books.returns[returned.id]
        raise
    returning.close(books, returned.id)
    returned.refunds.append(refund)
    due = paying.outstanding(books, order)["shop_money"]
    order["financial_status"] = _status(order, due)
    location = books.fulfilment_orders_of(order_id)[0].location_id
    fulfilment = books.route(order_id, location, [(line["id"], line["quantity"]) for line in lines])
    if over_counter:
        books.fulfil({"lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": fulfilment.id}]})
    elif due > 0:
        fulfilment.status, fulfilment.awaits_payment = "ON_HOLD", True
    if order["fulfillment_status"] == "fulfilled" and not over_counter:
        order["fulfillment_status"] = "partial"
    books.touch(order_id)
    return Made(returned, refund, fulfilment, lines)


def _swap(
    books: ShopBooks, order: Record, back: Sequence[tuple[int, int]], new: Sequence[New]
) -> tuple[list[Record], Record]:
    lines = [editing.enter_line(books, order["id"], one.sku, one.price, one.quantity, taxed=True) for one in new]
    worth = sum((editing.worth(order, line) for line in lines), Decimal(0))
    rows = [(line_id, quantity, "return") for line_id, quantity in back]
    return lines, refunding.refund(books, order["id"], Asked(rows, pays_for=worth))


def _status(order: Record, due: Decimal) -> str:
    if due > 0:
        return "partially_paid"
    gave = any(refund["transactions"] for refund in order["refunds"])
    return "partially_refunded" if gave else "paid"


def remove(books: ShopBooks, order_id: int, line_id: int) -> Record:
    """The customer wants nothing instead after all: what has not left of the line is taken off and paid back."""
    order = books.orders[order_id]
    line = next(one for one in order["line_items"] if one["id"] == line_id)
    return refunding.refund(books, order_id, Asked([(line_id, int(line["current_quantity"]), "cancel")]))
