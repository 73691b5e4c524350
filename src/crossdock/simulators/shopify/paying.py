"""What customers paid, and what they still owe: each payment is a transaction of its own."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crossdock.simulators.shopify.refusing import UserError

if TYPE_CHECKING:
    from crossdock.simulators.shopify.books import ShopBooks

SIDES = ("shop_money", "presentment_money")
_PAID = ("paid", "partially_refunded", "refunded")
_PLACES = {"JPY": 0, "KRW": 0, "KWD": 3}

Record = Mapping[str, Any]
Sides = dict[str, Decimal]


class Receipt(msgspec.Struct):
    """Money that came in. ``id``: the order's transaction."""

    id: int
    sides: Sides
    at: datetime
    kind: str = "SALE"  # or CAPTURE: a part of what was to be paid


def begin(books: "ShopBooks", order: Record) -> None:
    """An order that is entered as paid was paid whole."""
    if order["financial_status"] in _PAID and "total_price_set" in order:
        _receive(books, order, _bag(order["total_price_set"]))


def receive(books: "ShopBooks", order: Record) -> None:
    """The customer pays what is outstanding."""
    _receive(books, order, outstanding(books, order))


def capture(books: "ShopBooks", order_id: int, amount: Decimal) -> Receipt:
    """Take a part of what is outstanding, in the shop's currency; raises ``UserError``.

    No more is captured than is outstanding, nothing of a cancelled order, and an order that lacks some is partially
    paid, however many captures it has.
    """
    order = books.orders[order_id]
    left = outstanding(books, order)
    most = left["shop_money"]
    if order["cancelled_at"]:
        raise UserError("Order is cancelled", "id")
    if not 0 < amount <= most:
        raise UserError(f"Amount must be greater than zero and at most the outstanding {most}", "amount")
    made = _receive(books, order, _part(left, amount), "CAPTURE" if books.receipts.get(order_id) else "SALE")
    order["financial_status"] = "paid" if amount == most else "partially_paid"
    books.touch(order_id)
    return made


def _part(left: Sides, wanted: Decimal) -> Sides:
    """So much of what is left: on the customer's side at the rate of the rest, to the cent."""
    shop, customers = (left[side] for side in SIDES)
    share = customers if wanted == shop else (customers * wanted / shop).quantize(Decimal("0.01"))
    return {"shop_money": wanted, "presentment_money": share}


def _receive(books: "ShopBooks", order: Record, sides: Sides, kind: str = "SALE") -> Receipt:
    known = books.receipts.setdefault(order["id"], [])
    made = Receipt(order["id"] * 10 + len(known) + 1, sides, books.now(), kind)
    known.append(made)
    return made


def received(books: "ShopBooks", order_id: int) -> Sides:
    known = books.receipts.get(order_id, [])
    return {side: sum((one.sides[side] for one in known), Decimal(0)) for side in SIDES}


def outstanding(books: "ShopBooks", order: Record) -> Sides:
    """The order's total before returns, less what was paid and what came back instead of being paid for.

    Positive in the merchant's favour, as ``totalOutstandingSet`` says (Admin API 2026-10).
    """
    if order["cancelled_at"]:
        return dict.fromkeys(SIDES, Decimal(0))
    total, paid = _bag(order["total_price_set"]), received(books, order["id"])
    instead = books.set_off.get(order["id"], dict.fromkeys(SIDES, Decimal(0)))
    return {side: total[side] - paid[side] - instead[side] for side in SIDES}


def outstanding_set(books: "ShopBooks", order: Record) -> dict[str, Any]:
    """The same as a bag. Of an imported order it is what its body says."""
    if "total_outstanding" in order:
        return _told(order, dict.fromkeys(SIDES, Decimal(order["total_outstanding"])))
    return _told(order, outstanding(books, order))


def refunded_set(order: Record) -> dict[str, Any]:
    """What went back to the customer, as ``totalRefundedSet`` says."""
    went = [_bag(one["sides"]) for refund in order["refunds"] for one in refund["transactions"] if "sides" in one]
    return _told(order, {side: sum((one[side] for one in went), Decimal(0)) for side in SIDES})


def _told(order: Record, sides: Sides) -> dict[str, Any]:
    currencies = {"shop_money": order["currency"], "presentment_money": order["presentment_currency"]}
    return {
        side: {"amount": _printed(sides[side], currency), "currency_code": currency}
        for side, currency in currencies.items()
    }


def _printed(amount: Decimal, currency: str) -> str:
    return f"{amount:.{_PLACES.get(currency, 2)}f}"


def _bag(told: Record) -> Sides:
    return {side: Decimal(told[side]["amount"]) for side in SIDES}
