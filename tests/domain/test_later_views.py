"""What the channel changes after goods have left: heard of orders that are here, and of no other."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.domain.factories import CHANNEL, NOON, Play, line, order, shipment, shipped

from crossdock.domain.decision import StreamRef, Tell
from crossdock.domain.events import LaterSeen, OrderSeen, SignalSeen
from crossdock.domain.money import ZERO
from crossdock.domain.order import Address

LINES = (line("1", sku="SKU-1", quantity=2), line("2", sku="SKU-2", quantity=1))
LESS = (LINES[0], line("2", sku="SKU-2", quantity=1, current_quantity=ZERO))
LATER = LaterSeen(CHANNEL, "1001")


def released(*left: tuple[str, int], lines: Any = LINES) -> Play:
    """An order that the warehouse has, of which so much has left."""
    play = Play()
    play.see(lines=lines, note="ring twice", ship_by=NOON + timedelta(days=1))
    play.settle_all()
    for number, (line_id, quantity) in enumerate(left):
        play.tell(shipped(shipment(f"sh-{number}", [(line_id, quantity)], tracking=(f"T{number}",))))
        play.settle_all()
    return play


def later(**more: Any) -> OrderSeen:
    return OrderSeen(order(**{"age_s": 60, **more}), authoritative=True, later=True)


@pytest.mark.parametrize(("left", "read"), [((), True), ((("1", 2),), True), ((("1", 2), ("2", 1)), False)])
def test_it_is_read_back_while_something_may_still_leave(left: tuple[tuple[str, int], ...], read: bool) -> None:
    tells = released(*left).tell(LATER).tells
    to = StreamRef("signal", f"{CHANNEL}:order:1001")
    assert tells == ([Tell(to, SignalSeen(CHANNEL, "order", "1001"))] if read else [])


def test_of_an_order_that_is_cancelled_or_not_here_nothing_is_read_and_nothing_taken() -> None:
    play = Play()
    for event in (LATER, later(lines=LINES)):
        decision = play.tell(event)
        assert (decision.entries, decision.tells, decision.commands) == ([], [], [])
    early = Play()
    early.tell(shipped(shipment()))
    early.tell(later(lines=LINES))
    assert early.summary.reason == "the order has not come yet"
    cancelled = released()
    cancelled.act("cancel")
    assert cancelled.tell(LATER).tells == []


def test_units_that_are_cancelled_after_a_part_has_left_are_a_persons_to_stop() -> None:
    play = released(("1", 2))
    play.tell(later(lines=LESS))
    assert play.codes() == {"order.edited_after_booking"}
    play.act("resolve", problem="order.edited", reason="taken off in the warehouse and the ERP")
    play.settle_all()
    assert play.summary.status == "done"
    assert play.purposes().count("fulfilment.push") == 1


def test_what_a_later_view_lacks_or_says_of_shipping_is_as_it_was() -> None:
    """A channel may show no person any more, and calls what has left as it likes."""
    play = released(("1", 2))
    silent = {"customer": None, "ship_to": None, "region": None}
    gone = tuple(line(each.id, sku=each.sku, quantity=each.quantity, requires_shipping=False) for each in LINES)
    play.tell(later(lines=gone, **silent))
    assert play.codes() == set()
    seen = play.state.order
    assert seen is not None
    assert (seen.note, seen.region, seen.ship_by) == ("ring twice", "AU", NOON + timedelta(days=1))
    assert seen.ship_to is not None
    assert [each.requires_shipping for each in seen.lines] == [True, True]
    assert seen.updated_at == NOON + timedelta(seconds=60)
    assert play.status("take.shipments") == "waiting"


def test_an_address_that_is_told_otherwise_is_heard() -> None:
    play = released(("1", 2))
    play.tell(later(lines=LINES, ship_to=Address(name="Ada Example", line1="9 New Road", country_code="AU")))
    assert play.codes() == {"order.edited_after_booking"}


def test_an_older_one_changes_nothing() -> None:
    play = released(("1", 2))
    play.tell(later(lines=LESS), later(lines=LINES, age_s=30))
    newest = play.state.newest
    assert newest is not None
    assert newest.lines[1].current_quantity == Decimal(0)
