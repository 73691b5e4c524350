"""The table of edits and cancellations, cell by cell, through the decider."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.domain.factories import (
    CHANNEL,
    ERP,
    NOON,
    Play,
    line,
    order,
    settled,
    shipment,
    shipped,
    shipping,
    with_changes,
)

from crossdock.domain.advance import EDITED
from crossdock.domain.cases.cancel import CANCEL
from crossdock.domain.commands import AmendBooking, ReleaseOrder
from crossdock.domain.events import OrderSeen
from crossdock.domain.money import ZERO
from crossdock.domain.order import Address, Order, OrderLine
from crossdock.domain.outcome import Conflict, OutcomeUnknown, Rejected
from crossdock.domain.problems import CATALOGUE
from crossdock.domain.process import AMEND, progress
from crossdock.domain.rulings import MEANINGS, TABLE, Edit, Ruling, Stage, Way, ruling, stage_of
from crossdock.domain.standing import standing
from crossdock.domain.totals import prove

ONE, TWO = line("1", quantity=2, tax="2.00", discount="1.00"), line("2", sku="SKU-2", price="7.00")


def sold(**more: Any) -> Order:
    return order(**{"lines": [ONE, TWO], "charges": [shipping()], **more})


def wanting(one: OrderLine, quantity: int) -> OrderLine:
    return with_changes(one, current_quantity=one.quantity * 0 + quantity)


EDITS: dict[Edit, dict[str, Any]] = {
    Edit.ADDRESS: {"ship_to": Address(line1="2 Low Street", city="Perth", country_code="AU")},
    Edit.BILLING: {"bill_to": Address(line1="2 Low Street", city="Perth", country_code="AU")},
    Edit.QUANTITY_UP: {"lines": [with_changes(ONE, quantity=ONE.quantity + 1), TWO]},
    Edit.QUANTITY_DOWN: {"lines": [wanting(ONE, 1), TWO]},
    Edit.LINE_ADDED: {"lines": [ONE, TWO, line("3", sku="SKU-3")], "outstanding": ZERO},
    Edit.LINE_REMOVED: {"lines": [ONE]},
    Edit.LINES_CANCELLED: {"lines": [ONE, wanting(TWO, 0)]},
    Edit.ITEM: {"lines": [ONE, with_changes(TWO, sku="SKU-9")]},
    Edit.PRICE: {"lines": [ONE, line("2", sku="SKU-2", price="6.00")]},
    Edit.SHIPPING: {"charges": [shipping("9.00", code="express")]},
    Edit.CANCEL: {"cancelled_at": NOON + timedelta(seconds=30), "cancel_reason": "customer"},
}


def waiting() -> Play:
    play = Play(edit_window_s=600)
    play.tell(OrderSeen(sold()))
    return play


def booking() -> Play:
    play = Play()
    play.tell(OrderSeen(sold()))
    return play


def booked() -> Play:
    """The ERP bills by itself, and no warehouse is told anything."""
    play = Play(warehouse=None, invoice="take")
    play.tell(OrderSeen(sold()))
    play.settle("order.book")
    return play


def releasing() -> Play:
    play = booking()
    play.settle("order.book")
    return play


def released() -> Play:
    play = booking()
    play.settle_all()
    return play


def partly_shipped() -> Play:
    play = released()
    play.tell(shipped(shipment(lines=[("1", 1)])))
    return play


def all_shipped() -> Play:
    play = released()
    play.tell(shipped(shipment(lines=[("1", 2), ("2", 1)])))
    return play


def finished() -> Play:
    play = all_shipped()
    play.settle_all()
    assert play.summary.status == "done"
    return play


def billed() -> Play:
    """The route's ERP ships and bills by itself: nothing left that we know of."""
    play = Play(warehouse=None)
    play.tell(OrderSeen(sold()))
    play.settle_all()
    assert play.summary.status == "done"
    return play


