"""Views of one order in any order of arrival: the newest is in force, older ones are noted and change nothing."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock.domain.cases.order_seen import newer
from crossdock.domain.entries import OrderNoted, OrderRecorded, OrderSuperseded
from crossdock.domain.events import OrderSeen, ReleaseSeen
from crossdock.domain.lattice import AXES, RELEASE, rank, up
from crossdock.domain.order import Order, PaymentStatus
from tests.domain.factories import NOON, Play, line, order


@st.composite
def views(draw: st.DrawFn) -> Order:
    cancelled = draw(st.integers(0, 7)) == 0
    age_s = draw(st.integers(0, 5))
    return order(
        age_s=age_s,
        payment_status=draw(st.sampled_from(PaymentStatus)),
        lines=(line(quantity=draw(st.integers(1, 3))),),
        note=draw(st.sampled_from([None, "gift", "call"])),
        cancelled_at=NOON + timedelta(seconds=age_s) if cancelled else None,
    )


@given(views(), views(), views())
def test_newer_is_a_total_order(a: Order, b: Order, c: Order) -> None:
    """Else two orders of arrival could end at two different views."""
    assert not newer(a, a)
    assert (a == b) or (newer(a, b) != newer(b, a))
    assert not (newer(a, b) and newer(b, c)) or newer(a, c)


@settings(max_examples=150)
@given(st.lists(views(), min_size=1, max_size=7), st.booleans())
def test_the_newest_view_is_known_and_older_ones_change_nothing(seen: list[Order], settles: bool) -> None:
    play = Play(edit_window_s=0 if settles else 600)
    for view in seen:
        before, known = play.state, play.state.newest
        decision = play.tell(OrderSeen(view))
        if known is not None and view != known and newer(known, view):
            assert any(isinstance(entry, OrderSuperseded) for entry in decision.entries)
            assert not any(isinstance(entry, OrderRecorded | OrderNoted) for entry in decision.entries)
            assert (decision.commands, decision.again, decision.opened, decision.timers) == ([], [], [], [])
            assert (play.state.order, play.state.latest) == (before.order, before.latest)
            assert (play.state.steps, play.state.problems, play.state.cancel) == (
                before.steps, before.problems, before.cancel
            )  # fmt: skip
        for axis in AXES:
            field = "returned" if axis == "return" else axis
            assert rank(axis, getattr(play.state.axes, field)) >= rank(axis, getattr(before.axes, field))
        if settles:
            play.settle_all()
    newest = max(seen, key=lambda view: (view.updated_at, rank("payment", view.payment_status)))
    assert play.state.newest is not None
    assert play.state.newest.updated_at == newest.updated_at
    if play.state.ended != "ignored":
        assert rank("payment", play.state.axes.payment) == max(rank("payment", view.payment_status) for view in seen)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from([*RELEASE, "on fire"]), st.none() | st.just("w-1")), max_size=8))
def test_the_furthest_word_of_the_warehouse_stands(words: list[tuple[str, str | None]]) -> None:
    play = Play()
    play.see()
    play.settle_all()
    for status, external_id in words:
        play.tell(ReleaseSeen(status, "wms1", external_id=external_id))
    known = [status for status, _ in words if status in RELEASE]
    assert play.state.release_status == (max(known, key=lambda status: rank("release", status)) if known else None)


@given(
    st.sampled_from(sorted(AXES)).flatmap(lambda axis: st.tuples(st.just(axis), st.lists(st.sampled_from(AXES[axis]))))
)
def test_climbing_ends_at_the_highest_step_offered(drawn: tuple[str, list[str]]) -> None:
    axis, offered = drawn
    at = AXES[axis][0]
    for status in offered:
        higher = up(axis, at, status)
        assert rank(axis, higher) == max(rank(axis, at), rank(axis, status))
        at = higher
