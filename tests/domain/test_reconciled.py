"""What reconciliation tells an order: a problem for each story, settled when the sides agree, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from tests.domain.factories import CHANNEL, ERP, Play, order, shipment, shipped

from crossdock.domain.events import OrderSeen, Reconciled, decode_event, encode_event
from crossdock.domain.reconciling import DIFFERENCES, Difference

KEY = f"{CHANNEL}-1001/{ERP}/order.book"
AMOUNT = Difference("erp_amount_differs", "changed in the ERP", "110.00 EUR", "99.00 EUR")
MISSING = Difference("missing_in_erp", "somebody deleted it", "a sales order", "nothing")


def booked(**more: Any) -> Play:
    play = Play()
    play.see(**more)
    play.settle_all()
    return play


@pytest.mark.parametrize("kind", DIFFERENCES)
def test_each_kind_is_a_problem_of_its_own_and_ends_with_it(kind: str) -> None:
    play = booked()
    before = play.summary
    found = Difference(kind, "why", "1", "2")
    [opened] = play.tell(Reconciled((found,))).opened
    assert (opened.key, opened.code) == (f"reconcile/{kind}", f"reconcile.{kind}")
    assert opened.facts == {"expected": "1", "found": "2", "cause": "why"}
    assert "1001" not in opened.title + opened.fingerprint
    assert play.summary.status == "exception"
    decision = play.tell(Reconciled(settled=(kind,)))
    assert decision.settled == [f"reconcile/{kind}"]
    assert play.summary == before


def test_the_same_story_is_told_once_and_another_one_again() -> None:
    play = booked()
    assert len(play.tell(Reconciled((AMOUNT,))).opened) == 1
    again = play.tell(Reconciled((AMOUNT,)))
    assert (again.opened, again.entries) == ([], [])
    other = Difference(AMOUNT.kind, AMOUNT.cause, AMOUNT.expected, "98.00 EUR")
    assert [one.key for one in play.tell(Reconciled((other,))).opened] == ["reconcile/erp_amount_differs"]


def test_no_command_and_no_step_comes_of_it() -> None:
    play = booked()
    steps = dict(play.state.steps)
    decision = play.tell(Reconciled((AMOUNT, MISSING)))
    assert (decision.commands, decision.again, decision.timers) == ([], [], [])
    assert play.state.steps == steps


def test_an_order_that_is_not_here_or_ignored_is_told_nothing() -> None:
    nobody = Play()
    assert nobody.tell(Reconciled((AMOUNT,))).opened == []
    ignored = Play()
    ignored.tell(OrderSeen(order(test=True)))
    assert ignored.tell(Reconciled((AMOUNT,))).opened == []


@pytest.mark.parametrize("args", [{"problem": "reconcile/missing_in_erp"}, {}])
def test_a_retry_books_a_deleted_sales_order_again_under_its_key(args: dict[str, Any]) -> None:
    play = booked()
    play.tell(Reconciled((MISSING,)))
    decision = play.act("retry", **args)
    assert (decision.again, decision.settled) == ([KEY], ["reconcile/missing_in_erp"])
    assert decision.commands == []
    assert play.status("order.book") == "running"
    assert play.act("retry", **args).again == [], "once"
    play.settle("order.book")
    assert play.status("order.book") == "done"


def test_what_has_left_or_is_cancelled_is_not_booked_again() -> None:
    left = booked()
    left.tell(shipped(shipment("a", [("1", 1)])))
    left.tell(Reconciled((MISSING,)))
    assert left.act("retry", problem="reconcile/missing_in_erp").again == []
    assert "reconcile/missing_in_erp" in left.state.problems
    gone = booked()
    gone.tell(Reconciled((MISSING,)))
    gone.act("cancel", reason="the customer called")
    assert KEY not in gone.act("retry", problem="reconcile/missing_in_erp").again
    never = Play()
    never.see()
    never.tell(Reconciled((MISSING,)))
    assert never.act("retry", problem="reconcile/missing_in_erp").again == []


def test_a_person_may_resolve_it() -> None:
    play = booked()
    play.tell(Reconciled((AMOUNT,)))
    decision = play.act("resolve", problem="reconcile/erp_amount_differs", reason="agreed with finance")
    assert decision.settled == ["reconcile/erp_amount_differs"]


def test_what_version_one_stored_is_read_by_every_later_release() -> None:
    """The file is never written again."""
    stored = (Path(__file__).parent / "stored" / "v1_reconciled_event.json").read_bytes().strip()
    event = decode_event(stored)
    assert event == Reconciled((AMOUNT, MISSING), ("shipment_not_shown",))
    assert decode_event(encode_event(event)) == event