AT: list[tuple[Stage, Callable[[], Play]]] = [
    (Stage.NOT_BOOKED, waiting),
    (Stage.BOOKED, booking),
    (Stage.BOOKED, booked),
    (Stage.RELEASED, releasing),
    (Stage.RELEASED, released),
    (Stage.PARTLY_SHIPPED, partly_shipped),
    (Stage.SHIPPED, all_shipped),
    (Stage.SHIPPED, finished),
    (Stage.BILLED, billed),
]
CELLS = [
    pytest.param(edit, stage, at, id=f"{edit.value}-{stage.value}-{at.__name__}") for edit in EDITS for stage, at in AT
]


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(Edit) == set(EDITS)
    assert all(list(row) == list(Stage) for row in TABLE.values())
    assert {stage for stage, _ in AT} == set(Stage)
    assert set(MEANINGS) == set(Way)
    needs_a_person = {Way.ASK_WAREHOUSE, Way.PERSON, Way.REFUSE, Way.PART}  # of a part: where none can be made
    for row in TABLE.values():
        for cell in row.values():
            assert (cell.code is not None) == (cell.way in needs_a_person)
            assert cell.code is None or cell.code in CATALOGUE


@pytest.mark.parametrize(("edit", "stage", "at"), CELLS)
def test_each_cell_is_what_the_decider_does(edit: Edit, stage: Stage, at: Callable[[], Play]) -> None:
    play = at()
    assert stage_of(play.state) is stage
    before, commands = play.state.order, set(play.commands)
    view = sold(age_s=30, **EDITS[edit])
    decision = play.tell(OrderSeen(view))
    CHECKS[TABLE[edit][stage].way](play, view, before, set(play.commands) - commands)
    ruled = TABLE[edit][stage]
    code = None if ruled.way is Way.PART else ruled.code
    assert [problem.code for problem in decision.opened] == ([] if code is None else [code])


def replaced(play: Play, view: Order, before: Any, new: set[str]) -> None:
    assert (play.state.order, play.state.latest, new) == (view, None, set())
    play.fire("edit.window")
    [command] = play.commands.values()
    assert command.payload.order == standing(view)  # type: ignore[union-attr]


def amended(play: Play, view: Order, before: Any, new: set[str]) -> None:
    assert (play.state.order, play.state.latest) == (before, view)
    if play.state.status_of("order.book") == "running":
        assert new == set()
        play.settle("order.book")
    assert "order.release" not in play.purposes()
    payload = play.commands[f"{CHANNEL}-1001/{ERP}/booking.amend"].payload
    assert isinstance(payload, AmendBooking)
    assert (payload.order, payload.erp_ref) == (standing(view), "salesOrder-order.book")
    assert prove(payload.order).balanced
    assert any(step.name == AMEND and step.status == "running" for step in progress(play.state))
    play.settle("booking.amend")
    assert (play.state.order, play.state.latest, play.codes()) == (view, None, set())
    if play.world.get("warehouse", "") is not None:
        assert "order.release" in play.purposes()


def asked(play: Play, view: Order, before: Any, new: set[str]) -> None:
    assert (play.state.order, play.state.latest) == (before, view)
    assert new == set(), "nothing is sent for an edit that a person must look at"
    play.act("resolve", problem=EDITED)
    assert EDITED not in play.state.problems
    assert play.state.order == view


def cancelled_person(play: Play, view: Order, before: Any, new: set[str]) -> None:
    if view.cancelled_at is None:
        asked(play, view, before, new)
        return
    assert new == set()
    assert play.summary.status == "exception"
    play.act("resolve", problem=CANCEL)
    play.settle_all()
    assert play.summary.status in ("done", "cancelled")


def dropped(play: Play, view: Order, before: Any, new: set[str]) -> None:
    assert (play.summary.status, play.commands) == ("cancelled", {})


def undone(play: Play, view: Order, before: Any, new: set[str]) -> None:
    assert play.summary.reason == "being cancelled"
    play.settle_all()
    assert play.summary.status == "cancelled"
    stopped = "order.release" in play.purposes()
    assert play.purposes()[-1 - stopped :] == (["release.cancel"] if stopped else []) + ["booking.close"]


