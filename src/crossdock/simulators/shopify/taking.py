"""What the shop has taken of its customers' money: each capture is a transaction of its own.

An order that is paid at once has one, of its whole total; only orders that are paid in parts keep a list. The vendor's
rules: no more is captured than is outstanding, nothing of a cancelled order, and an order that lacks some is partially
paid, however many captures it has.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.simulators.shopify.books import ShopBooks, UserError
from crossdock.simulators.shopify.refunding import sale_id

Record = Mapping[str, Any]
ZERO = Decimal(0)
UNPAID = ("pending", "authorized", "voided")
SIDES = ("shop_money", "presentment_money")


class Taken(msgspec.Struct):
    """``sides``: as the books keep amounts, in the shop's currency and the customer's."""

    id: str
    number: int
    sides: dict[str, dict[str, str]]
    at: str
    gateway: str

    @property
    def amount(self) -> Decimal:
        return Decimal(self.sides["shop_money"]["amount"])


def taken(books: ShopBooks, order: Record) -> list[Taken]:
    """Every capture of an order, the first one first."""
    if order["id"] in books.captures:
        return list(books.captures[order["id"]])
    return [] if order["financial_status"] in UNPAID else [_sale(order)]


def _sale(order: Record) -> Taken:
    gateway = (order["payment_gateway_names"] or ["manual"])[0]
    sides = {side: dict(order["total_price_set"][side]) for side in SIDES}
    return Taken(sale_id(dict(order)), 1, sides, order["processed_at"], gateway)


def keep(books: ShopBooks, order: Record) -> None:
    """From now on the order's captures are listed: what is owed is about to be another sum than what was paid."""
    books.captures.setdefault(order["id"], taken(books, order))


def outstanding(books: ShopBooks, order: Record) -> dict[str, dict[str, str]]:
    """What is still owed, in both currencies."""
    owed = order.get("current_total_price_set") or order["total_price_set"]
    got = taken(books, order)
    left = {}
    for side in SIDES:
        paid = sum((Decimal(one.sides[side]["amount"]) for one in got), ZERO)
        left[side] = {**owed[side], "amount": f"{Decimal(owed[side]['amount']) - paid}"}
    return left


def capture(books: ShopBooks, order_id: int, amount: Decimal | None) -> Taken:
    """Take ``amount`` (None: all that is outstanding) in the shop's currency; raises ``UserError``."""
    order = books.orders[order_id]
    keep(books, order)
    left = outstanding(books, order)
    most = Decimal(left["shop_money"]["amount"])
    wanted = most if amount is None else amount
    if order["cancelled_at"]:
        raise UserError("Order is cancelled", "id")
    if not ZERO < wanted <= most:
        raise UserError(f"Amount must be greater than zero and at most the outstanding {most}", "amount")
    number = len(books.captures[order_id]) + 1
    gid = f"gid://shopify/OrderTransaction/{order_id}{number}"
    at = f"{books.now():%Y-%m-%dT%H:%M:%S}+00:00"
    made = Taken(gid, number, _part(left, wanted), at, (order["payment_gateway_names"] or ["manual"])[0])
    books.captures[order_id].append(made)
    order["financial_status"] = "paid" if wanted == most else "partially_paid"
    books.touch(order_id)
    return made


def _part(left: Record, wanted: Decimal) -> dict[str, dict[str, str]]:
    """So much of what is left: on the customer's side at the rate of the rest, to the cent."""
    shop, customers = (Decimal(left[side]["amount"]) for side in SIDES)
    share = customers if wanted == shop else (customers * wanted / shop).quantize(Decimal("0.01"))
    return {
        "shop_money": {**left["shop_money"], "amount": f"{wanted:.2f}"},
        "presentment_money": {**left["presentment_money"], "amount": f"{share:.2f}"},
    }
