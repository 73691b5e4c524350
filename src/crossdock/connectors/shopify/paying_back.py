"""Paying a credit memo of the ERP back to the customer: a refund without lines, of what was paid and is not back yet.

Its note carries the credit's id, by which it is found again and by which the refund that the shop then tells is known
as an echo. ``refundCreate`` takes an idempotency key (and since 2026-04 must have one); how long the shop remembers it
is not documented, so it is looked for by the note first.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from crossdock.connectors.shopify.answers import Failed
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.graph import number
from crossdock.connectors.shopify.refunds import MARK
from crossdock.connectors.shopify.shapes import Moved, Refundable
from crossdock.domain.commands import Payload, PushRefund
from crossdock.domain.money import ZERO
from crossdock.domain.outcome import Done, Outcome, Rejected
from crossdock.domain.refund import Credit
from crossdock.kit.manifest import Call, Result

_TAKEN = frozenset({"SALE", "CAPTURE"})
_STANDS = frozenset({"SUCCESS", "PENDING", "AWAITING_RESPONSE", "UNKNOWN"})  # went back, or may
_BY_HAND = "Pay the customer back in the shop, with a note that names the credit, then resolve."


async def pay_back(client: Client, payload: Payload, call: Call) -> Result:
    """Give the credit's money back. Reads first: a refund whose note names the credit is not made again."""
    assert isinstance(payload, PushRefund)
    try:
        return Result(await _pay_back(client, payload, call), throttle_s=client.throttle_s)
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)


async def find_refund(client: Client, payload: Payload, call: Call) -> Result | None:
    """The refund that an earlier send made, by its note."""
    assert isinstance(payload, PushRefund)
    try:
        order = await client.refundable(payload.order_external_id)
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)
    made = _made(order, payload.credit) if order is not None else None
    return None if made is None else Result(Done({"refund": made}, repeated=True), throttle_s=client.throttle_s)


async def _pay_back(client: Client, payload: PushRefund, call: Call) -> Outcome:
    order = await client.refundable(payload.order_external_id)
    if order is None:
        hint = "Orders older than 60 days need the scope read_all_orders."
        return Rejected(
            "shopify.order_not_found", f"The shop does not show order {payload.order_external_id}.", hint=hint
        )
    if (made := _made(order, payload.credit)) is not None:
        return Done({"refund": made}, repeated=True)
    credit = payload.credit
    if credit.currency != order.presentment_currency_code:
        paid = order.presentment_currency_code
        detail = f"credit {credit.number} is in {credit.currency}, the customer paid in {paid}"
        return Rejected("shopify.refund_currency", detail, hint=_BY_HAND)
    parts, missing = allot(credit.total, order.transactions)
    if missing or credit.total <= ZERO:
        detail = f"credit {credit.number} comes to {credit.total:f}, {missing:f} more than is left of what was paid"
        return Rejected("shopify.refund_exceeds_payment", detail, hint=_BY_HAND)
    refund = {
        "orderId": order.id,
        "note": f"{MARK}{credit.id} ({credit.number})",
        "notify": payload.notify_customer,
        "currency": credit.currency,
        "transactions": [_transaction(order, one, amount) for one, amount in parts],
    }
    return Done({"refund": await client.create_refund(refund, call.idempotency_key)})


def _made(order: Refundable, credit: Credit) -> str | None:
    wanted = f"{MARK}{credit.id}"
    found = (one for one in order.refunds if one.note and f"{one.note} ".startswith(f"{wanted} "))
    return next((number(one.id) for one in found), None)


def allot(amount: Decimal, moved: Iterable[Moved]) -> tuple[list[tuple[Moved, Decimal]], Decimal]:
    """Which payments it goes back on, in the customer's currency, the first one first; and what none is left for."""
    moved = [one for one in moved if one.status in _STANDS]
    parts = []
    for one in moved:
        if one.kind in _TAKEN and one.status == "SUCCESS" and amount > ZERO:
            back = (each for each in moved if each.kind == "REFUND" and _parent(each) == one.id)
            left = _worth(one) - sum(map(_worth, back), ZERO)
            part = min(amount, max(left, ZERO))
            if part:
                parts.append((one, part))
                amount -= part
    return parts, amount


def _worth(one: Moved) -> Decimal:
    return Decimal(one.amount_set.presentment_money.amount)


def _parent(one: Moved) -> str | None:
    return one.parent_transaction.id if one.parent_transaction else None


def _transaction(order: Refundable, one: Moved, amount: Decimal) -> dict[str, Any]:
    return {
        "orderId": order.id,
        "parentId": one.id,
        "gateway": one.gateway or "manual",
        "kind": "REFUND",
        "amount": f"{amount:f}",
    }
