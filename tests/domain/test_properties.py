"""What must hold for every sequence of events: order does not matter, repeats do nothing, the journal is the state."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.factories import (
    NOON,
    WAREHOUSE,
    FakeMasters,
    Play,
    invoiced,
    line,
    order,
    settled,
    shipment,
    shipped,
    shipping,
    stored_and_read,
)

from crossdock.domain.decision import HoldHit
from crossdock.domain.events import (
    AllocationsSeen,
    Event,
    MastersCame,
    OperatorActed,
    OrderSeen,
    ReleaseSeen,
    TimerFired,
)
from crossdock.domain.fulfilment import Allocation
from crossdock.domain.lattice import AXES, rank
from crossdock.domain.money import ZERO
from crossdock.domain.order import Order, PaymentStatus
from crossdock.domain.order_decider import ORDER
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, Rejected, RetryLater
from crossdock.domain.state import OrderState, ordered
from crossdock.domain.state import shipped as shipped_by_line

LINES = (line("1", sku="SKU-1", quantity=3), line("2", sku="SKU-2", quantity=2))


def view(age_s: float, status: PaymentStatus, **more: Any) -> OrderSeen:
    return OrderSeen(order(lines=more.pop("lines", LINES), age_s=age_s, payment_status=status, **more))


# One order's life, told by three systems; the second and third view carry the same second.
LIFE: list[Event] = [
    view(0, PaymentStatus.PENDING),
    view(5, PaymentStatus.AUTHORIZED),
    view(5, PaymentStatus.PAID, tags=("vip",)),
    view(9, PaymentStatus.PAID, note="gift"),
    shipped(shipment("a", [("1", 2)], tracking=("T1", "T2"))),
    shipped(shipment("b", [("1", 1), ("2", 1)], tracking=("T3",))),
    shipped(shipment("c", [("2", 1)], tracking=())),
    ReleaseSeen("accepted", WAREHOUSE, external_id="w-1"),
    ReleaseSeen("picking", WAREHOUSE),
    AllocationsSeen((Allocation("fo-1", "open"),)),
    invoiced("20.00", "inv-1"),
    invoiced("30.00", "inv-2"),
]

# A life that is still being changed: cancelled at the end or not, everything before the edit window is over.
CHANGES: list[Event] = [
    view(0, PaymentStatus.PENDING, lines=[line(sku="NEW")]),
    view(3, PaymentStatus.PENDING),
    view(3, PaymentStatus.PAID),
    view(6, PaymentStatus.PAID, lines=[line("1", quantity=9)], charges=[shipping()]),
    ReleaseSeen("accepted", WAREHOUSE),
]
CANCELLED = view(9, PaymentStatus.REFUNDED, cancelled_at=NOON + timedelta(seconds=9), cancel_reason="customer")


def repeated(events: list[Event]) -> st.SearchStrategy[list[Event]]:
    """The events in any order, some of them twice."""
    twice = st.lists(st.sampled_from(events), max_size=4)
    return twice.flatmap(lambda extra: st.permutations([*events, *extra]))


def lived(events: list[Event], pauses: list[bool]) -> Play:
    """Tell the events; after some of them let every command that is open succeed, and so at the end."""
    play = Play(invoice="take")
    for event, pause in zip(events, pauses, strict=False):
        play.tell(event)
        if pause:
            play.settle_all()
    play.settle_all()
    return play


@settings(max_examples=150, deadline=None)
@given(repeated(LIFE), st.lists(st.booleans(), min_size=20, max_size=20))
def test_any_order_of_arrival_ends_in_the_same_state(events: list[Event], pauses: list[bool]) -> None:
    play = lived(events, pauses)
    straight = lived(LIFE, [False] * 20)
    assert play.state == straight.state
    assert play.references == straight.references
    assert play.summary.status == "done"
    assert len(play.commands) == 2 + 3 * 2


@settings(max_examples=100, deadline=None)
@given(st.booleans().flatmap(lambda off: repeated([*CHANGES, CANCELLED] if off else CHANGES)))
def test_any_order_of_changes_before_booking_ends_in_the_same_state(events: list[Event]) -> None:
    def changed(sequence: list[Event]) -> Play:
        held = [HoldHit("big", "finance", "many", {"lines": 1}, expires_s=60)]
        play = Play(edit_window_s=600, holds=lambda one: held if one.charges else [])
        play.tell(*sequence)
        for name in sorted(play.timers):
            if name in play.timers:
                play.fire(name, now=NOON + timedelta(hours=1))
        play.settle_all()
        return play

    off = CANCELLED in events
    play, straight = changed(events), changed([*CHANGES, CANCELLED] if off else CHANGES)
    assert play.state == straight.state
    assert play.summary.status == ("cancelled" if off else "waiting")
    assert play.purposes() == ([] if off else ["order.book", "order.release"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(LIFE), min_size=1, max_size=12))
def test_a_replay_changes_nothing(again: list[Event]) -> None:
    play = lived(LIFE, [True] * 20)
    before, commands = play.state, dict(play.commands)
    for event in [*again, *(settled(command) for command in commands.values())]:
        decision = play.tell(event)
        assert (decision.commands, decision.again, decision.opened, decision.timers) == ([], [], [], [])
    assert play.state == before


ACTS: list[tuple[str, dict[str, Any]]] = [
    ("retry", {}),
    ("cancel", {}),
    ("release_hold", {}),
    ("resolve", {"problem": "order.edited"}),
    ("resolve", {"problem": "order.book", "refs": {"salesOrder": "1"}}),
    ("resolve", {"problem": "cancel"}),
    ("skip", {"step": "take.shipments"}),
    ("skip", {"step": "prove.totals"}),
    ("skip", {"step": "validate.customer", "customer_ref": "c-1"}),
    ("skip", {"step": "order.release"}),
    ("skip", {"step": "shipment.post"}),
    ("skip", {"step": "release.cancel"}),
]
SOUP: list[Event] = [
    *LIFE,
    view(2, PaymentStatus.VOIDED),
    view(11, PaymentStatus.PAID, lines=[line("1", sku="SKU-1", quantity=1), line("9", sku="NEW")]),
    view(12, PaymentStatus.PAID, channel="shop1", cancelled_at=NOON),
    shipped(shipment("d", [("1", 9)])),
    shipped(shipment("e", [("7", 1)])),
    shipped(shipment("a", [("1", 1)])),
    ReleaseSeen("on_hold", WAREHOUSE, "address"),
    ReleaseSeen("cancelled", WAREHOUSE),
    invoiced("99.00", "inv-3"),
    TimerFired("edit.window"),
    TimerFired("revalidate"),
    MastersCame("erp1", "product"),
    TimerFired("hold/big"),
    *(OperatorActed(action, "olivia", "because", args) for action, args in ACTS),
]
OUTCOMES = [
    Done({"salesOrder": "1"}),
    Done({}),
    Rejected("no", "no"),
    Conflict("c", "c"),
    OutcomeUnknown("?"),
    RetryLater("x"),
]


def checked(play: Play, before: OrderState) -> None:
    """What must hold after every decision."""
    state = play.state
    assert ORDER.evolve(ORDER.blank(), play.journal) == state
    assert stored_and_read(state) == state
    for axis in AXES:
        field = "returned" if axis == "return" else axis
        assert rank(axis, getattr(state.axes, field)) >= rank(axis, getattr(before.axes, field))
    if state.order is not None:
        sums = shipped_by_line(state)
        assert all(quantity > ZERO for quantity in sums.values())
        if not any(getattr(entry, "action", "") in ("resolve", "skip") for entry in play.journal):
            wanted = {one.id: ordered(one) for one in state.order.lines}
            fits = all(quantity <= wanted.get(id_, ZERO) for id_, quantity in sums.items())
            assert fits or "shipment.balance" in state.problems
    summary = play.summary
    assert summary.status in ("open", "waiting", "held", "exception", "done", "cancelled", "ignored")
    if summary.status not in ("done", "cancelled"):
        assert summary.step or summary.reason
    if summary.status == "open":
        assert any(intent.status == "open" for intent in state.commands.values()), "stuck without anybody knowing"
    assert state.timers == play.timers


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_happens_the_rules_hold(data: st.DataObject) -> None:
    held = data.draw(st.sampled_from([[HoldHit("big", "finance", "many", expires_s=60)], []]))
    customers = data.draw(st.sampled_from([["ada@example.com"], []]))
    window = data.draw(st.sampled_from([0.0, 30.0]))
    play = Play(holds=lambda _: held, masters=FakeMasters(customers=customers), edit_window_s=window)
    for _ in range(data.draw(st.integers(1, 25))):
        before = play.state
        open_ = [key for key, intent in before.commands.items() if intent.status == "open"]
        answer: bool = data.draw(st.booleans())
        if open_ and answer:
            command = play.commands[data.draw(st.sampled_from(open_))]
            play.tell(settled(command, data.draw(st.sampled_from(OUTCOMES))))
        else:
            play.tell(data.draw(st.sampled_from(SOUP)), now=NOON + timedelta(seconds=data.draw(st.integers(0, 400))))
        checked(play, before)


def test_views_of_one_second_have_one_newest() -> None:
    def last(*views: Order) -> Order | None:
        play = Play(edit_window_s=60)
        play.tell(*map(OrderSeen, views))
        return play.state.newest

    one, other = order(note="a"), order(note="b")
    assert last(one, other) == last(other, one)
    gone = order(cancelled_at=NOON)
    assert last(one, gone) == last(gone, one) == gone