def parted(play: Play, view: Order, before: Any, new: set[str]) -> None:
    assert new == set(), "nothing of the order itself is sent"
    now = play.state.order
    assert now is not None
    assert (now.lines, now.totals, play.state.latest) == (before.lines, before.totals, None)
    [tell] = play.decisions[-1].tells
    assert (tell.to.key, play.codes()) == (f"{CHANNEL}-1001-X1", set())
    assert isinstance(tell.event, OrderSeen)
    assert [one.id for one in tell.event.order.lines] == ["3"]


CHECKS: dict[Way, Callable[[Play, Order, Any, set[str]], None]] = {
    Way.REPLACE: replaced,
    Way.DROP: dropped,
    Way.AMEND: amended,
    Way.UNDO: undone,
    Way.ASK_WAREHOUSE: asked,
    Way.PERSON: cancelled_person,
    Way.REFUSE: asked,
    Way.PART: parted,
}


def test_the_hardest_ruling_is_the_views() -> None:
    found = ruling([Edit.ADDRESS, Edit.QUANTITY_UP], Stage.BOOKED)
    assert found == Ruling(Way.PERSON, "order.edited_after_booking")
    play = booking()
    play.tell(OrderSeen(sold(age_s=30, **{**EDITS[Edit.ADDRESS], **EDITS[Edit.QUANTITY_UP]})))
    assert play.codes() == {"order.edited_after_booking"}
    assert play.purposes() == ["order.book"]


CANCELLED_LINE = EDITS[Edit.LINES_CANCELLED]


def amending(**more: Any) -> Play:
    """An order whose amendment is on its way to the ERP."""
    play = booking()
    play.tell(OrderSeen(sold(age_s=10, **CANCELLED_LINE, **more)))
    play.settle("order.book")
    return play


def test_a_line_cancelled_before_booking_is_not_booked() -> None:
    play = Play()
    play.tell(OrderSeen(sold(**CANCELLED_LINE)))
    [command] = play.commands.values()
    booked_order: Order = command.payload.order  # type: ignore[union-attr]
    assert [one.id for one in booked_order.lines] == ["1"]
    assert booked_order.totals.total.shop == sold().totals.total.shop - 7


def test_what_is_left_of_an_amended_order_is_released_shipped_and_billed() -> None:
    play = amending()
    play.settle_all()
    play.tell(shipped(shipment(lines=[("1", 2)])))
    play.settle_all()
    assert (play.summary.status, play.codes()) == ("done", set())


def test_a_newer_view_during_the_amendment_is_sent_after_it() -> None:
    play = amending()
    view = sold(age_s=20, **CANCELLED_LINE, **EDITS[Edit.ADDRESS])
    play.tell(OrderSeen(view))
    assert play.purposes() == ["order.book", "booking.amend"]
    play.settle("booking.amend")
    assert play.purposes() == ["order.book", "booking.amend", "booking.amend"]
    assert play.commands[f"{CHANNEL}-1001/{ERP}/booking.amend/2"].payload.order == standing(view)  # type: ignore[union-attr]
    play.settle("booking.amend")
    assert play.state.order == view
    assert play.purposes()[-1] == "order.release"


def test_an_edit_that_is_taken_back_is_amended_back_if_it_was_sent() -> None:
    play = booking()
    play.tell(OrderSeen(sold(age_s=10, **CANCELLED_LINE)), OrderSeen(sold(age_s=20)))
    play.settle("order.book")
    assert play.purposes() == ["order.book", "order.release"]  # it had not been sent
    play = amending()
    play.tell(OrderSeen(sold(age_s=20)))
    play.settle("booking.amend")
    assert play.commands[f"{CHANNEL}-1001/{ERP}/booking.amend/2"].payload.order == sold(age_s=20)  # type: ignore[union-attr]


