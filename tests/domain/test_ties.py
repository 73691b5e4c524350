"""Two different views of one second: the channel is asked which of them it shows, and its answer counts."""

from itertools import permutations

import pytest
from tests.domain.factories import NOON, Play, order

from crossdock.domain.decision import StreamRef, Tell
from crossdock.domain.entries import OrderTied
from crossdock.domain.events import OrderSeen, SignalSeen
from crossdock.domain.order import Order, PaymentStatus
from crossdock.domain.signal_decider import SIGNAL

A, B = order(note="a"), order(note="b")


def playing(*views: Order) -> tuple[Play, list[Tell]]:
    play = Play(edit_window_s=60)
    return play, [tell for view in views for tell in play.tell(OrderSeen(view)).tells]


@pytest.mark.parametrize("views", [(A, B), (B, A), (A, B, A, B)])
def test_the_channel_is_asked_once_for_each_view_which_it_shows(views: tuple[Order, ...]) -> None:
    play, tells = playing(*views)
    asked = {tell.event.content for tell in tells if isinstance(tell.event, SignalSeen)}
    assert len(asked) == len(tells[:2])  # a view that comes again asks what was asked already
    tell = tells[0]
    assert tell.to == StreamRef(SIGNAL.kind, "shop1:order:1001")
    assert isinstance(tell.event, SignalSeen)
    assert (tell.event.source, tell.event.kind, tell.event.external_id) == ("shop1", "order", "1001")
    assert sum(isinstance(entry, OrderTied) for entry in play.journal) == 1


@pytest.mark.parametrize("views", [(A, B), (B, A)])
@pytest.mark.parametrize("shown", [A, B])
def test_what_the_channel_shows_when_asked_counts_and_stays(views: tuple[Order, Order], shown: Order) -> None:
    play, _ = playing(*views)
    play.tell(OrderSeen(shown, authoritative=True))
    assert play.state.newest == shown
    for late in (A, B):
        play.tell(OrderSeen(late))
    assert play.state.newest == shown


def test_a_further_view_of_a_second_that_was_asked_about_is_asked_about_too() -> None:
    """The channel may have been asked before that second was over: found by the simulation, seed 1096."""
    play, before = playing(A, B)
    play.tell(OrderSeen(B, authoritative=True))
    later = order(note="c")
    (tell,) = play.tell(OrderSeen(later)).tells
    assert tell.event not in [one.event for one in before]
    assert play.state.newest == B
    play.tell(OrderSeen(later, authoritative=True))
    assert play.state.newest == later


def test_nothing_is_asked_where_payment_or_cancellation_tell() -> None:
    assert playing(A, order(note="a", payment_status=PaymentStatus.REFUNDED))[1] == []
    assert playing(A, order(note="b", cancelled_at=NOON))[1] == []


@pytest.mark.parametrize("last", [order(age_s=1), order(payment_status=PaymentStatus.REFUNDED)])
def test_a_view_that_is_newer_for_certain_ends_a_tie_whatever_came_first(last: Order) -> None:
    states = [playing(*views)[0].state for views in permutations((A, B, last))]
    assert {state.tied for state in states} == {None}
    assert all(state.newest == last for state in states)
