"""Cancellations and edits, at every stage an order may be in."""

from datetime import timedelta
from typing import Any

import pytest
from tests.domain.factories import (
    CHANNEL,
    ERP,
    NOON,
    WAREHOUSE,
    Play,
    line,
    order,
    shipment,
    shipped,
    shipping,
    with_changes,
)

from crossdock.domain.commands import CancelRelease, CloseBooking
from crossdock.domain.diff import changes
from crossdock.domain.money import Amount
from crossdock.domain.order import Address
from crossdock.domain.outcome import OutcomeUnknown, Rejected

CANCELLED: dict[str, Any] = {"cancelled_at": NOON + timedelta(seconds=30), "cancel_reason": "customer", "age_s": 30}


def booked(**more: Any) -> Play:
    play = Play()
    play.see(**more)
    play.settle_all()
    return play


def test_cancelled_before_booking_ends_with_everything_skipped() -> None:
    play = Play(edit_window_s=600)
    play.see()
    play.see(**CANCELLED)
    assert (play.summary.status, play.summary.reason) == ("cancelled", "customer")
    assert play.commands == {}
    assert play.timers == {}
    assert {step.status for step in play.state.steps.values()} == {"skipped"}
    assert {step.reason for step in play.state.steps.values()} == {"cancelled"}


def test_an_order_that_comes_cancelled_does_nothing() -> None:
    play = Play()
    play.see(**CANCELLED)
    play.see()
    assert play.summary.status == "cancelled"
    assert play.commands == {}


def test_cancelling_settles_what_was_wrong() -> None:
    play = Play()
    play.see(lines=[line(sku="NEW")])
    decision = play.see(lines=[line(sku="NEW")], **CANCELLED)
    assert decision.settled == ["validate.products/NEW"]
    assert play.summary.status == "cancelled"


def test_cancelled_after_booking_is_undone_in_reverse() -> None:
    play = booked()
    play.see(**CANCELLED)
    stop = play.commands[f"{CHANNEL}-1001/{WAREHOUSE}/release.cancel"].payload
    assert stop == CancelRelease(f"{CHANNEL}-1001", "order-order.release", "customer")
    assert "booking.close" not in play.purposes()
    assert play.summary.reason == "being cancelled"
    play.settle("release.cancel")
    close = play.commands[f"{CHANNEL}-1001/{ERP}/booking.close"].payload
    assert close == CloseBooking(f"{CHANNEL}-1001", "salesOrder-order.book", "customer")
    play.settle("booking.close")
    assert play.summary.status == "cancelled"
    assert play.status("order.book") == play.status("order.release") == "undone"
    assert play.status("take.shipments") == "skipped"
    assert play.state.axes.booking == "closed"


def test_a_cancellation_while_booking_waits_for_the_outcome() -> None:
    play = Play()
    play.see()
    play.see(**CANCELLED)
    assert play.purposes() == ["order.book"]
    play.settle("order.book")
    assert play.purposes() == ["order.book", "booking.close"]
    play.settle("booking.close")
    assert play.summary.status == "cancelled"


def test_a_cancelled_order_that_the_erp_refused_is_simply_cancelled() -> None:
    play = Play()
    play.see()
    play.see(**CANCELLED)
    play.settle("order.book", Rejected("no", "no"))
    assert play.purposes() == ["order.book"]
    assert play.summary.status == "cancelled"
    assert play.codes() == set()


def test_a_cancelled_order_whose_booking_is_unknown_waits_for_a_person() -> None:
    play = Play()
    play.see()
    play.see(**CANCELLED)
    play.settle("order.book", OutcomeUnknown("lost"))
    assert play.summary.status == "exception"
    play.act("resolve", problem="order.book", refs={"salesOrder": "4711"})
    assert play.purposes() == ["order.book", "booking.close"]


def test_a_refused_stop_is_shown_and_the_booking_stays() -> None:
    play = booked()
    play.see(**CANCELLED)
    play.settle("release.cancel", Rejected("picking", "already picked"))
    assert play.codes() == {"release.cancel.rejected"}
    assert "booking.close" not in play.purposes()
    play.act("skip", step="release.cancel", reason="stopped by phone")
    play.settle("booking.close")
    assert play.summary.status == "cancelled"


def test_goods_that_leave_a_cancelled_order_are_shown() -> None:
    play = booked()
    play.see(**CANCELLED)
    play.tell(shipped(shipment()))
    assert "order.shipped_after_cancel" in play.codes()
    assert "shipment.post" not in play.purposes()
    assert "fulfilment.push" not in play.purposes()


