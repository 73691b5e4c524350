"""Where parcels are: whatever order and number a carrier's words come in, the order ends at the same place."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.factories import CHANNEL, NOON, WAREHOUSE, Play, line, order, shipment, shipped, stored_and_read

from crossdock.domain.commands import TellTracking
from crossdock.domain.events import OrderSeen, ParcelSeen
from crossdock.domain.lattice import PARCEL
from crossdock.domain.outcome import Done, Rejected
from crossdock.domain.promise import Promising
from crossdock.domain.tracking import arrived_at, ways, whole


def said(status: str, hours: float = 0, **named: Any) -> ParcelSeen:
    named = named or {"shipment_id": "sh-1"}
    return ParcelSeen(status, NOON + timedelta(hours=hours), WAREHOUSE, **named)


def left(tracking: tuple[str, ...] = ("T1",), **policy: Any) -> Play:
    play = Play(**policy)
    play.see(lines=[line("1", quantity=2)])
    play.settle_all()
    play.tell(shipped(shipment("sh-1", [("1", 2)], tracking=tracking)))
    play.settle_all()
    return play


def told(play: Play) -> list[str]:
    return [each.payload.status for each in play.commands.values() if isinstance(each.payload, TellTracking)]


def test_each_parcel_has_its_way() -> None:
    play = left(("T1", "T2"))
    play.tell(said("in_transit", 1), said("delivered", 9, shipment_id="sh-1", tracking_number="T2"))
    one, two = ways(play.state)
    assert (one.package.tracking_number, one.status, list(one.marks)) == ("T1", "in_transit", ["in_transit"])
    assert (two.status, list(two.marks)) == ("delivered", ["in_transit", "delivered"])
    assert list(whole([one, two])) == ["in_transit"], "the shipment is as far as the last of its parcels"
    assert arrived_at(play.state) is None
    assert stored_and_read(play.state) == play.state


EVENTS = st.lists(
    st.builds(
        lambda status, hours, named: said(status, hours, **named),
        st.sampled_from(PARCEL),
        st.integers(0, 5),
        st.sampled_from([{"shipment_id": "sh-1"}, {"shipment_id": "sh-1", "tracking_number": "T1"}]),
    ),
    max_size=6,
)


@given(EVENTS, st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(events: list[ParcelSeen], random: Any) -> None:
    one, other = left(("T1", "T2")), left(("T1", "T2"))
    one.tell(*events)
    again = [*events, *events]
    random.shuffle(again)
    other.tell(*again)
    assert one.state.tracks == other.state.tracks
    assert {way.status for way in ways(one.state)} == {way.status for way in ways(other.state)}


def test_a_known_or_older_word_is_no_decision() -> None:
    play = left()
    play.tell(said("delivered", 5), said("in_transit", 1))
    assert play.tell(said("delivered", 5)).entries == []
    assert play.tell(said("delivered", 7)).entries == []
    assert ways(play.state)[0].status == "delivered"
    assert [entry.happened_at for entry in play.tell(said("delivered", 4)).entries] == [NOON + timedelta(hours=4)]


@pytest.mark.parametrize("arrival", list(permutations(range(3))))
def test_words_before_their_shipment_and_their_order_are_kept(arrival: tuple[int, ...]) -> None:
    play = Play()
    events = [OrderSeen(order()), shipped(shipment("sh-1", tracking=("T1",))), said("delivered", 5)]
    play.tell(*(events[place] for place in arrival))
    assert [way.status for way in ways(play.state)] == ["delivered"]


def test_a_carriers_word_about_an_order_that_never_came_waits_for_nobody() -> None:
    play = Play()
    play.tell(said("delivered", 5, fulfilment="77"))
    assert play.summary.status == "ignored"
    play.tell(OrderSeen(order()))
    assert play.summary.status == "open"


def test_what_comes_back_is_a_persons_and_says_what_to_do() -> None:
    play = left()
    opened = play.tell(said("exception", 1)).opened
    assert [(each.code, each.key) for each in opened] == [("parcel.exception", "parcel/sh-1")]
    opened = play.tell(said("returned", 9)).opened
    assert [each.code for each in opened] == ["parcel.returned"]
    assert "refund" in opened[0].hint
    assert play.codes() == {"parcel.returned"}
    assert play.summary.status == "exception"
    assert play.tell(said("delivered", 3)).opened == []
    assert play.codes() == {"parcel.returned"}, "an older word does not undo it"
    play.act("resolve", problem="parcel/sh-1", reason="sent again")
    assert play.codes() == set()
    play.tell(said("returned", 9), said("returned", 8), said("in_transit", 2))
    assert play.codes() == set(), "what a person resolved stays resolved"


def test_an_exception_settles_when_it_is_delivered() -> None:
    play = left()
    play.tell(said("exception", 1))
    assert play.tell(said("delivered", 2)).settled == ["parcel/sh-1"]


def test_the_end_of_the_order_does_not_end_its_parcels_way() -> None:
    play = left()
    assert play.state.ended == "done"
    play.tell(said("returned", 30))
    assert play.codes() == {"parcel.returned"}
    assert play.summary.status == "exception"


def test_the_channel_is_told_one_milestone_at_a_time_and_none_that_is_behind() -> None:
    play = left(push_tracking=True)
    play.tell(said("in_transit", 1))
    [command] = [each for each in play.commands.values() if isinstance(each.payload, TellTracking)]
    assert command.key == f"{play.state.order.key}/{CHANNEL}/tracking.push/sh-1/in_transit"  # type: ignore[union-attr]
    assert command.payload == TellTracking("1001", ("fulfillment-sh-1",), "in_transit", NOON + timedelta(hours=1))
    play.tell(said("out_for_delivery", 2), said("delivered", 3))
    assert told(play) == ["in_transit"], "the one before is still on its way"
    play.settle("tracking.push", Done({"fulfillmentEvent": "1"}))
    assert told(play) == ["in_transit", "delivered"]
    play.settle_all()
    play.tell(said("exception", 2.5), said("returned", 40))
    assert told(play) == ["in_transit", "delivered"]


def test_a_channel_that_refuses_is_a_problem_and_hears_the_next() -> None:
    play = left(push_tracking=True)
    play.tell(said("in_transit", 1))
    play.settle("tracking.push", Rejected("shopify.user_error", "no"))
    assert play.codes() == {"tracking.push.rejected"}
    play.act("skip", step="tracking.push")
    assert play.codes() == set()
    play.tell(said("delivered", 3))
    assert told(play) == ["in_transit", "delivered"]


def test_nothing_is_told_where_the_route_does_not_ask_or_the_push_is_not_done() -> None:
    play = left()
    play.tell(said("delivered", 1))
    assert told(play) == []
    early = Play(push_tracking=True)
    early.see()
    early.settle_all()
    early.tell(shipped(shipment("sh-1")), said("delivered", 1))
    assert told(early) == []
    early.settle_all()
    assert told(early) == ["delivered"]


def test_a_word_that_names_the_channels_fulfilment_finds_its_shipment() -> None:
    play = left()
    play.tell(said("delivered", 4, fulfilment="fulfillment-sh-1"))
    assert [way.status for way in ways(play.state)] == ["delivered"]


def test_what_we_told_the_channel_comes_back_from_it_and_is_no_second_trouble() -> None:
    play = left(push_tracking=True)
    play.tell(said("exception", 1))
    assert told(play) == ["exception"]
    play.settle_all()
    play.tell(ParcelSeen("exception", NOON + timedelta(hours=1), CHANNEL, fulfilment="fulfillment-sh-1"))
    assert list(play.state.problems) == ["parcel/sh-1"]
    play.tell(said("exception", 3, shipment_id="sh-1", tracking_number="T1"))
    assert list(play.state.problems) == ["parcel/sh-1"]


def test_each_parcel_in_trouble_is_told() -> None:
    play = left(("T1", "T2"))
    for number in ("T1", "T2"):
        play.tell(said("exception", 1, shipment_id="sh-1", tracking_number=number))
    assert list(play.state.problems) == ["parcel/sh-1/T1", "parcel/sh-1/T2"]
    play.tell(said("delivered", 2, shipment_id="sh-1", tracking_number="T2"))
    assert list(play.state.problems) == ["parcel/sh-1/T1"]


MORNING = Promising("UTC", cut_off="14:00", collection="17:00", default_transit_days=1)


@pytest.mark.parametrize(("hours", "late"), [(20, False), (24 * 9, True)])
def test_the_promise_is_held_against_the_delivery(hours: int, late: bool) -> None:
    play = left(promise=MORNING)
    given_ = play.state.promise
    assert given_ is not None
    assert given_.cause == "shipped"
    play.tell(said("delivered", hours))
    found = play.state.promise
    assert found is not None
    assert found.forecast is not None
    assert (found.cause, found.late, found.forecast.deliver_by) == ("arrived", late, NOON + timedelta(hours=hours))
    assert play.codes() == set()
    assert play.tell(said("in_transit", 1)).timers == []


def test_an_exception_told_by_the_channel_settles_when_the_warehouse_says_delivered() -> None:
    play = left()
    play.tell(said("exception", 1, fulfilment="fulfillment-sh-1"))
    assert play.codes() == {"parcel.exception"}
    play.tell(said("delivered", 2))
    assert play.codes() == set()
