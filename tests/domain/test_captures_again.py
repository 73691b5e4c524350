"""A capture that leaves the payment status as it was is asked for all the same, by the sum that the channel has."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.factories import NOON, Play, context, line, order, with_changes
from tests.domain.test_paying import asked, capture, captured, goes, payments

from crossdock.domain.commands import PostPayment, ReadBack
from crossdock.domain.events import CommandSettled, OrderSeen, SignalSeen
from crossdock.domain.order import Capture, Order, PaymentStatus
from crossdock.domain.outcome import Done
from crossdock.domain.signal_decider import SIGNAL

PART = PaymentStatus.PARTIALLY_PAID


def view(placed: Order, second: int, paid: str | None, status: PaymentStatus = PART) -> OrderSeen:
    sum_ = None if paid is None else Decimal(paid)
    at = placed.updated_at + timedelta(seconds=second)
    return OrderSeen(with_changes(placed, paid=sum_, payment_status=status, updated_at=at))


def in_parts() -> tuple[Play, Order]:
    """An order of 30.00, booked unpaid and billed."""
    play = Play(payments="payment", payment="pending")
    placed = order(lines=(line("1", quantity=3),), payment_status=PaymentStatus.PENDING, paid=Decimal(0))
    goes(play, placed, 3)
    return play, placed


def test_a_second_capture_that_leaves_the_status_is_asked_for() -> None:
    play, placed = in_parts()
    play.tell(view(placed, 1, "10.00"), captured(capture("t1", "10.00")))
    play.tell(view(placed, 2, "20.00"), captured(capture("t1", "10.00"), capture("t2", "10.00")))
    assert [one.content for one in asked(play.decisions)] == [
        "payments/partially_paid/10.00/0/1",
        "payments/partially_paid/20.00/0/2",
    ]
    assert [one.amount for one in payments(play)] == [Decimal("10.00"), Decimal("10.00")]


def test_a_view_that_shows_the_same_sum_asks_nothing() -> None:
    play, placed = in_parts()
    play.tell(view(placed, 1, "10.00"), view(placed, 2, "10.0"), view(placed, 3, "10"))
    assert len(asked(play.decisions)) == 1


def test_a_sum_that_comes_again_is_a_question_of_its_own() -> None:
    """Money went back that no refund has told yet, and as much was captured: the sum is what it was once before."""
    play, placed = in_parts()
    play.tell(view(placed, 1, "10.00"), view(placed, 2, "0.00"), view(placed, 3, "10.00"))
    contents = [one.content for one in asked(play.decisions)]
    assert len(set(contents)) == len(contents) == 3


def test_an_older_view_that_comes_late_asks_nothing() -> None:
    play, placed = in_parts()
    play.tell(view(placed, 5, "20.00"), view(placed, 1, "10.00"))
    assert [one.content for one in asked(play.decisions)] == ["payments/partially_paid/20.00/0/1"]


def test_a_channel_that_tells_no_sums_is_asked_by_its_status_alone() -> None:
    play = Play(payments="payment", payment="pending")
    placed = order(lines=(line("1", quantity=3),), payment_status=PaymentStatus.PENDING)
    goes(play, placed, 3)
    play.tell(view(placed, 1, None), view(placed, 2, None), view(placed, 3, None, PaymentStatus.PAID))
    assert [one.content for one in asked(play.decisions)] == ["payments/partially_paid", "payments/paid"]


class Shop:
    """Captures as they come; each makes a view. Questions go through the signals' own decider, and wait there."""

    def __init__(self) -> None:
        self.play, self.placed = in_parts()
        self.captures: list[Capture] = []
        self.views: list[OrderSeen] = []
        self.signal: Any = SIGNAL.blank()
        self.reads: list[str] = []  # business keys of reads that are under way
        self.heard = 0

    def take(self, amount: int) -> None:
        self.captures.append(capture(f"t{len(self.captures) + 1}", f"{amount}.00"))
        sum_ = sum((one.amount.shop for one in self.captures), Decimal(0))
        status = PaymentStatus.PAID if sum_ >= 30 else PART
        self.views.append(view(self.placed, len(self.views) + 1, f"{sum_}", status))

    def show(self, number: int) -> None:
        self.play.tell(self.views[number])
        self._pass_on()

    def answer(self) -> None:
        """The oldest read that is under way reads what is there now."""
        if self.reads:
            self._signal(CommandSettled(self.reads.pop(0), ReadBack.purpose, "shop1", Done({})))
            self.play.tell(captured(*self.captures))
            self._pass_on()

    def _pass_on(self) -> None:
        fresh = asked(self.play.decisions)[self.heard :]
        self.heard += len(fresh)
        for one in fresh:
            self._signal(one)

    def _signal(self, event: SignalSeen | CommandSettled) -> None:
        decision = SIGNAL.decide(self.signal, event, context(now=NOON))
        self.signal = SIGNAL.evolve(self.signal, decision.entries)
        self.reads += [command.key for command in decision.commands]


@given(st.data())
@settings(deadline=None)
def test_whatever_views_are_lost_late_or_repeated_each_capture_is_taken_once(data: st.DataObject) -> None:
    shop = Shop()
    for amount in data.draw(st.lists(st.integers(1, 10), min_size=1, max_size=5)):
        shop.take(amount)
        for number in data.draw(st.lists(st.integers(0, len(shop.views) - 1), max_size=3)):
            shop.show(number)
            if data.draw(st.booleans()):
                shop.answer()
    shop.show(len(shop.views) - 1)  # of all the views only the last one is sure to come, at the latest by a poll
    while shop.reads:
        shop.answer()
    play = shop.play
    assert list(play.state.captures.values()) == shop.captures
    posted = [one.payload for one in play.commands.values() if isinstance(one.payload, PostPayment)]
    assert len({one.payment_id for one in posted}) == len(posted)
    whole = sum((one.amount.shop for one in shop.captures), Decimal(0))
    assert sum((one.amount for one in posted), Decimal(0)) == min(whole, Decimal(30))
