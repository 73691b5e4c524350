"""Refunds that do not fit, returns, and credits of the ERP's own: each visible, none twice, no echo."""

from datetime import timedelta
from decimal import Decimal
from functools import cache
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.factories import (
    CHANNEL,
    ERP,
    NOON,
    WAREHOUSE,
    Play,
    invoiced,
    line,
    money,
    order,
    shipment,
    shipped,
    with_changes,
)
from tests.domain.test_refunds import BACK, KEPT, OFF, part, postage, refund, sold

from crossdock.domain.commands import CreditRefund, PayRefund, PushRefund
from crossdock.domain.events import CreditSeen, Event, OrderSeen, RefundSeen, ReturnSeen
from crossdock.domain.money import Amount
from crossdock.domain.outcome import Done, OutcomeUnknown, Rejected
from crossdock.domain.process import progress
from crossdock.domain.refund import Adjustment, Credit, Refund, RefundedLine, Return, ReturnedLine, Tender, paid_back
from crossdock.domain.state import came_back


def done(**route: Any) -> Play:
    """An order that is shipped, billed and done."""
    play = Play(**route)
    play.tell(OrderSeen(sold(False)))
    play.settle_all()
    play.tell(shipped(shipment(lines=[("1", 3), ("2", 1)])))
    play.settle_all()
    play.tell(invoiced(f"{sold(False).totals.total.shop}"))
    assert play.summary.status == "done"
    return play


def told(one: Refund) -> RefundSeen:
    return RefundSeen(one, CHANNEL)


def credit(id_: str = "cm-9", **more: Any) -> CreditSeen:
    return CreditSeen(Credit(id_, id_.upper(), Decimal("7.70"), "EUR", NOON, Decimal("0.70"), **more), ERP)


