"""Axes are chains: joins climb, never fall, whatever order they are made in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
