"""A refund as the shop makes it: what the lines come to, what is added or kept back, and what becomes of the goods.

Rules of the vendor's: no more of a line than is left of it, no more money than was paid, and what the calculated refund
is to be reduced by is told as an adjustment, negative where more is given (shipping, goodwill).
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from crossdock.simulators.shopify import paying
from crossdock.simulators.shopify.books import ShopBooks, UserError, numeric

Record = dict[str, Any]
SIDES = ("shop_money", "presentment_money")
NIL: dict[str, Decimal] = dict.fromkeys(SIDES, Decimal(0))
_PLACES = {"JPY": 0, "KRW": 0, "KWD": 3}


class Asked(NamedTuple):
    """``lines``: (line id, quantity, restock type or None for what fits). ``amount``: goodwill beside the lines, in the
    shop's currency; negative: so much is kept back. ``shares``: how the money is split over gateways."""

    lines: Sequence[tuple[int, int, str | None]] = ()
    shipping: bool = False
    amount: Decimal = Decimal(0)
    shares: Sequence[Decimal] = (Decimal(1),)
    note: str | None = None
    pays_for: Decimal = Decimal(0)  # so much of it is not paid out: it pays for new lines (one currency only)
    both: Mapping[str, Decimal] | None = None  # the amount in either currency, where it was told in the customer's


def refund(books: ShopBooks, order_id: int, asked: Asked) -> Record:
    """Make it, or raise ``UserError``. Gives the body of ``refunds/create``."""
    order = books.orders[order_id]
    if order["cancelled_at"]:
        raise UserError("Order is cancelled, its payments are refunded", "orderId")
    rows = [_row(books, order, *line) for line in asked.lines]
    worth = _sum(order, rows, asked)
    given = worth
    if asked.pays_for:
        given = {side: max(amount - asked.pays_for, Decimal(0)) for side, amount in worth.items()}
    got = paying.received(books, order_id) if books.receipts.get(order_id) else _bag(order["total_price_set"])
    paid = _plus([got], [_negative(_refunded(each)) for each in order["refunds"]])
    if given["shop_money"] > paid["shop_money"] or given["shop_money"] < 0:
        raise UserError(f"Refund amount cannot be greater than net payment ({paid['shop_money']})", "transactions")
    for row, (_, _, restock) in zip(rows, asked.lines, strict=True):
        _take(books, order, row, restock)
    body = _body(books, order, rows, asked, given)
    order["refunds"].append(body)
    known = books.set_off.get(order_id, NIL)
    books.set_off[order_id] = {side: known[side] + worth[side] - given[side] for side in SIDES}
    rest = paid["shop_money"] - given["shop_money"]
    if given["shop_money"] or order["financial_status"] == "paid":
        order["financial_status"] = "partially_refunded" if rest else "refunded"
    books.touch(order_id)
    return body


def _row(books: ShopBooks, order: Record, line_id: int, quantity: int, restock: str | None) -> Record:
    line = next((each for each in order["line_items"] if each["id"] == line_id), None)
    if line is None or quantity < 1 or quantity > line["current_quantity"]:
        raise UserError("Refund line items quantity cannot refund more items than were purchased", "refundLineItems")
    left = _left(books, order, line_id) >= quantity
    if restock == "cancel" and left and not _open(books, order, line_id):
        raise UserError("Fulfilled line items cannot be restocked as cancelled", "refundLineItems")
    share = Decimal(quantity) / line["quantity"]
    off = [_bag(each["amount_set"]) for each in line["discount_allocations"]]
    gross = {side: Decimal(line["price_set"][side]["amount"]) * line["quantity"] for side in SIDES}
    subtotal = _plus([gross], [_negative(each) for each in off])
    tax = _plus([], [_bag(each["price_set"]) for each in line["tax_lines"]])
    return {
        "id": books.fresh_id(),
        "line_item_id": line_id,
        "quantity": quantity,
        "restock_type": restock or ("return" if left else "cancel"),
        **_priced(order, "subtotal", _times(order, subtotal, share), number=True),
        **_priced(order, "total_tax", _times(order, tax, share), number=True),
        "line_item": {"id": line_id, "sku": line["sku"]},
    }


