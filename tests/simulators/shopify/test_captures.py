"""What the shop took, read back: only money that moved, each transaction once, in both currencies."""

from decimal import Decimal
from typing import Any

import pytest

from crossdock.connectors.shopify.captures import to_capture
from crossdock.connectors.shopify.graph import Bag, Money
from crossdock.connectors.shopify.shapes import Captured, Paid
from crossdock.domain.commands import ReadBack
from crossdock.domain.events import PaymentsSeen
from crossdock.domain.outcome import Done, Rejected


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