def test_an_amendment_that_is_refused_stays_an_exception_and_nothing_goes_on() -> None:
    play = amending()
    play.settle("booking.amend", Rejected("locked", "locked"))
    assert play.codes() == {"booking.amend.rejected"}
    assert play.purposes() == ["order.book", "booking.amend"]
    play.act("retry")
    play.settle("booking.amend")
    assert play.codes() == set()
    assert play.purposes()[-1] == "order.release"


def test_a_newer_view_is_tried_after_a_refused_amendment() -> None:
    play = amending()
    play.settle("booking.amend", Rejected("locked", "locked"))
    decision = play.tell(OrderSeen(sold(age_s=30, **CANCELLED_LINE, **EDITS[Edit.ADDRESS])))
    assert decision.settled == [AMEND]
    play.settle("booking.amend")
    assert play.state.latest is None
    play = amending()
    play.settle("booking.amend", Rejected("locked", "locked"))
    play.tell(OrderSeen(sold(age_s=30)))  # as it was booked
    assert (play.codes(), play.purposes()[-1]) == (set(), "order.release")


def test_an_amendment_in_doubt_is_settled_before_another_is_sent() -> None:
    play = amending()
    play.settle("booking.amend", OutcomeUnknown("?"))
    view = sold(age_s=30, **CANCELLED_LINE, **EDITS[Edit.ADDRESS])
    play.tell(OrderSeen(view))
    assert play.codes() == {"booking.amend.unknown_outcome"}
    play.act("resolve", problem=AMEND)
    play.settle("booking.amend")
    assert play.state.order == view


def test_a_person_may_have_amended_it() -> None:
    play = amending()
    play.settle("booking.amend", Conflict("fulfilled", "fulfilled"))
    play.act("skip", step=AMEND)
    assert (play.codes(), play.state.latest, play.purposes()[-1]) == (set(), None, "order.release")


def test_an_edit_for_a_person_during_an_amendment_waits_for_the_person() -> None:
    play = amending()
    play.tell(OrderSeen(sold(age_s=20, **EDITS[Edit.QUANTITY_UP])))
    assert play.codes() == {"order.edited_after_booking"}
    play.settle("booking.amend")
    assert play.state.order == sold(age_s=10, **CANCELLED_LINE), "what the ERP has is in force"
    assert play.state.latest is not None
    assert "order.release" not in play.purposes(), "nothing leaves before somebody said what is wanted"
    play.act("resolve", problem=EDITED)
    assert play.state.latest is None
    [release] = [one.payload for one in play.commands.values() if isinstance(one.payload, ReleaseOrder)]
    assert release.order == play.state.order


@pytest.mark.parametrize("outcome", [None, Rejected("no", "no")])
def test_a_cancellation_waits_for_the_amendment_and_takes_all_back(outcome: Any) -> None:
    play = amending()
    play.tell(OrderSeen(sold(age_s=30, **CANCELLED_LINE, **EDITS[Edit.CANCEL])))
    assert "booking.close" not in play.purposes()
    play.tell(settled(play.commands[f"{CHANNEL}-1001/{ERP}/booking.amend"], outcome))
    play.settle("booking.close")
    assert (play.summary.status, play.codes()) == ("cancelled", set())


def test_every_line_cancelled_is_a_persons() -> None:
    """The channel has not cancelled the order: whether the sales order is closed is not ours to guess."""
    play = booking()
    play.tell(OrderSeen(sold(age_s=10, lines=[wanting(ONE, 0), wanting(TWO, 0)])))
    assert play.codes() == {"order.edited_after_booking"}


def test_a_refused_cancellation_stays_in_sight() -> None:
    play = released()
    play.tell(OrderSeen(sold(age_s=30, **EDITS[Edit.CANCEL])))
    play.settle("release.cancel", Rejected("picking", "picked"))
    play.tell(OrderSeen(sold(age_s=40, **EDITS[Edit.CANCEL])))
    assert play.codes() == {"release.cancel.rejected"}
    assert play.summary.status == "exception"
    assert "booking.close" not in play.purposes()