def _left(books: ShopBooks, order: Record, line_id: int) -> int:
    """Units that were fulfilled and not refunded since."""
    told = sum(quantity for one in books.fulfilments_of(order["id"]) for id_, quantity in one.lines if id_ == line_id)
    back: int = sum(
        row["quantity"]
        for each in order["refunds"]
        for row in each["refund_line_items"]
        if row["line_item_id"] == line_id and row["restock_type"] != "cancel"
    )
    return told - back


def _open(books: ShopBooks, order: Record, line_id: int) -> int:
    rows = [line for one in books.fulfilment_orders_of(order["id"]) for line in one.lines if line.line_id == line_id]
    return sum(line.remaining for line in rows)


def _take(books: ShopBooks, order: Record, row: Record, restock: str | None) -> None:
    """Units that have not left will not leave any more."""
    line = next(each for each in order["line_items"] if each["id"] == row["line_item_id"])
    stays = _left(books, order, line["id"]) < row["quantity"] or row["restock_type"] == "cancel"
    line["current_quantity"] -= row["quantity"]
    rest = row["quantity"] if stays else 0
    line["fulfillable_quantity"] = max(line.get("fulfillable_quantity", line["quantity"]) - rest, 0)
    for one in books.fulfilment_orders_of(order["id"]):
        for each in one.lines:
            if each.line_id == line["id"]:
                part = min(rest, each.remaining)
                each.remaining -= part
                rest -= part
        if not any(each.remaining for each in one.lines) and one.status in ("OPEN", "IN_PROGRESS"):
            one.status = "CLOSED"


def _body(books: ShopBooks, order: Record, rows: list[Record], asked: Asked, given: dict[str, Decimal]) -> Record:
    refund_id, at = books.fresh_id(), f"{books.now():%Y-%m-%dT%H:%M:%S}+00:00"
    adjustments = []
    if asked.shipping:
        adjustments.append(_adjustment(books, order, "shipping_refund", *_shipping(order)))
    if asked.amount:
        adjustments.append(_adjustment(books, order, "refund_discrepancy", _goodwill(order, asked), NIL))
    return {
        "id": refund_id,
        "admin_graphql_api_id": f"gid://shopify/Refund/{refund_id}",
        "order_id": order["id"],
        "created_at": at,
        "processed_at": at,
        "note": asked.note,
        "restock": bool(rows),
        "refund_line_items": rows,
        "order_adjustments": adjustments,
        "transactions": _transactions(books, order, refund_id, asked.shares, given),
        "duties": [],
    }


def _transactions(
    books: ShopBooks, order: Record, refund_id: int, shares: Sequence[Decimal], given: dict[str, Decimal]
) -> list[Record]:
    """What goes back on each gateway; told in what the customer pays in."""
    if not given["shop_money"]:
        return []
    parts = [_times(order, given, share) for share in shares[:-1]]
    parts.append(_plus([given], [_negative(part) for part in parts]))
    gateways = ("shopify_payments", "gift_card", "manual")
    return [
        {
            "id": books.fresh_id(),
            "order_id": order["id"],
            "kind": "refund",
            "status": "success",
            "gateway": gateways[place % len(gateways)],
            "amount": _printed(part["presentment_money"], order["presentment_currency"]),
            "currency": order["presentment_currency"],
            "sides": _told(order, part),
        }
        for place, part in enumerate(parts)
    ]


def _shipping(order: Record) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """What is left of shipping to give back, and its tax."""
    lines = order["shipping_lines"]
    price = _plus([], [_bag(line["price_set"]) for line in lines])
    off = [_bag(each["amount_set"]) for line in lines for each in line["discount_allocations"]]
    return _plus([price], [_negative(each) for each in off]), _plus(
        [], [_bag(tax["price_set"]) for line in lines for tax in line["tax_lines"]]
    )


def _adjustment(
    books: ShopBooks, order: Record, kind: str, amount: Mapping[str, Decimal], tax: Mapping[str, Decimal]
) -> Record:
    return {
        "id": books.fresh_id(),
        "kind": kind,
        "reason": "Shipping refund" if kind == "shipping_refund" else "Refund discrepancy",
        **_priced(order, "amount", _negative(amount)),
        **_priced(order, "tax_amount", _negative(tax)),
    }


