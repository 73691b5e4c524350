"""What the shop took, read back: only money that moved, each transaction once, in both currencies."""

from decimal import Decimal
from typing import Any

import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.connectors.shopify.captures import to_capture
from crossdock.connectors.shopify.graph import Bag, Money
from crossdock.connectors.shopify.shapes import Captured, Paid
from crossdock.domain.commands import ReadBack
from crossdock.domain.events import OrderSeen, PaymentsSeen
from crossdock.domain.outcome import Done, Rejected
from crossdock.simulators.shopify.books import UserError


async def _read(shop: Any, order_id: str) -> PaymentsSeen:
    result = await shop.do(ReadBack("payments", order_id))
    assert result.outcome == Done({"order": order_id})
    (follow,) = result.follows
    assert (follow.stream_kind, follow.stream_key) == ("order", f"shop1-{order_id}")
    assert isinstance(follow.event, PaymentsSeen)
    return follow.event


async def test_a_paid_order_has_one_capture_and_what_went_back_is_none(shop: Any) -> None:
    (order_id,) = shop.sim.act("place_order", {"paid": True, "lines": 1, "presentment": "USD"})["ids"]
    told = shop.sim.books_.orders[int(order_id)]["total_price_set"]
    shop.sim.act("refund", {"id": order_id, "amount": "1.00"})
    (capture,) = (await _read(shop, order_id)).captures
    assert capture.amount.shop == Decimal(told["shop_money"]["amount"])
    assert capture.amount.presentment == Decimal(told["presentment_money"]["amount"])
    assert (capture.id, capture.captured_at, capture.gift_card) == (f"{order_id}1", shop.at, False)
    assert (await _read(shop, order_id)).captures == (capture,)


async def test_an_order_that_is_not_paid_has_none(shop: Any) -> None:
    (order_id,) = shop.sim.act("place_order", {"paid": False, "lines": 1})["ids"]
    assert (await _read(shop, order_id)).captures == ()


async def test_an_order_that_the_shop_does_not_show_is_told(shop: Any) -> None:
    result = await shop.do(ReadBack("payments", "1"))
    assert isinstance(result.outcome, Rejected)
    assert (result.outcome.code, result.follows) == ("shopify.order_not_found", ())


@pytest.mark.parametrize(("amount", "currency"), [("NaN", "EUR"), ("-1", "EUR"), ("1", "USD")])
def test_what_is_no_money_of_the_order_is_refused(shop: Any, amount: str, currency: str) -> None:
    money = Money(Decimal(amount), currency)
    one = Captured("gid://shopify/OrderTransaction/1", "SALE", "SUCCESS", Bag(money, money), shop.at)
    with pytest.raises(ValueError, match="transaction"):
        to_capture(one, Paid("gid://shopify/Order/1", "EUR", "EUR", (one,)))


async def test_what_is_taken_in_parts_is_a_transaction_each_and_webhook_and_read_back_tell_one_sum(shop: Any) -> None:
    (order_id,) = shop.sim.act("place_order", {"paid": False, "lines": 2, "presentment": "USD"})["ids"]
    for nth, amount in enumerate(("1.00", "2.50"), 1):
        shop.sim.act("capture", {"id": order_id, "amount": amount})
        assert [one.id for one in (await _read(shop, order_id)).captures] == [
            f"{order_id}{each}" for each in range(1, nth + 1)
        ]
    assert [one.amount.shop for one in (await _read(shop, order_id)).captures] == [Decimal("1.00"), Decimal("2.50")]
    (event,) = CONNECTOR.translate("shop1", "orders/updated", shop.sent[-1].body)
    assert isinstance(event, OrderSeen)
    assert (event.order.paid, event.order.payment_status) == (Decimal("3.50"), "partially_paid")
    read = await shop.do(ReadBack("order", order_id))
    assert [follow.event.order for follow in read.follows if isinstance(follow.event, OrderSeen)] == [event.order]


async def test_the_shop_captures_no_more_than_is_outstanding(shop: Any) -> None:
    (order_id,) = shop.sim.act("place_order", {"paid": False, "lines": 1})["ids"]
    total = Decimal(shop.sim.books_.orders[int(order_id)]["total_price"])
    with pytest.raises(UserError, match="outstanding"):
        shop.sim.act("capture", {"id": order_id, "amount": str(total + 1)})
    shop.sim.act("capture", {"id": order_id, "amount": str(total)})
    assert shop.sim.books_.orders[int(order_id)]["financial_status"] == "paid"


async def test_what_is_added_to_a_paid_order_is_owed_and_what_was_paid_stays(shop: Any) -> None:
    (order_id,) = shop.sim.act("place_order", {"paid": True, "lines": 1})["ids"]
    (before,) = (await _read(shop, order_id)).captures
    shop.sim.act("add_line", {"id": order_id, "sku": "SKU-0001", "price": "5.00"})
    assert (await _read(shop, order_id)).captures == (before,)
    shop.sim.act("pay_order", {"id": order_id})
    assert [one.amount.shop for one in (await _read(shop, order_id)).captures] == [before.amount.shop, Decimal("5.00")]
