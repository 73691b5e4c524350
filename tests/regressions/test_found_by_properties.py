"""What the properties in ``tests/properties`` found, each as the smallest example; one line says what it was."""

from decimal import Decimal

import msgspec
import pytest

from crossdock.connectors.netsuite import answers as netsuite
from crossdock.connectors.shopify import CONNECTOR
from crossdock.connectors.shopify import answers as shopify
from crossdock.domain.events import OrderSeen
from crossdock.domain.order import LineKind, PaymentStatus
from crossdock.domain.order_decider import ORDER
from crossdock.domain.outcome import RateLimited, Rejected
from crossdock.domain.totals import prove
from crossdock.kit.http import Response
from tests.domain.factories import NOON, Play, line, order, shipment, shipped
from tests.properties.shop_orders import Pair, Row, ShopOrder

FREE = Row("Product", Pair(100, 1_500), sku="SKU-1")


@pytest.mark.parametrize("what", ["fees", "tip", "rounding"])
def test_five_won_are_nothing_in_dollars_and_still_owed(what: str) -> None:
    """A fee, tip or cash rounding of less than half a cent in the shop's currency was dropped in the customer's too."""
    parts = {"fees": Pair(), "tip": Pair(), "rounding": Pair(), what: Pair(0, 5)}
    shop = ShopOrder("USD", "KRW", False, [FREE], [], [], **parts)
    (event,) = CONNECTOR.translate("shop", "orders/create", msgspec.json.encode(shop.webhook))
    assert isinstance(event, OrderSeen)
    assert event.order.totals.total.presentment == Decimal(1505)
    assert prove(event.order, "5").balanced


def test_a_tip_of_five_won_is_a_tip() -> None:
    """The line of such a tip was taken for a product without a SKU, and the order stopped at validation."""
    tip = Row("Tip", Pair(0, 5), ships=False, product=False)
    shop = ShopOrder("USD", "KRW", False, [FREE, tip], [], [], Pair(), Pair(), Pair())
    (event,) = CONNECTOR.translate("shop", "orders/create", msgspec.json.encode(shop.webhook))
    assert isinstance(event, OrderSeen)
    assert [line.kind for line in event.order.lines] == [LineKind.ITEM, LineKind.TIP]


@pytest.mark.parametrize("told", ["inf", "1e999", "9" * 400, "31536000"])
def test_a_vendor_cannot_ask_for_a_wait_without_end(told: str) -> None:
    """Shopify's and NetSuite's Retry-After was taken as told: "inf" could not be stored, a year was waited."""
    answer = Response(429, {"retry-after": told}, b"")
    with pytest.raises(shopify.Failed) as failed:
        shopify.read(answer, write=True)
    for outcome in (failed.value.outcome, netsuite.classify(answer, wrote=True)):
        assert isinstance(outcome, RateLimited)
        assert outcome.after_s <= 86_400


def test_a_meter_that_restores_next_to_nothing_is_not_waited_for() -> None:
    """Shopify's own meter could ask for an infinite wait in the same way."""
    bucket = {"maximumAvailable": 1.0, "currentlyAvailable": 0.0, "restoreRate": 1e-300}
    cost = {"requestedQueryCost": 1e300, "throttleStatus": bucket}
    assert msgspec.convert(cost, shopify.Cost).wait_s() == 86_400


def test_masters_of_the_order_in_force_are_asked_for() -> None:
    """A view told again may re-check the order in force, whose items nobody had announced: they seemed unknown."""
    play = Play()
    play.see(lines=[line("1", sku="NEW")])
    play.tell(shipped(shipment("a", [("1", 1)])))
    play.see(lines=[line("1", sku="NEW")], age_s=9, cancelled_at=NOON)
    after_that = OrderSeen(order(lines=[line("1", sku="OTHER")], age_s=10))
    play.tell(after_that)
    assert play.state.latest == after_that.order
    ((skus, _),) = ORDER.masters_needed(play.state, after_that).values()
    assert skus == {"NEW", "OTHER"}


def test_a_problem_that_ends_with_its_order_is_not_left_open() -> None:
    """A booking refused while the order was being cancelled left an exception open for ever: told, then settled."""
    play = Play()
    play.see()
    play.act("cancel")
    decision = play.settle("order.book", Rejected("no", "no"))
    assert play.state.ended == "cancelled"
    assert play.state.problems == {}
    assert decision.opened == []


def test_a_retry_does_not_book_a_cancelled_order() -> None:
    """A booking was refused, the order cancelled, and a retry (of a whole cause, say) booked it after all."""
    play = Play()
    play.see()
    play.settle("order.book", Rejected("no", "no"))
    play.act("cancel")
    assert play.act("retry").again == []
    assert play.state.ended == "cancelled"


def test_a_retry_does_not_release_an_order_that_is_being_cancelled() -> None:
    """The same with a refused release, while the booking was being closed: the goods would have left."""
    play = Play()
    play.see()
    play.settle("order.book")
    play.settle("order.release", Rejected("no", "no"))
    play.act("cancel")
    assert play.act("retry").again == []
    play.settle("booking.close")
    assert play.summary.status == "cancelled"


def test_what_is_left_of_a_cancelled_order_is_not_released() -> None:
    """Goods had left before the order was paid; it was cancelled, then paid, booked, and the rest was released."""
    play = Play()
    play.see(lines=[line(quantity=2)], payment_status=PaymentStatus.PENDING)
    play.tell(shipped(shipment("a", [("1", 1)])))
    play.see(lines=[line(quantity=2)], age_s=1, cancelled_at=NOON)
    play.act("skip", step="confirm.payment")
    play.settle_all()
    assert play.purposes() == ["fulfilment.push", "order.book", "shipment.post"]
    assert play.status("order.release") == "skipped"


def test_goods_that_left_while_the_order_was_being_cancelled_stay_somebodys() -> None:
    """They were told, and the end of the cancellation settled that by itself: goods gone, and nobody knew."""
    play = Play()
    play.see()
    play.see(age_s=9, cancelled_at=NOON)
    play.tell(shipped(shipment("a", [("1", 1)])))
    assert play.codes() == {"order.shipped_after_cancel"}
    play.settle_all()
    assert play.state.ended == "cancelled"
    assert play.codes() == {"order.shipped_after_cancel"}
    assert play.summary.status == "exception"
    play.act("resolve", problem="shipment/a")
    assert play.summary.status == "cancelled"