LINE_2 = part(sold(False), "2", 1, BACK)
SHORT = refund(LINE_2, tenders=(Tender("card", money("7.00")),))
MISFITS: dict[str, tuple[Refund, str]] = {
    "paid back less than its parts": (SHORT, "refund.unbalanced"),
    "in another currency": (with_changes(refund(LINE_2), currency="USD"), "refund.unbalanced"),
    "a line that was not sold": (refund(with_changes(LINE_2, line_id="9")), "refund.unknown_line"),
    "more units than were sold": (refund(with_changes(LINE_2, quantity=Decimal(2))), "refund.exceeds_order"),
    "more than was sold for": (refund(Adjustment(money("999.00"))), "refund.exceeds_order"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_refund_that_does_not_fit_is_an_exception_and_no_document(name: str) -> None:
    one, code = MISFITS[name]
    play = done()
    play.tell(told(one), told(one))
    assert play.codes() == {code}
    assert play.summary.status == "exception"
    assert "refund.credit" not in play.purposes()
    play.act("retry", problem="refund/r1")
    assert play.codes() == {code}
    play.act("resolve", problem="refund/r1")
    play.tell(told(one))
    play.tell(OrderSeen(sold(False, note="x", age_s=60)))
    assert (play.codes(), play.summary.status) == (set(), "done")
    assert "refund.credit" not in play.purposes()


def test_two_refunds_may_not_come_to_more_than_was_sold() -> None:
    play = done()
    play.tell(told(refund(Adjustment(money("30.00")))), told(refund(Adjustment(money("30.00")), id_="r2")))
    assert play.codes() == {"refund.exceeds_order"}
    assert play.purposes().count("refund.credit") == 1


def test_units_that_had_not_left_as_we_know_cannot_come_back_until_they_did() -> None:
    play = Play()
    play.tell(OrderSeen(sold(False)))
    play.settle_all()
    play.tell(told(refund(LINE_2)))
    assert play.codes() == {"return.exceeds_shipped"}
    play.tell(shipped(shipment(lines=[("1", 3), ("2", 1)])))
    assert play.codes() == set()
    assert play.state.axes.returned == "partly_returned"


def test_a_refund_that_comes_before_its_order_is_kept() -> None:
    play = Play()
    cancelled = with_changes(LINE_2, restock=OFF)
    play.tell(told(refund(cancelled)), told(refund(cancelled)))
    lines = [sold(False).lines[0], with_changes(sold(False).lines[1], current_quantity=Decimal(0))]
    play.tell(OrderSeen(sold(False, lines=lines)))
    [command] = play.commands.values()
    assert [one.id for one in command.payload.order.lines] == ["1"]  # type: ignore[union-attr]


def test_a_taken_refund_that_changes_is_told() -> None:
    play = done()
    play.tell(told(refund(LINE_2)))
    reworded = refund(LINE_2, tenders=(Tender("visa", money("7.70"), "other"),))
    assert play.tell(told(reworded)).opened == []
    assert [one.code for one in play.tell(told(refund(LINE_2, postage(sold(False))))).opened] == ["refund.changed"]


def test_of_a_cancelled_order_that_was_never_billed_nothing_is_credited() -> None:
    play = Play(payments="paid")
    play.tell(OrderSeen(sold(False)))
    play.settle_all()
    whole = refund(part(sold(False), "1", 3, OFF), part(sold(False), "2", 1, OFF), postage(sold(False)))
    play.tell(told(whole), OrderSeen(sold(False, age_s=9, cancelled_at=NOON + timedelta(seconds=9))))
    play.settle_all()
    assert (play.summary.status, play.codes()) == ("cancelled", set())
    assert not {"refund.credit", "refund.pay"} & set(play.purposes())


def test_a_deposit_of_a_cancelled_order_goes_back() -> None:
    play = Play(payments="deposit")
    play.tell(OrderSeen(sold(False)))
    play.settle_all()
    whole = refund(part(sold(False), "1", 3, OFF), part(sold(False), "2", 1, OFF))
    play.tell(told(whole), OrderSeen(sold(False, age_s=9, cancelled_at=NOON + timedelta(seconds=9))))
    play.settle_all()
    [payout] = [one.payload for one in play.commands.values() if isinstance(one.payload, PayRefund)]
    assert (payout.amount, payout.credit_ref) == (Decimal("39.05"), None)
    assert play.summary.status == "cancelled"


def test_a_credit_under_way_is_not_a_finished_order() -> None:
    play = done()
    play.tell(told(refund(LINE_2)))
    assert (play.summary.status, play.summary.step) == ("open", "refund.credit")
    assert [step.status for step in progress(play.state) if step.name == "refund.credit"] == ["running"]
    play.settle("refund.credit")
    assert (play.summary.status, play.state.axes.financial) == ("done", "partly_credited")
    assert [step.status for step in progress(play.state) if step.name == "refund.credit"] == ["done"]


def test_everything_credited_and_returned_is_told_by_the_axes() -> None:
    play = done()
    whole = refund(part(sold(False), "1", 3, BACK), LINE_2, postage(sold(False)))
    play.tell(told(whole))
    play.settle("refund.credit")
    assert (play.state.axes.financial, play.state.axes.returned) == ("credited", "returned")


@pytest.mark.parametrize("outcome", [Rejected("closed", "period closed"), OutcomeUnknown("?")])
def test_a_credit_that_fails_is_an_exception_that_a_person_retries_or_resolves(outcome: Any) -> None:
    play = done()
    play.tell(told(refund(LINE_2)))
    play.settle("refund.credit", outcome)
    assert play.summary.status == "exception"
    decision = play.act("retry")
    assert decision.again == [f"{CHANNEL}-1001/{ERP}/refund.credit/r1"]
    play.settle("refund.credit", outcome)
    play.act("resolve", problem="refund.credit/r1", refs={"creditMemo": "cm-9"})
    assert (play.summary.status, play.codes()) == ("done", set())
    play.tell(credit("cm-9"))
    assert play.codes() == set(), "a credit memo that a person named is no news"


def test_what_is_kept_back_beyond_the_credit_is_a_persons() -> None:
    play = done()
    play.tell(told(refund(Adjustment(money("-3.00")), tenders=())))
    assert play.codes() == {"refund.keeps_money"}


def test_a_refund_of_an_order_that_is_never_billed_is_a_persons() -> None:
    play = Play()
    play.tell(OrderSeen(sold(False)))
    play.settle_all()
    play.tell(shipped(shipment(lines=[("1", 3), ("2", 1)])))
    for name in ("shipment.post", "fulfilment.push"):
        while any(one.step == name and one.status == "open" for one in play.state.commands.values()):
            play.settle(name)
    play.settle("invoice.make", Rejected("no", "no"))
    play.act("skip", step="invoice")
    play.tell(told(refund(LINE_2)))
    assert play.codes() == {"refund.not_billed"}


def test_a_bill_that_comes_late_is_waited_for() -> None:
    play = Play()
    play.tell(OrderSeen(sold(False)))
    play.settle_all()
    play.tell(shipped(shipment(lines=[("1", 3), ("2", 1)])))
    play.settle_all()
    play.tell(told(refund(LINE_2)))
    assert play.codes() == {"refund.not_billed"}
    play.tell(invoiced(f"{sold(False).totals.total.shop}"))
    assert play.codes() == set()
    assert "refund.credit" in play.purposes()


def test_the_booked_side_is_credited() -> None:
    one = with_changes(
        line("1"), unit_price=Amount(Decimal("10.00"), Decimal(1633)),
    )  # fmt: skip
    whole = Amount(Decimal("10.00"), Decimal(1633))
    totals = with_changes(order(lines=[one]).totals, total=whole, lines=whole)
    play = Play(basis="presentment", warehouse=None)
    play.tell(OrderSeen(order(lines=[one], totals=totals, presentment_currency="JPY")))
    play.settle_all()
    bill = invoiced("1633").invoice
    play.tell(type(invoiced("1"))(with_changes(bill, currency="JPY"), ERP))
    back = Refund(
        "r1", NOON, "EUR", (RefundedLine("1", Decimal(1), whole, restock=KEPT),), tenders=(Tender("card", whole),)
    )
    play.tell(told(back))
    [sent] = [each.payload for each in play.commands.values() if isinstance(each.payload, CreditRefund)]
    assert (sent.total, sent.currency) == (Decimal(1633), "JPY")
    play.tell(told(with_changes(back, id="r2", tenders=(Tender("card", Amount(Decimal("10.00"), Decimal(1600))),))))
    assert play.codes() == {"refund.unbalanced"}


# -- the other direction ---------------------------------------------------------------------------------------


def test_a_credit_of_our_own_is_told_to_nobody() -> None:
    play = done(push_refunds=True)
    play.tell(told(refund(LINE_2)))
    before = play.purposes()
    play.tell(credit("cm-1", made_for="r1"))  # seen before our command was answered
    play.settle("refund.credit", Done({"creditMemo": "cm-1"}))
    play.tell(credit("cm-1"), credit("cm-1", made_for="r1"))
    assert play.purposes() == before
    assert play.codes() == set()


def test_a_credit_of_the_erps_people_is_paid_back_in_the_channel_and_does_not_come_back() -> None:
    play = done(push_refunds=True)
    play.tell(credit(), credit())
    [push] = [each.payload for each in play.commands.values() if isinstance(each.payload, PushRefund)]
    assert (push.order_external_id, push.credit.total) == ("1001", Decimal("7.70"))
    echo = refund(Adjustment(money("7.00"), money("0.70")), id_="r9", made_for="cm-9")
    play.tell(told(echo))  # the webhook is faster than the answer
    play.settle("refund.push", Done({"refund": "r9"}))
    play.tell(told(echo), credit())
    assert "refund.credit" not in play.purposes()
    assert (play.summary.status, play.state.axes.financial) == ("done", "partly_credited")


def test_a_bill_that_people_take_back_whole_is_a_persons_whatever_the_route_says() -> None:
    play = done(push_refunds=True)
    play.tell(credit(voids=True))
    assert "refund.push" not in play.purposes()
    assert play.codes() == {"refund.made_in_erp"}
    assert play.state.problems["credit/cm-9"].title.endswith("which takes a whole bill back")


def test_an_answered_push_is_known_by_its_id_without_a_mark() -> None:
    play = done(push_refunds=True)
    play.tell(credit())
    play.settle("refund.push", Done({"refund": "r9"}))
    play.tell(told(refund(Adjustment(money("7.00"), money("0.70")), id_="r9")))
    assert "refund.credit" not in play.purposes()


def test_a_credit_of_the_erps_people_is_a_persons_where_the_route_does_not_pay_back() -> None:
    play = done()
    play.tell(credit(), credit())
    assert play.codes() == {"refund.made_in_erp"}
    assert "refund.push" not in play.purposes()
    play.act("resolve", problem="credit/cm-9")
    play.tell(credit())
    assert play.codes() == set()


# -- goods -----------------------------------------------------------------------------------------------------


def returned(status: str, quantity: int, id_: str = "ret-1", age_s: int = 0) -> ReturnSeen:
    lines = (ReturnedLine("1", Decimal(quantity)),)
    return ReturnSeen(Return(id_, status, lines, NOON + timedelta(seconds=age_s)), WAREHOUSE)


def test_a_return_climbs_and_never_falls() -> None:
    play = done()
    play.tell(returned("requested", 2))
    assert play.state.axes.returned == "requested"
    play.tell(returned("received", 2, age_s=5))
    assert play.state.axes.returned == "partly_returned"
    play.tell(returned("requested", 3, age_s=9), returned("lost", 1))
    assert play.state.returns["ret-1"].status == "received"
    assert play.state.axes.returned == "partly_returned"
    assert play.codes() == set()


def test_more_than_had_left_cannot_come_back() -> None:
    play = done()
    play.tell(returned("received", 2), returned("received", 2, "ret-2"))
    assert play.codes() == {"return.exceeds_shipped"}
    play.tell(returned("received", 1, "ret-2", age_s=5))
    assert play.codes() == set()


def test_a_refund_of_a_known_return_does_not_count_its_goods_twice() -> None:
    play = done()
    play.tell(returned("received", 2))
    play.tell(told(refund(part(sold(False), "1", 2, BACK), return_id="ret-1")))
    assert play.codes() == set()
    assert play.state.axes.returned == "partly_returned"


@pytest.mark.parametrize("refund_first", [True, False])
def test_a_refund_that_its_return_names_does_not_count_its_goods_twice(refund_first: bool) -> None:
    play, seen = done(), returned("received", 2)
    seen = msgspec.structs.replace(seen, returned=msgspec.structs.replace(seen.returned, refunds=("r-1",)))
    given = told(refund(part(sold(False), "1", 2, BACK), id_="r-1"))
    play.tell(*((given, seen) if refund_first else (seen, given)))
    assert play.codes() == set()
    assert came_back(play.state) == {"1": 2}


def test_a_refund_whose_return_does_not_name_it_yet_is_not_counted_beside_it() -> None:
    play = done()
    play.tell(returned("received", 2), told(refund(part(sold(False), "1", 2, BACK))))
    assert came_back(play.state) == {"1": 2}
    assert play.state.axes.returned == "partly_returned"


def test_an_ignored_order_takes_nothing() -> None:
    play = Play()
    play.see(test=True)
    before = play.state
    play.tell(told(refund(LINE_2)), credit(), returned("received", 1))
    assert (play.state, play.commands) == (before, {})


# -- any order of arrival ----------------------------------------------------------------------------------------

PLACED = sold(False)
REFUNDS: list[Event] = [
    told(refund(part(PLACED, "1", 1, BACK), postage(PLACED), id_="r1")),
    told(refund(part(PLACED, "1", 1, KEPT), id_="r2")),
    told(refund(Adjustment(money("1.00")), id_="r3")),
    credit("cm-9"),
    returned("requested", 1),
    returned("received", 1, age_s=5),
]
AROUND: list[Event] = [
    OrderSeen(PLACED),
    shipped(shipment("a", [("1", 2)], tracking=("T1",))),
    shipped(shipment("b", [("1", 1), ("2", 1)], tracking=("T2",))),
    invoiced(f"{PLACED.totals.total.shop}"),
]


def lived(events: list[Event], pauses: list[bool]) -> Play:
    play = Play(invoice="take", payments="paid", push_refunds=True)
    for event, pause in zip(events, pauses, strict=False):
        play.tell(event)
        if pause:
            play.settle_all()
    play.settle_all()
    return play


@cache
def in_order() -> Play:
    return lived([*AROUND, *REFUNDS], [False] * 12)


@settings(max_examples=100, deadline=None)
@given(st.permutations([*AROUND, *REFUNDS, REFUNDS[0], AROUND[3]]), st.lists(st.booleans(), min_size=12, max_size=12))
def test_refunds_in_any_order_of_arrival_end_in_the_same_state(events: list[Event], pauses: list[bool]) -> None:
    """Before their order, before what they give back has left, before the bill: at the end all is credited once."""
    play, straight = lived(events, pauses), in_order()
    assert play.state == straight.state
    assert play.summary == straight.summary
    assert {key: command.payload for key, command in play.commands.items()} == {
        key: command.payload for key, command in straight.commands.items()
    }
    assert play.purposes().count("refund.credit") == play.purposes().count("refund.pay") == 3


def test_units_taken_off_before_booking_are_never_booked_whatever_comes_first() -> None:
    lines = [with_changes(PLACED.lines[0], current_quantity=Decimal(2)), PLACED.lines[1]]
    one = refund(part(PLACED, "1", 1, OFF))
    told_: list[Event] = [OrderSeen(PLACED), told(one), OrderSeen(sold(False, lines=lines, age_s=5))]
    booked = set()
    for events in permutations(told_):
        play = Play(edit_window_s=600)
        play.tell(*events)
        play.fire("edit.window")
        [command] = play.commands.values()
        booked.add(msgspec.json.encode(command.payload))
        total = command.payload.order.totals.total.shop  # type: ignore[union-attr]
        assert total == PLACED.totals.total.shop - paid_back(one, "shop")
    assert len(booked) == 1


def test_a_credit_of_ours_that_we_have_forgotten_is_not_paid_back_in_the_channel() -> None:
    """Restored from a backup, the ERP's credit memo is found before the refund that it was made for is told again."""
    play = done(push_refunds=True)
    before = play.purposes()
    play.tell(credit("cm-1", made_for="r1"))
    assert (play.purposes(), play.codes()) == (before, set())
    play.tell(told(refund(LINE_2)))
    play.settle("refund.credit", Done({"creditMemo": "cm-1"}))
    assert play.purposes() == [*before, "refund.credit"]
