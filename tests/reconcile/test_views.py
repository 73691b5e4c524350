"""What Crossdock holds of an order at each stage, as it is compared."""

from decimal import Decimal

from crossdock.domain.events import OrderSeen, Reconciled
from crossdock.domain.money import Amount
from crossdock.domain.order import LineKind, PaymentStatus
from crossdock.domain.outcome import Rejected
from crossdock.domain.reconciling import Difference
from crossdock.domain.state import blank
from crossdock.reconcile.views import Ours, view_of
from tests.domain.factories import CHANNEL, Play, line, order, shipment, shipped

LINES = (line("1", sku="SKU-1", quantity=3), line("2", sku="SKU-2", quantity=2))


def seen(play: Play, basis: str = "shop") -> Ours:
    found = view_of(play.state, basis)
    assert found is not None
    return found


def test_before_the_order_has_come_there_is_no_view() -> None:
    assert view_of(blank()) is None


def test_from_placed_to_billed() -> None:
    play = Play()
    play.see(lines=LINES)
    view = seen(play)
    assert (view.key, view.number, view.booked, view.moving, view.waits) == (
        f"{CHANNEL}-1001",
        "#1042",
        False,
        True,
        None,
    )
    assert (view.total, view.owed, view.wanted, view.goods) == (view.stated, view.total, 5, 5)
    play.settle("order.book")
    play.settle("order.release")
    view = seen(play)
    assert (view.booked, view.moving, view.fulfilment, view.told) == (True, False, "none", True)
    play.tell(shipped(shipment("a", [("1", 3)])))
    view = seen(play)
    assert (view.left, view.fulfilment, view.told, view.moving) == (3, "part", False, True)
    play.settle_all()
    assert (seen(play).told, seen(play).moving) == (True, False)
    play.tell(shipped(shipment("b", [("2", 2)], tracking=["TRACK-2"])))
    play.settle_all()
    view = seen(play)
    assert (view.left, view.fulfilment, view.told, view.ended) == (5, "whole", True, "done")


def test_a_wait_says_why_and_a_problem_explains() -> None:
    waiting = Play()
    waiting.see(payment_status=PaymentStatus.PENDING)
    assert seen(waiting).waits
    assert not seen(waiting).moving
    refused = Play()
    refused.see()
    refused.settle("order.book", Rejected("NO", "no such item"))
    assert "refused to book" in seen(refused).troubles["order.book"]


def test_a_difference_that_was_told_explains_no_other() -> None:
    play = Play()
    play.see()
    play.settle_all()
    play.tell(Reconciled((Difference("erp_amount_differs", "why", "1", "2"),)))
    assert seen(play).troubles == {}


def test_only_goods_are_counted_and_cancelled_units_are_not_owed() -> None:
    lines = (
        line("1", sku="SKU-1", quantity=3, current_quantity=Decimal(1)),
        line("2", sku="GIFT", quantity=1, kind=LineKind.GIFT_CARD),
        line("3", sku="TIP", quantity=1, kind=LineKind.TIP),
    )
    play = Play()
    play.tell(OrderSeen(order(lines=lines)))
    view = seen(play)
    assert (view.wanted, view.goods) == (1, 1)
    assert view.owed == view.total - 2 * lines[0].unit_price.shop
    assert view.stated == view.total


def test_the_newest_view_counts_for_the_channel_and_the_one_in_force_for_the_erp() -> None:
    play = Play()
    play.see(lines=LINES)
    play.settle_all()
    play.tell(shipped(shipment("a", [("1", 3)])))
    play.see(lines=(LINES[0],), age_s=60)
    view = seen(play)
    assert (view.wanted, view.goods) == (3, 5)
    assert view.updated_at == order(age_s=60).updated_at
    assert view.troubles.keys() == {"edit"}


def test_the_side_that_is_booked_is_the_side_that_is_compared() -> None:
    both = order(presentment_currency="USD")
    totals = both.totals
    dual = order(
        presentment_currency="USD",
        lines=[line(price="10.00")],
        totals=type(totals)(Amount(Decimal("10.00"), Decimal("11.00")), Amount(Decimal("10.00"), Decimal("11.00"))),
    )
    play = Play()
    play.tell(OrderSeen(dual))
    shop, shown = seen(play), seen(play, "presentment")
    assert (shop.stated, shop.owed_currency) == (Decimal("10.00"), "EUR")
    assert (shown.stated, shown.owed, shown.owed_currency) == (Decimal("11.00"), Decimal("11.00"), "USD")
    assert (shown.total, shown.currency) == (Decimal("10.00"), "EUR")


def test_a_cancelled_order() -> None:
    play = Play()
    play.see()
    play.settle_all()
    play.act("cancel")
    assert (seen(play).cancelled, seen(play).moving) == (True, True)
    play.settle_all()
    view = seen(play)
    assert (view.cancelled, view.ended, view.moving) == (True, "cancelled", False)
