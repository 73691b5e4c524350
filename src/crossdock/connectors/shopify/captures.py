"""What the shop took for an order: its transactions, read when the ERP is to have them as payments.

Only money that moved counts: an authorisation is none, and what was given back is told by refunds.
Source: Admin API 2026-10, ``OrderTransaction`` (kind, status, amountSet, processedAt).
"""

from datetime import UTC

from crossdock.connectors.shopify.answers import Failed, lost
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.graph import number
from crossdock.connectors.shopify.shapes import Captured, Paid
from crossdock.domain.events import PaymentsSeen
from crossdock.domain.money import ZERO, Amount, plausible
from crossdock.domain.order import Capture, order_key
from crossdock.domain.outcome import Done, Rejected
from crossdock.kit.manifest import Follow, Result

KIND = "payments"
_TAKEN = frozenset({"SALE", "CAPTURE"})
_GIFT_CARD = "gift_card"


async def read_payments(client: Client, order_id: str) -> Result:
    """Every capture of an order, told to it. Raises ``Failed`` for an answer that cannot be read."""
    found = await client.paid(order_id)
    if found is None:
        hint = "Orders older than 60 days need the scope read_all_orders."
        outcome = Rejected("shopify.order_not_found", f"The shop does not show order {order_id}.", hint=hint)
        return Result(outcome, throttle_s=client.throttle_s)
    try:
        captures = tuple(to_capture(one, found) for one in found.transactions if _took(one))
    except (ValueError, ArithmeticError) as error:
        detail = f"Shopify's payments of order {order_id} cannot be read: {error}"
        raise Failed(lost("answer_unexpected", detail, False)) from error
    connection = client.line.connection
    follow = Follow("order", order_key(connection, order_id), PaymentsSeen(captures, connection))
    return Result(Done({"order": order_id}), (follow,), client.throttle_s)


def _took(one: Captured) -> bool:
    return one.kind in _TAKEN and one.status == "SUCCESS"


def to_capture(one: Captured, order: Paid) -> Capture:
    """One transaction; raises ``ValueError`` where its money is none of the order's currencies, or no money."""
    shop, customers = one.amount_set.shop_money, one.amount_set.presentment_money
    if shop.currency_code != order.currency_code or customers.currency_code != order.presentment_currency_code:
        raise ValueError(f"transaction {one.id} is in {shop.currency_code} and {customers.currency_code}")
    dual = order.currency_code != order.presentment_currency_code
    if not all(plausible(money.amount) and money.amount >= ZERO for money in (shop, customers)):
        raise ValueError(f"transaction {one.id} took what is no amount")
    amount = Amount(shop.amount, customers.amount if dual else None)
    at = (one.processed_at or one.created_at).astimezone(UTC)
    return Capture(number(one.id), one.gateway or "manual", amount, at, one.gateway == _GIFT_CARD)
