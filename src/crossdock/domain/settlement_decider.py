"""How a settlement decides: every line is matched, its kind says all, or a person is asked; then the ERP gets one
document. The order in which the settlement, its orders and their refunds come makes no difference.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from crossdock.domain import settlement_entries as s
from crossdock.domain.commands import Command, PostSettlement
from crossdock.domain.decision import Context, Decider, Decision, Policy, Reference, StreamRef, Summary, Tell, Timer
from crossdock.domain.events import (
    CommandSettled,
    Event,
    OperatorActed,
    OrderFound,
    SettlementNamed,
    SettlementSeen,
    TimerFired,
)
from crossdock.domain.order import order_key
from crossdock.domain.outcome import Done
from crossdock.domain.posting import PeriodClosed, posting_day
from crossdock.domain.problems import failed, problem
from crossdock.domain.settlement import Settlement, SettlementLine, imbalance
from crossdock.domain.settlement_acts import acted
from crossdock.domain.settlement_draft import SettlementDraft
from crossdock.domain.settlement_view import summarise
from crossdock.domain.settling import Matched, OrderFacts, orders_named, rows_of

WAIT = "settlement.match"  # the timer, the step and the problem of lines whose orders are not known
KINDS, BALANCE, PERIOD, POST = "settlement.kinds", "settlement.balance", "settlement.period", "settlement.post"
CHANGED, RETURNED, ROUTE = "settlement.changed", "settlement.returned", "route"
_NAMED_IN_TITLES, _NAMED_IN_FACTS = 3, 50


class SettlementDecider:
    """The ``Decider`` of streams of kind ``settlement``. Stateless."""

    kind = "settlement"

    def blank(self) -> s.SettlementState:
        return s.SettlementState(s.VERSION)

    def load(self, stored: bytes) -> s.SettlementState:
        return s.decode_settlement(stored)

    def store(self, state: s.SettlementState) -> bytes:
        return s.encode_settlement(state)

    def store_entries(self, entries: list[s.SettlementEntry]) -> bytes:
        return s.encode_settlement_entries(entries)

    def decide(self, state: s.SettlementState, event: Event, context: Context) -> Decision:
        """What follows from the event. Pure: same arguments, same answer."""
        d = SettlementDraft(state, context)
        if isinstance(event, SettlementSeen):
            _seen(d, event.settlement)
        elif isinstance(event, OrderFound):
            _found(d, event)
            if len(d.state.orders) < d.state.named:
                d.decision.after = d.state  # others are missing: thousands of lines are not looked at for each
                return d.decision
        elif isinstance(event, CommandSettled):
            _posted(d, event)
        elif isinstance(event, TimerFired):
            _waited(d, event.name)
        elif isinstance(event, OperatorActed) and acted(d, event) and event.action == "retry":
            ask(d)
        advance(d)
        d.decision.after = d.state
        return d.decision

    def evolve(self, state: s.SettlementState, entries: list[s.SettlementEntry]) -> s.SettlementState:
        return s.evolve(state, entries)

    def summary(self, state: s.SettlementState) -> Summary:
        return summarise(state)

    def masters_needed(self, state: s.SettlementState, event: Event) -> Mapping[str, tuple[set[str], set[str]]]:
        return {}


def _seen(d: SettlementDraft, settlement: Settlement) -> None:
    known = d.state.settlement
    if known is None:
        d.note(s.SettlementRecorded(settlement, d.now))
        d.decision.references.append(Reference(settlement.source, "settlement", settlement.id))
        if (why := d.not_ours) is not None:
            d.note(s.SettlementLeftAlone(why, d.now))
        ask(d)
    elif d.state.left_alone is not None:
        if known != settlement:
            d.note(s.SettlementRecorded(settlement, d.now))
    elif known == settlement or known.status == "failed":
        return  # a payout that failed stays so: the source pays out anew, under another id
    elif settlement.status == "failed":
        d.note(s.SettlementRecorded(settlement, d.now))
        _returned(d)
    elif _gist(known) != _gist(settlement):
        _other_amounts(d, known, settlement)
    elif d.state.posted is None and not d.state.by_hand:
        d.note(s.SettlementRecorded(settlement, d.now))  # the same money in better words: a mapping was corrected
        ask(d)


def _other_amounts(d: SettlementDraft, known: Settlement, settlement: Settlement) -> None:
    """Of two views, one that balances counts, whichever came first; of two that do, a person says."""
    if imbalance(settlement) is not None and imbalance(known) is None:
        return
    if imbalance(known) is not None and d.state.posted is None and not d.state.by_hand:
        d.note(s.SettlementRecorded(settlement, d.now))
        ask(d)
    else:
        title = f"{settlement.source} tells settlement {settlement.id} with other amounts than before"
        facts = {"before": f"{known.deposit:f}", "now": f"{settlement.deposit:f}", "currency": settlement.currency}
        d.open(problem("settlement.changed", CHANGED, title, settlement.source, facts))


def _gist(settlement: Settlement) -> tuple[object, ...]:
    lines = sorted((one.order_id or "", one.amount, one.fee) for one in settlement.lines)
    return settlement.currency, settlement.deposit, lines


def ask(d: SettlementDraft) -> None:
    """Ask the streams of the orders that are named and not known; they answer now, or when the order comes."""
    source = d.settlement.source
    if d.settlement.status == "failed" or d.state.by_hand or d.state.left_alone is not None:
        return
    event = SettlementNamed(d.settlement.key)
    waiting = {line.order_id for line, found in d.matched() if found.status == "waiting"}
    names = [name for name in orders_named(d.settlement) if name not in d.state.orders or name in waiting]
    d.decision.tells += [Tell(StreamRef("order", order_key(source, name)), event) for name in names]


def _found(d: SettlementDraft, event: OrderFound) -> None:
    """Refunds only ever come to be known: what was told earlier and arrives later takes nothing back."""
    known = d.state.orders.get(event.order_id)
    refunds = {*event.refunds, *(known.refunds if known is not None else ())}
    facts = OrderFacts(event.number, tuple(sorted(refunds)))
    if known != facts:
        d.note(s.OrderMatched(event.order_id, facts, d.now))


def _posted(d: SettlementDraft, event: CommandSettled) -> None:
    posted = d.state.posted
    if posted is None or posted.key != event.key or posted.status == "done":
        return
    if isinstance(event.outcome, Done):
        d.note(s.PostingSettled(event.key, "done", d.now, event.outcome.refs))
        d.decision.references += [Reference(event.target, kind, id_) for kind, id_ in event.outcome.refs.items()]
        d.end(POST)
        return
    told = failed(POST, event.key, event.purpose, event.target, event.outcome, event.tries)
    d.note(s.PostingSettled(event.key, "failed", d.now, klass=told.klass))
    d.open(told)


def _waited(d: SettlementDraft, name: str) -> None:
    until = d.state.wait_until
    if name != WAIT or until is None:
        return
    if d.now < until:
        d.decision.timers.append(Timer(WAIT, until))
    else:
        d.note(s.WaitEnded(d.now))


def advance(d: SettlementDraft) -> None:
    """Do everything that can be done now, once."""
    state = d.state
    if state.settlement is None or state.settlement.status == "failed" or state.left_alone is not None:
        return
    if state.by_hand or (state.posted is not None and state.posted.status != "failed"):
        return
    policy = d.policy
    if policy is None:
        source = state.settlement.source
        d.open(problem("route.missing", ROUTE, f"No route is configured for {source}", source))
        return
    came_before, why = ROUTE in state.problems, d.not_ours
    d.end(ROUTE)
    if came_before and why is not None:
        d.note(s.SettlementLeftAlone(why, d.now))
        return
    matched = d.matched()
    _balance(d)
    _kinds(d, matched)
    if _all_matched(d, matched, policy) and not d.state.problems:
        _post(d, matched, policy)


def _returned(d: SettlementDraft) -> None:
    """The money did not stay: nothing is posted, and what is posted already is for a person to reverse."""
    state, settlement = d.state, d.settlement
    posted = state.posted if state.posted is not None and state.posted.klass != "rejected" else None
    for key in [key for key in state.problems if key != RETURNED and (posted is None or key != POST)]:
        d.end(key)
    if state.wait_until is not None:
        _stop_waiting(d)
    if posted is not None and not state.by_hand:
        title = f"The bank sent back {settlement.deposit:f} {settlement.currency} of settlement {settlement.id}"
        d.open(problem("settlement.returned", RETURNED, title, settlement.source, {"key": posted.key}))


def _balance(d: SettlementDraft) -> None:
    settlement = d.settlement
    wrong = imbalance(settlement)
    if wrong is None:
        d.end(BALANCE)
    else:
        facts = {"settlement": settlement.id, "deposit": f"{settlement.deposit:f}", "lines": len(settlement.lines)}
        d.open(problem("settlement.unbalanced", BALANCE, wrong, settlement.source, facts))


def _kinds(d: SettlementDraft, matched: Sequence[tuple[SettlementLine, Matched]]) -> None:
    unknown = [line for line, found in matched if found.status == "unknown"]
    if not unknown:
        d.end(KINDS)
        return
    words = sorted({line.told for line in unknown})
    title = f"{_count(unknown)} of a kind that is not known: {_listed(words)}"
    facts = {"kinds": words[:_NAMED_IN_FACTS], "lines": [line.id for line in unknown[:_NAMED_IN_FACTS]]}
    d.open(problem("settlement.unknown_kind", KINDS, title, f"{d.settlement.source}:{words[0]}", facts))


def _all_matched(d: SettlementDraft, matched: Sequence[tuple[SettlementLine, Matched]], policy: Policy) -> bool:
    """Wait for orders that are not known, then ask a person. Whether no line is without its match."""
    waiting = [line for line, found in matched if found.status == "waiting"]
    if not waiting:
        d.end(WAIT)
        if d.state.wait_until is not None:
            _stop_waiting(d)
        return True
    if not d.state.waited and any(line.order_id for line in waiting):
        if d.state.wait_until is None:
            until = d.now + timedelta(seconds=policy.settlement_wait_s)
            d.note(s.WaitStarted(until, d.now))
            d.decision.timers.append(Timer(WAIT, until))
        return False
    names = sorted({line.order_id or "none" for line in waiting})
    title = f"{_count(waiting)} not matched, of orders: {_listed(names)}"
    facts = {"orders": names[:_NAMED_IN_FACTS], "lines": [line.id for line in waiting[:_NAMED_IN_FACTS]]}
    d.open(problem("settlement.unmatched", WAIT, title, d.settlement.source, facts))
    return False


def _stop_waiting(d: SettlementDraft) -> None:
    d.note(s.WaitEnded(d.now))
    d.decision.timers.append(Timer(WAIT, None))


def _count(lines: Sequence[SettlementLine]) -> str:
    return f"{len(lines)} line is" if len(lines) == 1 else f"{len(lines)} lines are"


def _listed(words: Sequence[str]) -> str:
    more = len(words) - _NAMED_IN_TITLES
    return ", ".join(words[:_NAMED_IN_TITLES]) + (f" and {more} more" if more > 0 else "")


def _post(d: SettlementDraft, matched: Sequence[tuple[SettlementLine, Matched]], policy: Policy) -> None:
    """One document for ever. After a refusal for good a person's retry asks once more, for the same document."""
    settlement, rows = d.settlement, rows_of(matched)
    closed = None if policy.closed_through is None else date.fromisoformat(policy.closed_through)
    day = posting_day(settlement.deposited_at, policy.time_zone, closed, policy.closed_period)
    if isinstance(day, PeriodClosed):
        title = f"The books are closed through {day.closed_through}, the deposit is of {day.own}"
        d.open(problem("settlement.period_closed", PERIOD, title, settlement.source))
        return
    if not rows or d.state.posted is not None:
        return
    key = f"{settlement.key}/{policy.erp}/{PostSettlement.purpose}"
    key += f"/{d.state.postings + 1}" if d.state.postings else ""
    d.note(s.PostingOpened(key, policy.erp, day.day, day.own, d.now))
    payload = PostSettlement(
        settlement_key=settlement.key,
        source=settlement.source,
        settlement_id=settlement.id,
        currency=settlement.currency,
        posted_on=day.day,
        deposit=settlement.deposit,
        rows=rows,
    )
    d.decision.commands.append(Command(key, policy.erp, payload))


SETTLEMENT: Decider = SettlementDecider()
