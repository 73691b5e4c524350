"""Axes are chains: joins climb, never fall, whatever order they are made in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.factories import WAREHOUSE, Play

from crossdock.domain.events import ReleaseSeen
from crossdock.domain.lattice import AXES, TRANSITIONS, rank, up
from crossdock.domain.order import PaymentStatus

statuses = st.sampled_from(list(AXES)).flatmap(
    lambda axis: st.tuples(st.just(axis), *[st.sampled_from(AXES[axis])] * 3)
)


@given(statuses)
def test_up_is_a_join(drawn: tuple[str, str, str, str]) -> None:
    axis, a, b, c = drawn
    assert up(axis, a, a) == a
    assert up(axis, a, b) == up(axis, b, a)
    assert up(axis, up(axis, a, b), c) == up(axis, a, up(axis, b, c))
    assert rank(axis, up(axis, a, b)) >= max(rank(axis, a), rank(axis, b))


@given(statuses)
def test_transitions_only_go_up(drawn: tuple[str, str, str, str]) -> None:
    axis, a, b, _ = drawn
    assert (b in TRANSITIONS[axis][a]) is (rank(axis, b) > rank(axis, a))


def test_every_payment_status_has_a_place() -> None:
    assert set(AXES["payment"]) == {status.value for status in PaymentStatus}


def test_an_unknown_status_is_an_error() -> None:
    with pytest.raises(KeyError):
        up("payment", "pending", "borrowed")


@pytest.mark.parametrize("words", [("allocated", "on_hold"), ("on_hold", "allocated")])
def test_an_order_that_the_warehouse_holds_is_shown_as_held_until_it_is_picked(words: tuple[str, str]) -> None:
    play = Play()
    play.see()
    play.settle_all()
    for word in words:
        play.tell(ReleaseSeen(word, WAREHOUSE))
    assert "the warehouse says on_hold" in (play.state.steps["take.shipments"].reason or "")
    play.tell(ReleaseSeen("picking", WAREHOUSE))
    assert play.state.release_status == "picking"