def _sum(order: Record, rows: list[Record], asked: Asked) -> dict[str, Decimal]:
    """What the customer gets."""
    parts = [_bag(row["subtotal_set"]) for row in rows]
    taxes = [_bag(row["total_tax_set"]) for row in rows]
    if asked.shipping:
        amount, tax = _shipping(order)
        parts.append(amount)
        taxes.append(tax)
    parts.append(_goodwill(order, asked))
    return _plus(parts, [] if order["taxes_included"] else taxes)


def _refunded(body: Mapping[str, Any]) -> dict[str, Decimal]:
    return _plus([], [_bag(one["sides"]) for one in body["transactions"]])


def pay_back(books: ShopBooks, wanted: Mapping[str, Any]) -> Record:
    """What ``refundCreate`` makes of transactions without lines; raises ``UserError``."""
    order = books.orders.get(numeric(wanted["orderId"]))
    if order is None:
        raise UserError("Order does not exist", "orderId")
    if set(wanted) - {"orderId", "note", "notify", "currency", "transactions"}:
        raise UserError("This simulator refunds amounts only", "input")
    if wanted.get("currency") not in (None, order["presentment_currency"]):
        raise UserError("Currency must be the order's presentment currency", "currency")
    rows = wanted["transactions"]
    if not rows or any((row["kind"], row.get("parentId")) != ("REFUND", sale_id(order)) for row in rows):
        raise UserError("Refunds must name the transaction that they refund", "transactions")
    amount = sum((Decimal(row["amount"]) for row in rows), Decimal(0))
    if amount <= 0:
        raise UserError("Refund amount must be greater than zero", "transactions")
    whole = _bag(order["total_price_set"])
    rate = whole["shop_money"] / whole["presentment_money"] if whole["presentment_money"] else Decimal(1)
    both = {"shop_money": _rounded(amount * rate, order["currency"]), "presentment_money": amount}
    return refund(books, order["id"], Asked(amount=both["shop_money"], note=wanted.get("note"), both=both))


def sale_id(order: Record) -> str:
    """The transaction by which the customer paid."""
    return f"gid://shopify/OrderTransaction/{order['id']}1"


def _goodwill(order: Record, asked: Asked) -> dict[str, Decimal]:
    return dict(asked.both) if asked.both is not None else _both(order, asked.amount)


def _both(order: Record, amount: Decimal) -> dict[str, Decimal]:
    """An amount in the shop's currency, and at the order's own rate in the customer's."""
    whole = _bag(order["total_price_set"])
    rate = whole["presentment_money"] / whole["shop_money"] if whole["shop_money"] else Decimal(1)
    return {"shop_money": amount, "presentment_money": _rounded(amount * rate, order["presentment_currency"])}


def _bag(told: Mapping[str, Any]) -> dict[str, Decimal]:
    return {side: Decimal(told[side]["amount"]) for side in SIDES}


def _plus(one: Sequence[Mapping[str, Decimal]], other: Sequence[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    return {side: sum((each[side] for each in (*one, *other)), Decimal(0)) for side in SIDES}


def _negative(amount: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {side: Decimal(0) - amount[side] for side in SIDES}


def _currency(order: Record, side: str) -> str:
    return str(order["currency"] if side == "shop_money" else order["presentment_currency"])


def _times(order: Record, amount: Mapping[str, Decimal], share: Decimal) -> dict[str, Decimal]:
    return {side: _rounded(amount[side] * share, _currency(order, side)) for side in SIDES}


def _rounded(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-_PLACES.get(currency, 2)), ROUND_HALF_UP)


def _printed(amount: Decimal, currency: str) -> str:
    return f"{_rounded(amount, currency):f}"


def _told(order: Record, amount: Mapping[str, Decimal]) -> Record:
    return {
        side: {
            "amount": _printed(amount[side], _currency(order, side)),
            "currency_code": _currency(order, side),
        }
        for side in SIDES
    }


def _priced(order: Record, name: str, amount: Mapping[str, Decimal], *, number: bool = False) -> Record:
    """Lines tell their plain sums as numbers, everything else as text."""
    bag = _told(order, amount)
    plain = bag["shop_money"]["amount"]
    return {name: float(plain) if number else plain, f"{name}_set": bag}
