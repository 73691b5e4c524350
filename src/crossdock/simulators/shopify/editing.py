"""Editing an order that is placed: a line is added, and what the customer owes is more by it until it is paid."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crossdock.simulators.shopify.books import ShopBooks, UserError

Record = dict[str, Any]
_TOTALS = ("total_price", "current_total_price")
_SUMS = ("total_price", "subtotal_price", "total_line_items_price", "current_total_price", "current_subtotal_price")


def add_line(books: ShopBooks, order_id: int, sku: str, price: Decimal) -> Record:
    """One untaxed unit of ``sku`` at ``price`` in the shop's currency; raises ``UserError``."""
    made = enter_line(books, order_id, sku, price, 1, taxed=False)
    order = books.orders[order_id]
    if order["financial_status"] == "paid":
        order["financial_status"] = "partially_paid"
    location = books.fulfilment_orders_of(order_id)[0].location_id
    books.route(order_id, location, [(made["id"], 1)])
    if order["fulfillment_status"] == "fulfilled":
        order["fulfillment_status"] = "partial"
    books.touch(order_id)
    return made


def editable(books: ShopBooks, order_id: int) -> Record:
    """The order, if it can be edited; raises ``UserError``."""
    order = books.orders[order_id]
    if order["cancelled_at"]:
        raise UserError("Order is cancelled", "id")
    if order["currency"] != order["presentment_currency"]:
        raise UserError("This simulator edits orders of one currency only", "id")
    return order


def enter_line(books: ShopBooks, order_id: int, sku: str, price: Decimal, quantity: int, *, taxed: bool) -> Record:
    """A line more, and the order's sums; ``taxed``: at the rates of the order's first line. Raises ``UserError``."""
    order = editable(books, order_id)
    money = {"amount": f"{price:.2f}", "currency_code": order["currency"]}
    made = {
        **order["line_items"][0],
        "id": books.fresh_id(),
        "sku": sku,
        "title": f"Added {sku}",
        "name": f"Added {sku}",
        "quantity": quantity,
        "current_quantity": quantity,
        "fulfillable_quantity": quantity,
        "price": f"{price:.2f}",
        "price_set": {"shop_money": money, "presentment_money": dict(money)},
        "discount_allocations": [],
        "tax_lines": _taxes(order, price * quantity) if taxed else [],
        "duties": [],
        "taxable": taxed,
    }
    made["admin_graphql_api_id"] = f"gid://shopify/LineItem/{made['id']}"
    order["line_items"] = [*order["line_items"], made]
    tax = _tax(made)
    for name in _SUMS:
        _raise(order, name, worth(order, made) if name in _TOTALS else price * quantity)
    for name in ("total_tax", "current_total_tax"):
        _raise(order, name, tax)
    return made


def worth(order: Record, line: Record) -> Decimal:
    """What a line adds to the order's total."""
    net = Decimal(line["price"]) * int(line["quantity"])
    return net if order["taxes_included"] else net + _tax(line)


def _tax(line: Record) -> Decimal:
    return sum((Decimal(one["price"]) for one in line["tax_lines"]), Decimal(0))


def _taxes(order: Record, net: Decimal) -> list[Record]:
    """The first line's taxes on another price, each rounded for itself."""
    told = order["line_items"][0]["tax_lines"]
    rates = [Decimal(str(one["rate"])) for one in told]
    whole = 1 + sum(rates, Decimal(0)) if order["taxes_included"] else Decimal(1)
    found = []
    for one, rate in zip(told, rates, strict=True):
        amount = f"{(net * rate / whole).quantize(Decimal('0.01'), ROUND_HALF_UP):f}"
        money = {"amount": amount, "currency_code": order["currency"]}
        found.append({**one, "price": amount, "price_set": {"shop_money": money, "presentment_money": dict(money)}})
    return found


def _raise(order: Record, name: str, by: Decimal) -> None:
    if name in order:
        order[name] = f"{Decimal(order[name]) + by:.2f}"
    for money in order.get(f"{name}_set", {}).values():
        money["amount"] = f"{Decimal(money['amount']) + by:.2f}"
