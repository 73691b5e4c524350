"""Editing an order that is placed: a line is added, and what the customer owes is more by it until it is paid."""

from decimal import Decimal
from typing import Any

from crossdock.simulators.shopify import taking
from crossdock.simulators.shopify.books import ShopBooks, UserError

Record = dict[str, Any]
_SUMS = ("total_price", "subtotal_price", "total_line_items_price", "current_total_price", "current_subtotal_price")


def add_line(books: ShopBooks, order_id: int, sku: str, price: Decimal) -> Record:
    """One untaxed unit of ``sku`` at ``price`` in the shop's currency; raises ``UserError``."""
    order = books.orders[order_id]
    if order["cancelled_at"]:
        raise UserError("Order is cancelled", "id")
    if order["currency"] != order["presentment_currency"]:
        raise UserError("This simulator edits orders of one currency only", "id")
    money = {"amount": f"{price:.2f}", "currency_code": order["currency"]}
    made = {
        **order["line_items"][0],
        "id": books.fresh_id(),
        "sku": sku,
        "title": f"Added {sku}",
        "name": f"Added {sku}",
        "quantity": 1,
        "current_quantity": 1,
        "fulfillable_quantity": 1,
        "price": f"{price:.2f}",
        "price_set": {"shop_money": money, "presentment_money": dict(money)},
        "discount_allocations": [],
        "tax_lines": [],
        "duties": [],
        "taxable": False,
    }
    made["admin_graphql_api_id"] = f"gid://shopify/LineItem/{made['id']}"
    order["line_items"] = [*order["line_items"], made]
    taking.keep(books, order)
    for name in _SUMS:
        _raise(order, name, price)
    if order["financial_status"] == "paid":
        order["financial_status"] = "partially_paid"
    location = books.fulfilment_orders_of(order_id)[0].location_id
    books.route(order_id, location, [(made["id"], 1)])
    if order["fulfillment_status"] == "fulfilled":
        order["fulfillment_status"] = "partial"
    books.touch(order_id)
    return made


def _raise(order: Record, name: str, by: Decimal) -> None:
    if name in order:
        order[name] = f"{Decimal(order[name]) + by:.2f}"
    for money in order.get(f"{name}_set", {}).values():
        money["amount"] = f"{Decimal(money['amount']) + by:.2f}"
