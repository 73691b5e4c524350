"""Commands that fail, and what people do about it."""

from typing import Any

import pytest
from tests.domain.factories import CHANNEL, ERP, FakeMasters, Play, line, settled, shipment, shipped

from crossdock.domain.events import MastersCame
from crossdock.domain.order import PaymentStatus
from crossdock.domain.outcome import Conflict, Done, Misconfigured, OutcomeUnknown, Rejected, RetryLater

TWO_LINES = (line("1", sku="SKU-1", quantity=3), line("2", sku="SKU-2", quantity=2))


def booked(**more: Any) -> Play:
    """An order that the ERP and the warehouse have."""
    play = Play()
    play.see(**more)
    play.settle_all()
    return play


FAILURES = [
    (Rejected("INVALID_KEY", "no such Ada", "entity"), "order.book.rejected", "rejected"),
    (Conflict("exists", "other order"), "order.book.conflict", "conflict"),
    (OutcomeUnknown("lost"), "order.book.unknown_outcome", "unknown_outcome"),
    (RetryLater("503"), "order.book.exhausted", "exhausted"),
    (Misconfigured("401"), "order.book.misconfigured", "mapping"),
]


@pytest.mark.parametrize(("outcome", "code", "klass"), FAILURES)
def test_a_failed_command_is_a_problem_and_can_be_sent_again(outcome: object, code: str, klass: str) -> None:
    play = Play()
    play.see()
    decision = play.settle("order.book", outcome)
    [opened] = decision.opened
    assert (opened.key, opened.code, opened.klass) == ("order.book", code, klass)
    assert opened.hint
    assert "1001" not in opened.fingerprint + opened.title
    assert "Ada" not in opened.title
    assert play.summary.status == "exception"
    assert play.status("order.book") == "failed"

    again = play.act("retry", problem="order.book")
    assert again.again == [f"{CHANNEL}-1001/{ERP}/order.book"]
    assert again.commands == []
    assert again.settled == ["order.book"]
    assert play.status("order.book") == "running"
    assert play.act("retry").again == []
    play.settle("order.book")
    assert play.status("order.book") == "done"


def test_a_late_success_settles_the_problem() -> None:
    play = Play()
    play.see()
    play.settle("order.book", OutcomeUnknown("lost"))
    [command] = play.commands.values()
    decision = play.tell(settled(command))
    assert decision.settled == ["order.book"]
    assert play.status("order.book") == "done"
    assert play.tell(settled(command, Rejected("late", "late"))).entries == []


def test_a_rejected_booking_is_tried_again_with_the_corrected_order() -> None:
    play = Play()
    play.see()
    play.settle("order.book", Rejected("BAD_ADDRESS", "no city"))
    decision = play.see(age_s=5, note="corrected")
    assert decision.settled == ["order.book"]
    assert list(play.commands) == [f"{CHANNEL}-1001/{ERP}/order.book", f"{CHANNEL}-1001/{ERP}/order.book/2"]
    play.settle("order.book")
    assert play.status("order.book") == "done"


def test_an_unknown_booking_is_never_followed_by_a_second_one() -> None:
    play = Play()
    play.see()
    play.settle("order.book", OutcomeUnknown("lost"))
    play.see(age_s=5, lines=TWO_LINES)
    assert play.purposes() == ["order.book"]
    assert "order.edited_after_booking" in play.codes()


def test_a_person_says_what_was_made_there() -> None:
    play = Play()
    play.see()
    play.settle("order.book", OutcomeUnknown("lost"))
    for args in ({}, {"refs": "4711"}, {"refs": ["4711"]}):  # what says nothing is refused, and stops no order
        play.act("resolve", problem="order.book", **args)
        assert play.status("order.book") == "failed"
    play.act("resolve", problem="order.book", refs={"salesOrder": "4711"})
    assert play.state.erp_ref == "4711"
    assert play.purposes() == ["order.book", "order.release"]
    assert (ERP, "salesOrder", "4711") in play.references


def test_skips_are_recorded_with_name_and_reason() -> None:
    play = booked()
    play.tell(shipped(shipment()))
    play.settle("fulfilment.push", Rejected("closed", "closed"))
    play.act("skip", step="fulfilment.push", reason="told by phone")
    assert play.codes() == set()
    play.settle_all()
    assert play.summary.status == "done"
    play = Play()
    play.see(payment_status=PaymentStatus.PENDING)
    play.act("skip", step="confirm.payment", reason="pays on account")
    assert play.purposes() == ["order.book"]
    assert play.state.steps["confirm.payment"].reason == "skipped by olivia: pays on account"


def test_a_skipped_check_stays_skipped_over_a_newer_view() -> None:
    play = Play(edit_window_s=60)
    play.see(payment_status=PaymentStatus.PENDING)
    play.act("skip", step="confirm.payment")
    play.see(payment_status=PaymentStatus.PENDING, age_s=5, note="x")
    assert play.status("confirm.payment") == "skipped"
    play.fire("edit.window")
    assert play.purposes() == ["order.book"]


def test_what_cannot_be_done_is_refused_and_recorded() -> None:
    play = booked()
    for action, args in [
        ("dance", {}),
        ("retry", {}),
        ("release_hold", {"rule": "none"}),
        ("resolve", {"problem": "none"}),
        ("skip", {"step": "order.book"}),
        ("skip", {"step": "validate.customer"}),
    ]:
        play.act(action, **args)
        assert play.journal[-1].refused, action  # type: ignore[union-attr]
    assert play.summary.step == "take.shipments"


def test_partial_shipment_may_be_closed_short_by_a_person() -> None:
    play = booked(lines=TWO_LINES)
    play.tell(shipped(shipment("a", [("1", 3)])))
    play.settle_all()
    play.act("skip", step="take.shipments", reason="discontinued")
    play.settle_all()
    assert play.summary.status == "done"


def test_an_erp_that_tells_no_id_is_asked_by_our_key() -> None:
    play = Play()
    play.see()
    play.settle("order.book", Done({}))
    assert play.state.erp_ref == f"{CHANNEL}-1001"


def test_an_unchanged_problem_is_opened_once_however_often_the_order_is_looked_at() -> None:
    play = Play(masters=FakeMasters(products={}))
    opened = [one.key for one in play.see(lines=TWO_LINES).opened]
    assert sorted(opened) == ["validate.products/SKU-1", "validate.products/SKU-2"]
    for age in range(1, 4):
        assert play.see(lines=TWO_LINES, age_s=age).opened == []
        assert play.tell(MastersCame(ERP, "product")).opened == []
    unknown = line("3", sku="SKU-3")
    assert [one.key for one in play.see(lines=(*TWO_LINES, unknown), age_s=9).opened] == ["validate.products/SKU-3"]
