"""Whatever order the messages of one order arrive in, it ends in the same state.

Three lives, each as free as its promise allows. What may differ is said where it may: which of two shipments that do
not both fit is refused depends on which came first, and whether an edit came before the booking or after it.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock.domain.events import AllocationsSeen, Event, InvoiceSeen, OrderSeen, ReleaseSeen
from crossdock.domain.fulfilment import Allocation, Invoice
from crossdock.domain.lattice import RELEASE, rank
from crossdock.domain.money import ZERO
from crossdock.domain.order import OrderLine, PaymentStatus
from crossdock.domain.state import OrderState, ordered
from crossdock.domain.state import shipped as shipped_by_line
from tests.domain.factories import ERP, NOON, WAREHOUSE, Play, line, order, shipment, shipped

PAYMENTS = st.sampled_from([PaymentStatus.PENDING, PaymentStatus.AUTHORIZED, PaymentStatus.PAID, PaymentStatus.PAID])


@st.composite
def the_lines(draw: st.DrawFn) -> tuple[OrderLine, ...]:
    return tuple(
        line(str(number), sku=f"SKU-{number}", quantity=draw(st.integers(1, 3)))
        for number in range(1, draw(st.integers(1, 3)) + 1)
    )


@st.composite
def views_of(draw: st.DrawFn, lines: tuple[OrderLine, ...]) -> list[Event]:
    """One order told several times: tagged, noted, some of them in the same second. Money only moves on with time."""
    number = draw(st.integers(1, 4))
    ages = sorted(draw(st.lists(st.integers(0, 3), min_size=number, max_size=number)))
    paid = sorted(draw(st.lists(PAYMENTS, min_size=number, max_size=number)), key=lambda told: rank("payment", told))
    found: list[Event] = []
    for age_s, status in zip(ages, paid, strict=True):
        note, tags = draw(st.sampled_from([None, "gift", "call"])), draw(st.sampled_from([(), ("vip",)]))
        found.append(OrderSeen(order(lines=lines, age_s=age_s, payment_status=status, note=note, tags=tags)))
    return found


@st.composite
def parcels_of(draw: st.DrawFn, lines: tuple[OrderLine, ...]) -> list[Event]:
    """What is ordered, or a part of it, in parcels that fit."""
    units = [one.id for one in lines for _ in range(int(one.quantity))]
    into = draw(st.lists(st.integers(0, 3), min_size=len(units), max_size=len(units)))  # 3: has not left yet
    found: list[Event] = []
    for number in range(3):
        rows = [id_ for id_, place in zip(units, into, strict=True) if place == number]
        if rows:
            counted = [(id_, rows.count(id_)) for id_ in dict.fromkeys(rows)]
            found.append(shipped(shipment(f"sh-{number}", counted, tracking=(f"T-{number}",))))
    return found


@st.composite
def words_of_others(draw: st.DrawFn, total: Decimal) -> list[Event]:
    """The warehouse's statuses, where the shop wants it from, and what the ERP billed."""
    words = draw(st.lists(st.sampled_from(RELEASE[:-1]), max_size=3, unique=True))
    found: list[Event] = [ReleaseSeen(word, WAREHOUSE, external_id="w-1") for word in words]
    if draw(st.booleans()):
        found.append(AllocationsSeen((Allocation("fo-1", "open"),)))
    for number, share in enumerate(draw(st.sampled_from([(), (1,), (2, 2), (4,)]))):
        bill = Invoice(f"i-{number}", f"I{number}", total / share, "EUR", NOON)
        found.append(InvoiceSeen(bill, ERP))
    return found


@st.composite
def lives(draw: st.DrawFn) -> list[Event]:
    lines = draw(the_lines())
    total = sum((one.quantity * one.unit_price.shop for one in lines), ZERO)
    return [*draw(views_of(lines)), *draw(parcels_of(lines)), *draw(words_of_others(total))]


def again(draw: Any, events: list[Event]) -> list[Event]:
    """Shuffled, and some of them twice."""
    twice = draw(st.lists(st.sampled_from(events), max_size=3))
    return draw(st.permutations([*events, *twice]))  # type: ignore[no-any-return]


def live(events: list[Event], pauses: list[bool], **world: Any) -> Play:
    """Tell the events; here and there, and at the end, let every open command succeed."""
    play = Play(**world)
    for event, pause in zip(events, pauses, strict=False):
        play.tell(event)
        if pause:
            play.settle_all()
    play.settle_all()
    return play


