"""Shipments balance per line; whatever does not fit is kept, shown, and neither posted nor pushed."""

from decimal import Decimal

import pytest
from tests.domain.factories import CHANNEL, ERP, NOON, WAREHOUSE, Play, line, order, shipment, shipped

from crossdock.domain.events import OrderSeen, ShipmentSeen
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.money import ZERO
from crossdock.domain.outcome import Done, Rejected
from crossdock.domain.state import shipped as shipped_by_line
from crossdock.domain.summary import MISSING

LINES = (line("1", sku="SKU-1", quantity=3), line("2", sku="SKU-2", quantity=2))


def booked(lines: object = LINES) -> Play:
    play = Play()
    play.see(lines=lines)
    play.settle_all()
    return play


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([("1", 4)], "shipment.exceeds_order"),
        ([("1", 2), ("1", 2)], "shipment.exceeds_order"),
        ([("9", 1)], "shipment.unknown_line"),
        ([("1", 0)], "shipment.not_positive"),
        ([("1", -1)], "shipment.not_positive"),
    ],
)
def test_what_does_not_fit_is_refused_whole(lines: list[tuple[str, int]], code: str) -> None:
    play = booked()
    decision = play.tell(shipped(shipment("a", lines)))
    assert [problem.code for problem in decision.opened] == [code]
    assert decision.commands == []
    assert shipped_by_line(play.state) == {}
    assert (WAREHOUSE, "shipment", "a") in play.references
    assert play.tell(shipped(shipment("a", lines))).entries == []


def test_a_second_shipment_may_not_exceed_what_is_open() -> None:
    play = booked()
    play.tell(shipped(shipment("a", [("1", 2)])))
    play.tell(shipped(shipment("b", [("1", 2)], tracking=("T2",))))
    assert play.codes() == {"shipment.exceeds_order"}
    assert shipped_by_line(play.state) == {"1": Decimal(2)}


def test_a_corrected_shipment_is_taken_after_all() -> None:
    play = booked()
    play.tell(shipped(shipment("a", [("9", 1)])))
    decision = play.tell(shipped(shipment("a", [("1", 1)])))
    assert decision.settled == ["shipment/a"]
    assert [command.payload.purpose for command in decision.commands] == ["shipment.post", "fulfilment.push"]


def test_the_same_shipment_twice_changes_nothing() -> None:
    play = booked()
    play.tell(shipped(shipment("a", [("1", 1)])))
    assert play.tell(shipped(shipment("a", [("1", 1)]))).entries == []


def test_a_shipment_that_changed_its_lines_is_a_problem() -> None:
    play = booked()
    play.tell(shipped(shipment("a", [("1", 1)])))
    play.tell(shipped(shipment("a", [("1", 2)])))
    assert play.codes() == {"shipment.changed"}
    assert shipped_by_line(play.state) == {"1": Decimal(1)}


def test_tracking_told_later_is_kept_and_found() -> None:
    play = booked()
    play.tell(shipped(shipment("a", [("1", 1)], tracking=())))
    play.tell(shipped(shipment("a", [("1", 1)], tracking=("LATE",))))
    assert (WAREHOUSE, "tracking", "LATE") in play.references
    assert [package.tracking_number for package in play.state.shipments["a"].shipment.packages] == ["LATE"]


def test_the_same_parcel_under_another_id_is_refused() -> None:
    play = booked()
    play.tell(shipped(shipment("a", [("1", 1)])))
    play.tell(shipped(shipment("b", [("1", 1)])))
    assert play.codes() == {"shipment.duplicate_tracking"}
    play.act("resolve", problem="shipment/b", reason="the warehouse deleted it")
    assert play.codes() == set()


def test_shipments_under_one_number_are_told_one_after_the_other() -> None:
    """Else a channel takes the second for the first: its push says what the channel calls the others."""
    play = booked()
    play.tell(
        shipped(shipment("a", [("1", 2)], tracking=("PRO-1",))), shipped(shipment("b", [("1", 1)], tracking=("T2",)))
    )
    play.tell(shipped(shipment("c", [("2", 2)], tracking=(" pro-1 ", "T3"))))
    assert play.purposes().count("fulfilment.push") == 2, "b goes under a number of its own"
    play.settle("fulfilment.push", Rejected("shop.no", "no"), subject="/a")
    assert play.purposes().count("fulfilment.push") == 2, "what is to become of a is a person's to say"
    play.act("retry", problem="fulfilment.push/a")
    play.settle("fulfilment.push", Done({"fulfillment": "71", "fulfillment_2": "72"}), subject="/a")
    told = {key[-1]: command.payload for key, command in play.commands.items() if "/fulfilment.push/" in key}
    assert {id_: payload.others for id_, payload in told.items()} == {"a": (), "b": (), "c": ("71", "72")}
    play.settle_all()
    assert play.summary.status == "done"


def test_one_that_is_not_told_keeps_no_other_waiting() -> None:
    play = booked()
    play.tell(shipped(shipment("a", [("1", 3)])), shipped(shipment("b", [("2", 2)])))
    play.settle("fulfilment.push", Rejected("shop.no", "no"), subject="/a")
    play.act("skip", step="fulfilment.push", shipment="a", reason="told by hand")
    assert play.purposes().count("fulfilment.push") == 2


