"""A settlement ends in one document of the ERP, to the cent, or in an exception that says why."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.factories import CHANNEL, ERP, NOON, line, money, order
from tests.domain.settling import KEY, REF, Kind, Streams, row, settlement

from crossdock.domain.decision import Context, StreamRef
from crossdock.domain.events import OperatorActed, OrderSeen, RefundSeen, SettlementSeen, TimerFired
from crossdock.domain.outcome import Done, OutcomeUnknown, Rejected
from crossdock.domain.refund import Adjustment, Refund, Tender
from crossdock.domain.settlement import Settlement, SettlementLineKind
from crossdock.domain.settlement_decider import SETTLEMENT
from crossdock.domain.settling import TABLE, Match, Posting, matches, needs

SALE = row("1", Kind.SALE, "10.00", order="1001", fee="0.59")
BACK = row("2", Kind.REFUND, "-4.00", order="1001", refund_ref="pay-1")
FEE = row("3", Kind.FEE, "-3.00")


def order_ref(id_: str = "1001") -> StreamRef:
    return StreamRef("order", f"{CHANNEL}-{id_}")


def seen(*lines: Any, **more: Any) -> SettlementSeen:
    return SettlementSeen(settlement(*lines, **more))


def placed(id_: str = "1001") -> OrderSeen:
    return OrderSeen(order(external_id=id_, number=f"#{id_}", lines=[line(price="10.00")]))


def refunded(amount: str = "4.00", payment: str = "pay-1") -> RefundSeen:
    tender = Tender("card", money(amount), payment)
    refund = Refund(f"r-{payment}", NOON, "EUR", adjustments=(Adjustment(money(amount)),), tenders=(tender,))
    return RefundSeen(refund, CHANNEL)


def act(action: str, reason: str = "because", **args: Any) -> OperatorActed:
    return OperatorActed(action, "olivia", reason, args)


def summary(streams: Streams) -> tuple[str, str | None]:
    told = SETTLEMENT.summary(streams.settlement)
    return told.status, told.step


# -- one document ----------------------------------------------------------------------------------------------


def test_lines_are_matched_and_one_document_is_asked_for_with_the_fees_apart() -> None:
    streams = Streams()
    streams.tell(order_ref(), placed())
    streams.tell(order_ref(), refunded())
    streams.tell(REF, seen(SALE, BACK, FEE))
    streams.deliver()
    payload = streams.posting
    assert streams.postings == [KEY]
    assert (payload.deposit, payload.currency, payload.posted_on) == (Decimal("2.41"), "EUR", date(2026, 11, 23))
    assert [(one.posting, one.amount, one.lines) for one in payload.rows] == [
        ("clearing", Decimal("6.00"), 2),
        ("fees", Decimal("-3.59"), 2),
    ]
    assert sum(one.amount for one in payload.rows) == payload.deposit
    assert summary(streams) == ("open", "settlement.post")
    streams.settle(Done({"journalEntry": "9"}))
    assert summary(streams) == ("done", None)
    assert streams.settlement.posted is not None
    assert streams.settlement.posted.refs == {"journalEntry": "9"}
    assert not streams.timers
    assert not streams.codes()


def test_the_same_settlement_again_changes_nothing() -> None:
    streams = Streams()
    streams.tell(order_ref(), placed())
    streams.tell(REF, seen(SALE))
    streams.deliver()
    streams.settle()
    before = streams.settlement
    for _ in range(2):
        decision = streams.tell(REF, seen(SALE))
        assert (decision.entries, decision.commands, decision.tells) == ([], [], [])
    assert streams.settlement == before


@pytest.mark.parametrize("kind", SettlementLineKind)
def test_every_kind_has_its_rule_and_its_posting(kind: SettlementLineKind) -> None:
    rule = TABLE[kind]
    [(_, found)] = matches(settlement(row("1", kind, "5.00")), {}, ())
    if rule.match in (Match.NOTHING, Match.ORDER_IF_NAMED):
        assert (found.status, found.posting) == ("kind", rule.posting)
    else:
        assert found.status == ("unknown" if rule.match is Match.PERSON else "waiting")


def test_orders_that_the_settings_leave_alone_are_posted_and_not_looked_for() -> None:
    streams = Streams()
    theirs = row("1", Kind.SALE, "10.00", order="9", ours=False)
    streams.tell(REF, seen(theirs, row("2", Kind.REFUND, "-1.00", order="9", ours=False)))
    assert not streams.waiting
    assert [(one.posting, one.amount) for one in streams.posting.rows] == [("outside", Decimal("9.00"))]


def test_a_settlement_that_moves_nothing_is_done() -> None:
    streams = Streams()
    streams.tell(REF, seen())
    assert summary(streams) == ("done", None)
    assert streams.postings == []


def test_a_settlement_of_nothing_but_a_reserve_is_posted_though_nothing_reaches_the_bank() -> None:
    streams = Streams()
    streams.tell(REF, seen(FEE, row("4", Kind.RESERVE_RELEASE, "3.00")))
    assert streams.posting.deposit == 0
    assert [(one.posting, one.amount) for one in streams.posting.rows] == [
        ("fees", Decimal("-3.00")),
        ("reserve", Decimal("3.00")),
    ]


# -- whatever comes first --------------------------------------------------------------------------------------

LINES = (SALE, BACK, FEE, row("4", Kind.SALE, "10.00", order="1002"), row("5", Kind.CHARGEBACK, "-2.00", order="1002"))
EVENTS = (
    (REF, seen(*LINES)),
    (order_ref(), placed()),
    (order_ref(), refunded()),
    (order_ref("1002"), placed("1002")),
)


def ended(streams: Streams) -> tuple[Any, ...]:
    """All that the settlement is in the end."""
    state = streams.settlement
    assert state.settlement is not None
    return state, streams.posting, streams.postings, dict(streams.timers), streams.codes()


def test_any_order_of_settlement_orders_and_refunds_ends_the_same() -> None:
    ends = []
    for turn in permutations(EVENTS):
        streams = Streams()
        for ref, event in turn:
            streams.tell(ref, event)
        streams.deliver()
        ends.append(ended(streams))
    assert all(one == ends[0] for one in ends)
    assert all(found.settled for _, found in matches(settlement(*LINES), ends[0][0].orders, ()))


@given(turn=st.permutations(range(len(EVENTS))), data=st.data())
def test_any_order_of_what_streams_tell_each_other_ends_the_same(turn: list[int], data: st.DataObject) -> None:
    """Messages between streams arrive late, in any order, some before and some after what comes from outside."""
    calm = Streams()
    for ref, event in EVENTS:
        calm.tell(ref, event)
    calm.deliver()
    streams = Streams()
    for index in turn:
        streams.tell(*EVENTS[index])
        while streams.waiting and data.draw(st.booleans()):
            streams.tell(*streams.waiting.pop(data.draw(st.integers(0, len(streams.waiting) - 1))))
    streams.deliver(lambda waiting: data.draw(st.integers(0, len(waiting) - 1)))
    assert ended(streams) == ended(calm)


amounts = st.decimals(min_value=-500, max_value=500, places=2)
kinds = st.sampled_from([kind for kind in SettlementLineKind if kind is not Kind.UNKNOWN])


@st.composite
def told(draw: st.DrawFn) -> Settlement:
    lines = [
        row(
            str(n),
            draw(kinds),
            str(draw(amounts)),
            fee=str(draw(amounts)),
            order=draw(st.sampled_from(["1", "2", None])),
        )
        for n in range(draw(st.integers(0, 12)))
    ]
    return settlement(*lines)


@given(one=told())
def test_what_is_posted_always_comes_to_the_deposit(one: Settlement) -> None:
    streams = Streams()
    for id_ in ("1", "2"):
        streams.tell(order_ref(id_), placed(id_))
    streams.tell(REF, SettlementSeen(one))
    streams.deliver()
    for timer, due_at in list(streams.timers.items()):
        streams.tell(timer[0], TimerFired(timer[1]), now=due_at)
    if streams.codes():
        assert streams.codes() == {"settlement.unmatched"}
        streams.tell(REF, act("skip", step="settlement.match"))
    matched = matches(one, streams.settlement.orders, streams.settlement.let_go)
    assert all(found.settled for _, found in matched)
    if streams.postings:
        assert sum((each.amount for each in streams.posting.rows), Decimal(0)) == one.deposit
    else:
        assert one.deposit == 0
        assert summary(streams) == ("done", None)


# -- orders that are not known ---------------------------------------------------------------------------------


def test_a_line_waits_for_its_order_and_then_a_person_is_asked() -> None:
    streams = Streams(settlement_wait_s=60.0)
    streams.tell(REF, seen(SALE, FEE))
    streams.deliver()
    assert summary(streams) == ("waiting", "settlement.match")
    assert streams.timers == {(REF, "settlement.match"): NOON + timedelta(seconds=60)}
    streams.tell(REF, TimerFired("settlement.match"), now=NOON + timedelta(seconds=59))
    assert not streams.codes()
    streams.tell(REF, TimerFired("settlement.match"), now=NOON + timedelta(seconds=60))
    assert streams.codes() == {"settlement.unmatched"}
    assert summary(streams) == ("exception", "settlement.match")
    streams.tell(order_ref(), placed())
    streams.deliver()
    assert not streams.codes()
    assert streams.postings == [KEY]


def test_an_order_known_only_by_a_settlement_is_nobodys_work() -> None:
    from crossdock.domain.order_decider import ORDER

    streams = Streams()
    streams.tell(REF, seen(SALE))
    streams.deliver()
    assert ORDER.summary(streams.states[order_ref()]).status == "ignored"
    streams.tell(order_ref(), placed())
    assert ORDER.summary(streams.states[order_ref()]).status == "open"


def test_a_sale_without_an_order_is_told_at_once_and_posted_to_suspense_when_a_person_says_so() -> None:
    streams = Streams()
    streams.tell(REF, seen(row("1", Kind.SALE, "10.00"), FEE))
    assert streams.codes() == {"settlement.unmatched"}
    streams.tell(REF, act("skip", step="settlement.kinds"))
    assert streams.postings == []
    streams.tell(REF, act("skip", step="settlement.match"))
    assert [(one.posting, one.amount) for one in streams.posting.rows] == [
        ("fees", Decimal("-3.00")),
        ("suspense", Decimal("10.00")),
    ]


def test_a_retry_asks_the_orders_again() -> None:
    streams = Streams(settlement_wait_s=0.0)
    streams.tell(REF, seen(SALE))
    streams.waiting.clear()  # say they were lost: an operator's retry must not depend on them
    streams.tell(REF, TimerFired("settlement.match"))
    streams.tell(order_ref(), placed())
    assert not streams.waiting
    streams.tell(REF, act("retry"))
    streams.deliver()
    assert streams.postings == [KEY]


def test_a_refund_that_its_order_does_not_know_yet_waits_for_it() -> None:
    streams = Streams()
    streams.tell(order_ref(), placed())
    streams.tell(REF, seen(SALE, BACK))
    streams.deliver()
    assert streams.postings == []
    streams.tell(order_ref(), refunded("1.00", "another"))
    streams.deliver()
    assert streams.postings == []
    streams.tell(order_ref(), refunded())
    streams.deliver()
    assert streams.postings == [KEY]


# -- what does not fit -----------------------------------------------------------------------------------------


def test_lines_that_are_not_the_deposit_hold_the_settlement_and_the_difference_is_named() -> None:
    streams = Streams()
    streams.tell(order_ref(), placed())
    streams.tell(REF, seen(SALE, FEE, deposit="6.42"))
    streams.deliver()
    assert streams.codes() == {"settlement.unbalanced"}
    assert "-0.01 EUR is not explained" in streams.problems[REF, "settlement.balance"].title
    assert streams.postings == []
    assert needs(SALE) is Match.ORDER
    streams.tell(REF, act("skip", step="settlement.balance"))
    assert streams.postings == []
    streams.tell(REF, act("resolve", problem="settlement.balance"))
    assert summary(streams) == ("done", None)
    assert streams.postings == []


def test_a_later_view_that_balances_takes_the_place_of_one_that_does_not_in_either_order() -> None:
    views = [seen(FEE, deposit="1.00"), seen(FEE, row("9", Kind.ADJUSTMENT, "4.00"), deposit="1.00")]
    for turn in permutations(views):
        streams = Streams()
        for view in turn:
            streams.tell(REF, view)
        assert not streams.codes()
        assert [one.amount for one in streams.posting.rows] == [Decimal("-3.00"), Decimal("4.00")]


def test_a_line_in_another_currency_is_not_added_up() -> None:
    streams = Streams()
    streams.tell(REF, seen(FEE, row("9", Kind.ADJUSTMENT, "4.00", currency="USD")))
    assert "Lines are in USD" in streams.problems[REF, "settlement.balance"].title


def test_a_kind_that_nobody_knows_is_kept_and_told() -> None:
    streams = Streams()
    streams.tell(REF, seen(row("1", Kind.UNKNOWN, "5.00"), FEE))
    assert streams.codes() == {"settlement.unknown_kind"}
    assert "TOLD_UNKNOWN" in streams.problems[REF, "settlement.kinds"].title
    streams.tell(REF, act("skip", step="settlement.kinds"))
    assert [one.posting for one in streams.posting.rows] == [Posting.FEES, Posting.SUSPENSE]


def test_a_mapping_that_knows_the_kind_by_now_heals_it() -> None:
    streams = Streams()
    streams.tell(REF, seen(row("1", Kind.UNKNOWN, "5.00")))
    streams.tell(REF, seen(row("1", Kind.ADJUSTMENT, "5.00")))
    assert not streams.codes()
    assert [one.posting for one in streams.posting.rows] == [Posting.ADJUSTMENTS]


def test_other_amounts_after_it_was_posted_are_a_persons() -> None:
    streams = Streams()
    streams.tell(REF, seen(FEE))
    streams.settle()
    streams.tell(REF, seen(FEE, row("9", Kind.ADJUSTMENT, "4.00")))
    assert streams.codes() == {"settlement.changed"}
    assert summary(streams) == ("exception", "settlement.changed")
    streams.tell(REF, act("resolve", problem="settlement.changed"))
    assert summary(streams) == ("done", None)
    assert streams.postings == [KEY]


def test_a_deposit_that_the_bank_sends_back_is_not_posted_or_is_told() -> None:
    before, after = Streams(), Streams()
    before.tell(REF, seen(row("1", Kind.SALE, "10.00", order="1")))
    before.tell(REF, seen(status="failed", deposit="10.00"))
    assert (summary(before), before.postings, before.timers, before.codes()) == (("ignored", None), [], {}, set())
    after.tell(REF, seen(FEE))
    after.settle()
    after.tell(REF, seen(status="failed", deposit="-3.00"))
    assert after.codes() == {"settlement.returned"}
    after.tell(REF, seen(FEE))
    assert after.codes() == {"settlement.returned"}
    after.tell(REF, act("resolve", problem="settlement.returned"))
    assert not after.codes()


# -- the ERP's answer, and people ------------------------------------------------------------------------------


def test_after_a_refusal_for_good_a_retry_asks_for_the_same_document_under_a_new_key() -> None:
    streams = Streams()
    streams.tell(REF, seen(FEE))
    streams.settle(Rejected("setting_missing", "no account", "settlement_accounts.fees"))
    assert streams.codes() == {"settlement.post.rejected"}
    streams.tell(REF, act("retry"), closed_through="2026-11-23")
    assert streams.postings == [KEY, f"{KEY}/2"]
    assert streams.again == []
    first, second = (command.payload for command in streams.commands.values())
    assert first.settlement_id == second.settlement_id  # type: ignore[union-attr]
    assert second.posted_on == date(2026, 11, 24)  # type: ignore[union-attr]
    streams.settle(Done({"journalEntry": "9"}))
    assert summary(streams) == ("done", None)


def test_after_an_unknown_outcome_a_retry_sends_the_very_same_command() -> None:
    streams = Streams()
    streams.tell(REF, seen(FEE))
    streams.settle(OutcomeUnknown("no answer"))
    assert streams.codes() == {"settlement.post.unknown_outcome"}
    streams.tell(REF, act("retry"))
    assert (streams.postings, streams.again) == ([KEY], [KEY])
    assert summary(streams) == ("open", "settlement.post")


def test_what_a_person_entered_by_hand_is_not_posted() -> None:
    streams = Streams()
    streams.tell(REF, seen(FEE))
    streams.settle(OutcomeUnknown("no answer"))
    streams.tell(REF, act("resolve", problem="settlement.post", refs={"journalEntry": "12"}))
    assert summary(streams) == ("done", None)
    assert streams.settlement.posted is not None
    assert streams.settlement.posted.refs == {"journalEntry": "12"}
    streams.tell(REF, seen(FEE, row("9", Kind.ADJUSTMENT, "4.00")))
    assert streams.postings == [KEY]


@pytest.mark.parametrize(
    "wrong",
    [act("cancel"), act("retry"), act("resolve", problem="x"), act("skip", step="settlement.post"), act("skip")],
    ids=lambda event: f"{event.action} {event.args}",
)
def test_an_act_that_leads_nowhere_is_recorded_and_refused(wrong: OperatorActed) -> None:
    streams = Streams()
    streams.tell(REF, seen(FEE))
    before = streams.settlement
    decision = streams.tell(REF, wrong)
    assert [entry.refused is not None for entry in decision.entries] == [True]
    assert streams.settlement == before
    assert (streams.postings, streams.again) == ([KEY], [])


def test_without_a_route_a_person_is_told_and_a_retry_goes_on() -> None:
    streams = Streams()
    other = settlement(FEE, source="elsewhere")
    ref = StreamRef("settlement", "elsewhere-77")
    streams.tell(ref, SettlementSeen(other))
    assert streams.codes() == {"route.missing"}
    assert streams.postings == []


# -- the posting day -------------------------------------------------------------------------------------------


def test_closed_books_move_the_posting_day_or_ask() -> None:
    moved, held = Streams(closed_through="2026-11-30"), Streams(closed_through="2026-11-30", closed_period="hold")
    for streams in (moved, held):
        streams.tell(REF, seen(FEE))
    assert moved.posting.posted_on == date(2026, 12, 1)
    assert moved.settlement.posted is not None
    assert moved.settlement.posted.own == date(2026, 11, 23)
    assert held.codes() == {"settlement.period_closed"}
    assert summary(held) == ("held", "settlement.period")
    held.tell(REF, act("retry"))
    assert held.codes() == {"settlement.period_closed"}
    held.tell(REF, act("retry"), closed_through="2026-10-31")
    assert held.posting.posted_on == date(2026, 11, 23)
    assert not held.codes()


def test_the_erp_is_the_routes() -> None:
    streams = Streams()
    streams.tell(REF, seen(FEE))
    [command] = streams.commands.values()
    assert (command.target, command.key) == (ERP, KEY)


# -- deposited before the route begins ---------------------------------------------------------------------------

DEPOSITED = settlement(FEE).deposited_at
BEFORE, AFTER = ((DEPOSITED + timedelta(hours=hours)).isoformat() for hours in (-1, 1))


def test_what_was_deposited_before_the_route_begins_is_left_alone() -> None:
    streams = Streams(since=AFTER)
    streams.tell(REF, seen(SALE, FEE))
    streams.tell(order_ref(), placed())
    streams.deliver()
    told = SETTLEMENT.summary(streams.settlement)
    assert (told.status, told.reason) == ("ignored", f"deposited before the route begins ({AFTER})")
    streams.tell(REF, seen(SALE, row("3", Kind.FEE, "-2.00")))
    streams.tell(REF, seen(SALE, FEE, status="failed"))
    assert (summary(streams), streams.postings, streams.timers, streams.codes()) == (("ignored", None), [], {}, set())


def test_one_that_was_left_alone_is_posted_when_a_person_wants_it_and_the_route_begins_earlier() -> None:
    streams = Streams(since=AFTER)
    streams.tell(REF, seen(FEE))
    streams.tell(REF, act("retry"))
    assert summary(streams) == ("ignored", None)
    assert streams.journals[REF][-1].refused.endswith("move the route's since back first")
    streams.tell(REF, act("retry"), since=BEFORE)
    assert streams.postings == [KEY]


def test_one_of_the_very_instant_is_posted() -> None:
    streams = Streams(since=DEPOSITED.isoformat())
    streams.tell(REF, seen(FEE))
    assert streams.postings == [KEY]


def test_one_that_came_before_there_was_a_route_is_left_alone_when_there_is_one() -> None:
    streams = Streams(since=AFTER)
    decision = SETTLEMENT.decide(SETTLEMENT.blank(), seen(FEE), Context(NOON, {}, {}, lambda _: []))
    streams.states[REF] = SETTLEMENT.evolve(SETTLEMENT.blank(), decision.entries)
    streams.journals[REF] = list(decision.entries)
    assert summary(streams) == ("exception", "route")
    streams.tell(REF, act("retry"))
    assert (summary(streams), streams.postings) == (("ignored", None), [])
