"""Labels made anew: the channel is told the numbers that are on the parcels, once, after what it was told before."""

from tests.domain.factories import CHANNEL, WAREHOUSE, Play, line, shipment, shipped, stored_and_read

from crossdock.domain.commands import PushFulfilment, ReplaceTracking
from crossdock.domain.events import ShipmentSeen, SignalSeen
from crossdock.domain.fulfilment import tracking_numbers
from crossdock.domain.outcome import Rejected


def left(*, settle: bool = True) -> Play:
    """An order whose goods left under the label T1; ``settle``: and everybody has been told."""
    play = Play()
    play.see(lines=[line("1", quantity=2)])
    play.settle_all()
    label(play, "T1")
    if settle:
        play.settle_all()
    return play


def label(play: Play, *numbers: str) -> None:
    play.tell(shipped(shipment("sh/1", [("1", 2)], tracking=numbers)))


def told(play: Play) -> list[tuple[str, ...]]:
    """What the channel was told, in order."""
    kinds = (PushFulfilment, ReplaceTracking)
    sent = [each.payload for each in play.commands.values() if isinstance(each.payload, kinds)]
    return [tracking_numbers(payload.shipment) for payload in sent]  # type: ignore[union-attr]


def test_a_new_label_is_told_though_the_order_is_done() -> None:
    play = left()
    assert play.summary.status == "done"
    label(play, "T2")
    (command,) = [each for each in play.commands.values() if isinstance(each.payload, ReplaceTracking)]
    assert command.key == f"{play.state.order.key}/{CHANNEL}/tracking.replace/sh/1/1"  # type: ignore[union-attr]
    payload = command.payload
    assert isinstance(payload, ReplaceTracking)
    assert (payload.was, payload.fulfilments, payload.notify_customer) == (("T1",), ("fulfillment-1",), True)
    assert tracking_numbers(payload.shipment) == ("T2",)
    assert stored_and_read(play.state) == play.state
    play.settle_all()
    assert (play.summary.status, play.codes()) == ("done", set())
    assert told(play) == [("T1",), ("T2",)]


def test_it_waits_for_what_is_being_told() -> None:
    """A push that is under way names the old label, and cannot be changed."""
    play = left(settle=False)
    assert told(play) == [("T1",)]
    label(play, "T2")
    label(play, "T3", "T4")
    assert told(play) == [("T1",)]
    play.settle_all()
    assert told(play) == [("T1",), ("T3", "T4")]


def test_labels_one_after_the_other_are_told_one_at_a_time() -> None:
    play = left()
    label(play, "T2")
    label(play, "T3")
    assert told(play) == [("T1",), ("T2",)]
    play.settle_all()
    assert told(play) == [("T1",), ("T2",), ("T3",)]
    last = list(play.commands.values())[-1].payload
    assert isinstance(last, ReplaceTracking)
    assert last.was == ("T1", "T2")


def test_a_number_that_comes_late_is_told() -> None:
    play = Play()
    play.see(lines=[line("1", quantity=2)])
    play.settle_all()
    label(play)
    play.settle_all()
    label(play, "T1")
    assert told(play) == [(), ("T1",)]


def test_a_message_that_may_be_old_is_asked_about() -> None:
    """Messages come late and in any order: the warehouse is asked which label is on the parcel, once for each."""
    play = left()
    late = ShipmentSeen(shipment("sh/1", [("1", 2)], tracking=("T0",)), WAREHOUSE, "77")
    (tell,) = play.tell(late).tells
    assert (tell.to.kind, tell.to.key) == ("signal", f"{WAREHOUSE}:shipments:77/sh/1")
    assert tell.event == SignalSeen(WAREHOUSE, "shipments", "77/sh/1", "T0")
    assert told(play) == [("T1",)]
    label(play, "T1")
    assert told(play) == [("T1",)], "that is what it shows"
    same = ShipmentSeen(shipment("sh/1", [("1", 2)], tracking=("T1",)), WAREHOUSE, "77")
    assert play.tell(same).tells == []


def test_a_label_made_anew_before_anybody_was_told_is_pushed_as_it_is() -> None:
    play = Play()
    play.see(lines=[line("1", quantity=2)])
    label(play, "T1")
    label(play, "T2")
    play.settle_all()
    assert told(play)[0] in (("T1",), ("T2",))
    assert told(play)[-1] == ("T2",)


def test_a_refusal_is_somebodys_and_the_next_label_waits_for_them() -> None:
    play = left()
    label(play, "T2")
    play.settle("tracking.replace", Rejected("shopify.user_error", "no"))
    assert play.codes() == {"tracking.replace.rejected"}
    label(play, "T3")
    assert told(play) == [("T1",), ("T2",)]
    play.act("skip", step="tracking.replace")
    assert play.codes() == set()
    assert told(play)[-1] == ("T3",)