def test_lines_are_resolved_by_sku_where_the_id_is_not_known() -> None:
    play = booked([line("1", sku="SKU-1", quantity=1), line("2", sku="SKU-1", quantity=2), line("3", sku="SKU-3")])
    told = (ShippedLine("wms-7", Decimal(2), "SKU-1"), ShippedLine("", Decimal(1), "SKU-3"))
    package = Package("T1", lines=(ShippedLine("wms-7", Decimal(2), "SKU-1"),))
    seen = ShipmentSeen(Shipment("a", told, NOON, (package,)), WAREHOUSE)
    play.tell(seen)
    taken = play.state.shipments["a"]
    assert {one.line_id: one.quantity for one in taken.shipment.lines} == {"1": 1, "2": 1, "3": 1}
    assert {one.line_id: one.quantity for one in taken.shipment.packages[0].lines} == {"1": 1, "2": 1}
    assert play.tell(seen).entries == []
    play.tell(ShipmentSeen(Shipment("b", (ShippedLine("", Decimal(1), "SKU-1"),), NOON), WAREHOUSE))
    play.settle_all()
    assert play.summary.status == "done"


def test_the_erps_own_shipment_is_not_posted_back() -> None:
    play = booked([line()])
    play.tell(ShipmentSeen(shipment(), ERP))
    assert "shipment.post" not in play.purposes()
    play.settle_all()
    assert play.summary.status == "done"


def test_a_shipment_before_its_order_is_kept_and_applied() -> None:
    play = Play()
    play.tell(shipped(shipment("a", [("1", 3)])), shipped(shipment("a", [("1", 3)])))
    assert len(play.state.early) == 1
    assert (play.summary.status, play.summary.reason) == ("waiting", "the order has not come yet")
    play.tell(OrderSeen(order(lines=LINES)))
    assert play.timers == {}
    assert play.purposes() == ["fulfilment.push", "order.book"] or play.purposes() == ["order.book", "fulfilment.push"]
    play.settle("order.book")
    assert "shipment.post" in play.purposes()
    assert not play.state.early


def test_what_comes_of_an_order_that_is_not_ours_is_not_waited_for_for_ever() -> None:
    play = Play()
    play.tell(shipped(shipment("a", [("1", 3)])), shipped(shipment("b", [("2", 1)])))
    assert play.summary.status == "waiting"
    play.fire(MISSING)
    assert (play.summary.status, play.timers) == ("ignored", {})
    play.tell(shipped(shipment("a", [("1", 3)])))
    assert (play.summary.status, play.timers) == ("ignored", {}), "the same once more is no news"
    play.tell(OrderSeen(order(lines=LINES)))
    play.settle("order.book")
    assert "shipment.post" in play.purposes(), "nothing is lost if it comes after all"


def test_quantities_may_be_fractions() -> None:
    play = booked([line(quantity="2.5")])
    play.tell(shipped(shipment("a", [("1", "0.5")])))
    assert play.state.steps["take.shipments"].reason == "0.5 of 2.5 units shipped"
    play.tell(shipped(shipment("b", [("1", "2.0")], tracking=())))
    play.settle_all()
    assert play.summary.status == "done"


def test_after_an_edit_before_booking_only_what_is_left_ships() -> None:
    play = booked([line("1", quantity=3, current_quantity=Decimal(1)), line("2", current_quantity=ZERO)])
    play.tell(shipped(shipment("a", [("1", 1)])))
    play.settle_all()
    assert play.summary.status == "done"
    assert f"{CHANNEL}-1001/{CHANNEL}/fulfilment.push/a" in play.commands


def test_an_edit_below_what_already_left_is_a_problem_until_it_fits() -> None:
    play = Play(edit_window_s=600)
    play.see(lines=LINES)
    play.tell(shipped(shipment("a", [("1", 2)])))
    [problem] = play.see(lines=[line("1", quantity=1)], age_s=5).opened
    assert (problem.key, problem.code) == ("shipment.balance", "shipment.exceeds_order")
    assert problem.facts == {"lines": ["line 1: 2 left, 1 wanted"]}
    assert play.see(lines=LINES, age_s=9).settled == ["shipment.balance"]


def test_a_refused_shipment_is_tried_again_when_the_order_has_room() -> None:
    play = booked([line("1", quantity=1)])
    play.tell(shipped(shipment("a", [("1", 2)])))
    play.act("retry", problem="shipment/a")
    assert play.journal[-1].refused == "1 more of SKU-1 left than was ordered"  # type: ignore[union-attr]
    play.see(lines=[line("1", quantity=2)], age_s=5)
    play.act("resolve", problem="order.edited", reason="raised in the ERP")
    assert play.act("retry", problem="shipment/a").settled == ["shipment/a"]
    play.settle_all()
    assert play.summary.status == "done"


def test_a_repeat_whose_lines_come_in_another_order_is_the_same_shipment() -> None:
    """A webhook and a poll of one shipment list its lines as each likes; its new label is taken."""
    play = Play()
    play.see(lines=[line("1", quantity=2), line("2", sku="SKU-2")])
    play.settle_all()
    play.tell(shipped(shipment(lines=[("1", 2), ("2", 1)])))
    play.tell(shipped(shipment(lines=[("2", 1), ("1", 1), ("1", 1)], tracking=("TRACK-2",))))
    assert play.codes() == set()
    [parcel] = play.state.taken()
    assert [package.tracking_number for package in parcel.shipment.packages] == ["TRACK-2"]