PAUSES = st.lists(st.booleans(), min_size=24, max_size=24)
NEVER = [False] * 24


@settings(max_examples=150)
@given(st.data(), lives(), PAUSES, st.sampled_from(["make", "take"]), st.sampled_from(["paid", "pending"]))
def test_any_order_of_arrival_ends_in_the_same_state(
    data: st.DataObject, events: list[Event], pauses: list[bool], invoice: str, payment: str
) -> None:
    """Views that change nothing to be sent, parcels that fit, bills: the whole state is equal, references included.

    Bills of the ERP's own only where the ERP bills: beside ours they are a contradiction, told when it is seen.
    """
    if invoice == "make":
        events = [event for event in events if not isinstance(event, InvoiceSeen)]
    world = {"invoice": invoice, "payment": payment}
    one = live(again(data.draw, events), pauses, **world)
    other = live(events, NEVER, **world)
    assert one.state == other.state
    assert one.references == other.references
    assert one.summary == other.summary
    assert one.commands.keys() == other.commands.keys()


def stable(payload: Any) -> bytes:
    return msgspec.json.encode(payload)


@settings(max_examples=120)
@given(st.data(), st.booleans())
def test_edits_and_a_cancellation_within_the_edit_window(data: st.DataObject, off: bool) -> None:
    """Before anything is booked, even edits of lines end in one state; a cancelled order is never booked."""
    views: list[Event] = []
    for age_s in data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=5)):
        lines = data.draw(the_lines())
        views.append(OrderSeen(order(lines=lines, age_s=age_s, payment_status=data.draw(PAYMENTS))))
    if off:
        gone = NOON + timedelta(seconds=9)
        views.append(OrderSeen(order(age_s=9, cancelled_at=gone, payment_status=PaymentStatus.REFUNDED)))

    def settled_after(sequence: list[Event]) -> Play:
        play = Play(edit_window_s=600)
        play.tell(*sequence)
        if "edit.window" in play.timers:
            play.fire("edit.window")
        play.settle_all()
        return play

    one, other = settled_after(again(data.draw, views)), settled_after(views)
    assert one.state == other.state
    assert one.references == other.references
    assert {key: stable(command.payload) for key, command in one.commands.items()} == {
        key: stable(command.payload) for key, command in other.commands.items()
    }
    if off:
        assert one.commands == {}


@settings(max_examples=120)
@given(st.data(), PAUSES, st.booleans())
def test_whatever_contradicts_each_other_no_more_leaves_than_was_ordered(
    data: st.DataObject, pauses: list[bool], off: bool
) -> None:
    """Parcels that do not all fit, edits after booking, a cancellation: what is equal then is what is known.

    The newest view, the furthest payment, every shipment told (taken or refused), every bill, the warehouse's word;
    and in every order somebody is told, or all of it fits.
    """
    lines = data.draw(the_lines())
    events: list[Event] = [*data.draw(views_of(lines)), *data.draw(words_of_others(Decimal("10.00")))]
    for number in range(data.draw(st.integers(1, 3))):
        id_ = data.draw(st.sampled_from([*(one.id for one in lines), "unknown"]))
        parcel = shipment(f"sh-{number}", [(id_, data.draw(st.integers(1, 3)))], tracking=(f"T-{number}",))
        events.append(shipped(parcel))
    if off:
        events.append(OrderSeen(order(lines=lines, age_s=9, cancelled_at=NOON, payment_status=PaymentStatus.PAID)))
    first, second = live(again(data.draw, events), pauses), live(events, NEVER)
    assert known(first.state) == known(second.state)
    for play in (first, second):
        assert play.state.order is not None
        wanted = {one.id: ordered(one) for one in play.state.order.lines}
        assert all(quantity <= wanted.get(id_, ZERO) for id_, quantity in shipped_by_line(play.state).items())
        refused = [parcel for parcel in play.state.shipments.values() if parcel.refused]
        assert not refused or play.state.problems
        if off and not play.state.shipments:
            assert play.summary.status in ("cancelled", "exception")


def known(state: OrderState) -> dict[str, Any]:
    return {
        "newest": state.newest,
        "payment": state.axes.payment,
        "shipments": {name: parcel.told or parcel.shipment.lines for name, parcel in state.shipments.items()},
        "invoices": state.invoices,
        "release": state.release_status,
        "allocations": state.allocations,
        "cancelled": state.cancel is not None,
    }