def test_cancelled_after_shipment_is_a_persons_to_settle() -> None:
    play = booked(lines=[line(quantity=2)])
    play.tell(shipped(shipment()))
    play.see(lines=[line(quantity=2)], **CANCELLED)
    assert play.codes() == {"order.cancelled_after_shipment"}
    assert "release.cancel" not in play.purposes()
    assert "shipment.post" in play.purposes()
    play.act("resolve", problem="cancel", reason="the rest is returned")
    play.settle_all()
    assert play.summary.status == "done"
    assert play.state.steps["take.shipments"].reason == "cancelled, settled by olivia"


def test_an_order_that_comes_cancelled_but_shipped_is_a_persons_to_settle() -> None:
    play = Play()
    play.tell(shipped(shipment()))
    play.see(**CANCELLED)
    assert play.codes() == {"order.cancelled_after_shipment"}
    play.act("resolve", problem="cancel", reason="came back")
    assert play.summary.status == "cancelled"
    assert "order.book" not in play.purposes()


def test_cancelled_after_the_invoice_is_a_persons_to_settle() -> None:
    play = booked(lines=[line(requires_shipping=False)])
    assert play.summary.status == "done"
    play.see(lines=[line(requires_shipping=False)], **CANCELLED)
    assert play.codes() == {"order.cancelled_after_invoice"}
    assert play.summary.status == "exception"


def test_an_operator_cancels_like_the_channel() -> None:
    play = booked()
    play.act("cancel", reason="fraud")
    play.settle_all()
    assert play.summary.status == "cancelled"
    assert play.state.cancel is not None
    assert (play.state.cancel.by, play.state.cancel.reason) == ("olivia", "fraud")
    assert play.act("cancel").commands == []


@pytest.mark.parametrize(
    ("edit", "area"),
    [
        ({"lines": [line(quantity=2)]}, "lines"),
        ({"lines": [line(), line("2")]}, "lines"),
        ({"ship_to": Address(line1="2 Low Street")}, "ship-to"),
        ({"charges": [shipping()]}, "charges"),
    ],
)
def test_an_edit_after_booking_overwrites_nothing(edit: dict[str, Any], area: str) -> None:
    play = booked()
    decision = play.see(age_s=5, **edit)
    [problem] = decision.opened
    assert problem.code == "order.edited_after_booking"
    assert area in problem.title
    assert problem.facts["changes"]
    assert play.state.order == order()
    assert play.purposes() == ["order.book", "order.release"]
    assert play.see(age_s=9).settled == ["order.edited"]


def test_the_named_difference_holds_no_personal_data() -> None:
    [change] = changes(order(), order(ship_to=Address(name="Ada Secret", line1="1 High Street")))
    assert change.text == "ship-to: name, city, country_code"


def test_a_diff_names_line_field_and_values() -> None:
    before = order(lines=[line(quantity=2), line("2")])
    after = order(lines=[line(quantity=1, price="9.00"), line("3")])
    assert [change.text for change in changes(before, after)] == [
        "line 3 was added",
        "line 1: quantity 2 → 1",
        "line 1: price 10.00 → 9.00",
        "line 2 was removed",
        "total 30.00 → 19.00 EUR",
    ]
    assert changes(before, with_changes(before, note="x", tags=("vip",))) == []


def test_the_same_amounts_in_other_words_are_no_edit() -> None:
    told = line(tax="1.00", rate="0.1", discount="0.50")
    [tax] = told.taxes
    reworded = with_changes(told, taxes=(with_changes(tax, title="GST", rate=None),), title="Other")
    before = order(lines=[told], ship_to=Address(line1="1 High Street", line2=None))
    after = order(lines=[reworded], ship_to=Address(line1="1 High Street", line2=""))
    assert changes(before, after) == []
    dearer = with_changes(told, taxes=(with_changes(tax, amount=Amount(tax.amount.shop * 2)),))
    assert [change.text for change in changes(before, order(lines=[dearer], ship_to=before.ship_to))] == [
        "line 1: tax 1.00 → 2.00",
        "total 10.50 → 11.50 EUR",
    ]


def test_resolving_an_edit_puts_the_newer_view_in_force() -> None:
    play = booked()
    newer: dict[str, Any] = {"lines": [line(quantity=2)], "age_s": 5}
    play.see(**newer)
    play.act("resolve", problem="order.edited", reason="changed in both")
    assert play.state.order == order(**newer)
    play.tell(shipped(shipment(lines=[("1", 2)])))
    play.settle_all()
    assert play.summary.status == "done"


def test_before_booking_the_newer_view_replaces_the_older() -> None:
    play = Play()
    play.see(lines=[line(sku="NEW")])
    play.see(lines=[line(sku="SKU-9", price="12.00")], age_s=5)
    assert play.codes() == set()
    [command] = play.commands.values()
    assert command.payload.order.totals.total == Amount(line(price="12.00").unit_price.shop)  # type: ignore[union-attr]
