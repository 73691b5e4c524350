"""One order as people read it: its process, its money proof, and one line of time through everything that happened."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from crossdock.api.aftermath import Aftermath, aftermath
from crossdock.api.clashes import ClashView, clash
from crossdock.api.desk import Desk
from crossdock.api.kin import Kin, kin
from crossdock.api.parcels import ParcelView, parcels
from crossdock.api.problems import Refusal
from crossdock.domain.holding import keepers, outlook
from crossdock.domain.process import CHECKS, STEPS, StepView, progress
from crossdock.domain.promise import CURES, ON_ITS_WAY, SPOKEN, Dates
from crossdock.domain.rulings import locked
from crossdock.domain.state import OrderState, decode_state
from crossdock.domain.totals import Proof, prove
from crossdock.store import reading_orders
from crossdock.store.reading_orders import STATUSES, Attempt, CommandRow, JournalDecision, Message, OrderWhole


class Moment(msgspec.Struct, frozen=True):
    """One thing that happened. ``kind``: message, decision, command, attempt."""

    at: datetime
    kind: str
    title: str
    tone: str = "plain"  # good, bad, warn, plain
    who: str = ""
    where: str = ""
    detail: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    link: str = ""  # where the bytes are: "/messages/17"
    trace: str = ""
    took_ms: float | None = None


class Release(msgspec.Struct, frozen=True):
    """A hold that a person may let go, explained."""

    rule: str
    reason: str
    owner: str
    saw: Mapping[str, Any]
    when: str  # the condition
    at: datetime
    release_by: tuple[str, ...]
    keepers: str  # who may release it, in words
    outlook: str  # what happens next, in words


class PromiseView(msgspec.Struct, frozen=True):
    """What was promised, what is forecast, and what the forecast hangs on."""

    promised: Dates
    given_at: datetime
    told: tuple[str, ...]  # which of the dates the channel promised its customer itself: ship, deliver
    forecast: Dates
    cause: str
    cure: str  # what would make it earlier; empty once it has left
    late: bool


class OrderView(msgspec.Struct, frozen=True):
    """The page of one order (or of another stream)."""

    whole: OrderWhole
    steps: list[StepView]
    next_step: str
    proof: Proof | None
    timeline: list[Moment]
    holds: list[Release]
    parked: int
    waiting: int
    after: Aftermath  # edits, payments, returns, refunds, credits
    acts: tuple[str, ...]  # what could be done now, by somebody whose role allows it
    released: list[str]  # rules whose release can still be taken back
    promise: PromiseView | None = None  # None: no dates are promised
    parcels: list[ParcelView] = []
    clash: ClashView | None = None  # both sides edited it: a person chooses
    kin: list[Kin] = []  # exchange orders, or the order that this one is the exchange of


PURPOSES: Mapping[str, str] = {
    "order.book": "Book the order",
    "order.release": "Release to the warehouse",
    "release.cancel": "Stop the release",
    "booking.close": "Close the booking",
    "shipment.post": "Record the shipment",
    "fulfilment.push": "Push the fulfilment",
    "tracking.push": "Tell where parcels are",
    "invoice.make": "Make the invoice",
    "booking.amend": "Amend the booking",
    "invoice.publish": "Show the invoice",
    "payment.post": "Post the payment",
    "refund.credit": "Credit the refund",
    "refund.pay": "Record the repayment",
    "refund.push": "Pay the customer back",
    "return.announce": "Announce the return",
    "return.recall": "Call the return off",
    "return.post": "Post what came back",
    "return.push": "Tell what came back",
    "settlement.post": "Post the settlement",
    "stock.publish": "Show the stock",
    "read_back": "Read back",
}
_TONES = {"done": "good", "rejected": "bad", "misconfigured": "bad", "conflict": "bad", "unknown": "warn",
          "retry_later": "warn", "rate_limited": "warn"}  # fmt: skip
RESOLVABLE = frozenset({"conflict", "unknown_outcome", "data", "promise"})
_SOURCES = {"webhook": "Webhook", "poll": "Poll", "api": "API call", "file": "File", "operator": "Operator",
            "outcome": "Outcome", "timer": "Timer", "tell": "From another stream"}  # fmt: skip


async def order_by_key(desk: Desk, key: str) -> OrderView:
    """Raises ``Refusal(not_found)``."""
    stream = await reading_orders.stream_id(desk.pool, "order", key)
    if stream is None:
        raise Refusal("not_found", f"There is no order with the key {key}. Search for it by any id.")
    return await order_by_stream(desk, stream)


async def order_by_stream(desk: Desk, stream: int) -> OrderView:
    """Raises ``Refusal(not_found)``."""
    whole = await reading_orders.whole(desk.pool, stream)
    if whole is None:
        raise Refusal("not_found", f"There is no stream {stream}.")
    state = state_of(whole)
    steps = progress(state) if state is not None and state.steps else []
    return OrderView(
        whole=whole,
        steps=steps,
        next_step=_next(whole, steps),
        proof=_proof(desk, state),
        timeline=timeline(whole),
        holds=_holds(state),
        parked=sum(m.handling == "parked" for m in whole.messages),
        waiting=sum(m.handling == "waiting" for m in whole.messages),
        after=aftermath(state, whole.journal),
        acts=_acts(whole, state),
        released=_released(state),
        promise=_promise(state),
        parcels=parcels(state),
        clash=clash(whole.exceptions),
        kin=kin(state),
    )


def state_of(whole: OrderWhole) -> OrderState | None:
    """The order's state; ``None`` for other streams, and for an order nothing was decided about yet."""
    if whole.order.kind != "order" or not isinstance(whole.state, dict):
        return None
    return decode_state(msgspec.json.encode(whole.state))


def _proof(desk: Desk, state: OrderState | None) -> Proof | None:
    """The proof by which the order was, or will be, let through: with its route's ceiling for rounding."""
    if state is None or state.order is None:
        return None
    return prove(state.order, desk.rounding_ceilings.get(state.order.channel, "0.00"))


def _promise(state: OrderState | None) -> PromiseView | None:
    given = state.promise if state is not None else None
    if given is None or given.forecast is None:
        return None
    cause, cure = SPOKEN[given.cause], CURES.get(given.cause, "")
    return PromiseView(given.dates, given.at, given.told, given.forecast, cause, cure, given.late)


def _spoken(name: str) -> str:
    return name.replace(".", " ").replace("_", " ").capitalize()


def _next(whole: OrderWhole, steps: list[StepView]) -> str:
    order = whole.order
    if order.finished_at or order.status in ("done", "cancelled", "ignored"):
        return ""
    if any(m.handling == "parked" for m in whole.messages):
        return "Its messages are parked: settle the cause, then retry."
    stuck = [e for e in whole.exceptions if e.state == "open"]
    problem = min(stuck, key=lambda e: e.klass == "promise", default=None)  # what delays comes before that it is late
    if problem is not None:
        return problem.hint
    sending = next((c for c in whole.commands if c.state is not None), None)
    if sending is not None:
        return _when_sent(sending)
    if whole.timers:
        return f"It wakes by itself for “{whole.timers[0].name}”."
    following = next((s for s in steps if s.status in ("running", "waiting", "pending")), None)
    return f"{following.title}." if following else "Crossdock decides on it next."


def _when_sent(command: CommandRow) -> str:
    deed = f"{PURPOSES.get(command.purpose, command.purpose)} at {command.target}"
    if command.paused is not None:
        return f"{deed}, once somebody resumes that connection. It is paused: {command.paused}."
    if command.away:
        return f"{deed}, by itself as soon as it answers: it does not answer now."
    if command.throttled_at is not None:
        since = command.throttled_at.isoformat(" ", "minutes")
        return f"{deed}, by itself as soon as the limit there lets it through: it refuses commands since {since}."
    return f"{deed}, by itself."


def _holds(state: OrderState | None) -> list[Release]:
    if state is None:
        return []
    return [
        Release(
            rule, hold.reason, hold.owner, hold.saw, hold.when, hold.at, hold.release_by,
            keepers(hold.owner, hold.release_by), outlook(hold),
        )
        for rule, hold in state.holds.items()
        if hold.released_at is None
    ]  # fmt: skip


def _released(state: OrderState | None) -> list[str]:
    if state is None or locked(state) or state.cancel is not None or state.ended is not None:
        return []
    return [rule for rule, hold in state.holds.items() if hold.released_at is not None]


def _acts(whole: OrderWhole, state: OrderState | None) -> tuple[str, ...]:
    order, found = whole.order, []
    stuck = [e for e in whole.exceptions if e.state == "open" and e.klass != "promise"]  # being late is not retried
    if stuck or order.status in ("exception", "parked"):
        found.append("retry")
    if _holds(state):
        found.append("release_hold")
    if _released(state):
        found.append("hold")
    if state is not None and state.status_of("validate.customer") == "failed" and not locked(state):
        found.append("link")
    if clash(whole.exceptions) is not None:
        found.append("merge")
    problems = state.problems.values() if state is not None else ()
    if any(problem.step not in CHECKS and problem.klass in RESOLVABLE for problem in problems):
        found.append("resolve")
    if any(problem.step in CHECKS and problem.klass != "hold" for problem in problems):
        found.append("skip")
    if state is not None and order.finished_at is None and state.cancel is None:
        found.append("cancel")
    return tuple(found)


def timeline(whole: OrderWhole) -> list[Moment]:
    """Everything that happened, oldest first."""
    commands = {command.id: command for command in whole.commands}
    moments = [
        *map(_message, whole.messages),
        *map(_decision, whole.journal),
        *map(_command, whole.commands),
        *(_attempt(attempt, commands[attempt.command_id]) for attempt in whole.attempts),
    ]
    return sorted(moments, key=lambda moment: moment.at)


def _message(message: Message) -> Moment:
    source = _SOURCES.get(message.source, message.source)
    inner = message.event if isinstance(message.event, dict) else {}
    tone = {"parked": "bad", "waiting": "warn"}.get(message.handling, "plain")
    topic = str(inner.get("type", message.topic)) if message.source == "tell" else message.topic
    facts = [("message", str(message.id)), ("delivery", message.delivery_id or ""), ("handling", message.handling)]
    return Moment(
        at=message.received_at,
        kind="message",
        title=f"{source}: {_spoken(topic) if inner else topic}",
        tone=tone,
        who=str(inner.get("actor", "")),
        where=message.connection or "",
        detail=str(inner.get("reason", "")),
        facts=tuple(fact for fact in facts if fact[1]),
        link=f"/messages/{message.id}",
        trace=message.trace,
    )


def _decision(decision: JournalDecision) -> Moment:
    entries = decision.entries.get("entries", []) if isinstance(decision.entries, dict) else decision.entries or []
    told = [_entry(entry) for entry in entries if isinstance(entry, dict)]
    bad = any(entry.get("type") in ("problem_opened", "command_failed", "shipment_refused") for entry in entries)
    return Moment(
        at=decision.at,
        kind="decision",
        title=" · ".join(dict.fromkeys(title for title, _ in told if title)) or "Nothing changed",
        tone="bad" if bad else "plain",
        who="" if decision.actor == "crossdock" else decision.actor,
        facts=(
            *(fact for _, facts in told for fact in facts),
            ("version", str(decision.version)),
            ("cause", f"message {decision.cause}"),
            *((("mapping", decision.mapping),) if decision.mapping else ()),
        ),
        trace=decision.trace,
    )


_TOLD = (
    *("step", "status", "reason", "code", "title", "rule", "by", "action", "refused"),
    *("key", "target", "source", "name", "due_at", "text", "event", "way", "number", "return_id"),
)


def _entry(entry: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    kind = _spoken(str(entry.get("type", "entry")))
    said = ", ".join(f"{entry[k]}" for k in _TOLD if isinstance(entry.get(k), str))
    if entry.get("type") == "order_checked":
        return kind, [
            (_STEP_WORD.get(v["status"], v["status"]), f"{titled(v['step'])}{_why(v)}")
            for v in entry.get("verdicts", ())
        ]
    step, target = titled(str(entry.get("step", ""))), entry.get("target")
    purpose = str(entry.get("key", "")).split("/")[2:3]
    deed = PURPOSES.get(purpose[0], purpose[0]) if purpose else step
    match entry.get("type"):
        case "command_done" | "command_failed" | "command_retried" as ended:
            word = {"command_done": "done", "command_failed": "failed", "command_retried": "sent again"}[ended]
            return f"{deed}: {word}", [(kind, said)]
        case "step_moved" if entry.get("status") == "running":
            return "", [("running", f"{step}{_why(entry)}")]
        case "step_moved":
            return f"{step}: {entry.get('status')}", [(str(entry.get("status")), f"{step}{_why(entry)}")]
        case "command_opened":
            return f"{step}: asked of {target}", [("asked", str(entry.get("key")))]
        case "problem_opened":
            return str(entry.get("title")), [("problem", f"{entry.get('key')} ({entry.get('code')})")]
        case "promise_given" | "forecast_made" as made:
            word = "Dates promised" if made == "promise_given" else "Forecast"
            dates = entry.get("dates") or {}
            cause = SPOKEN.get(str(entry.get("cause", ON_ITS_WAY)), "")
            told = f"leaves {dates.get('ship_by')}, arrives {dates.get('deliver_by') or 'not told'}"
            return word, [(word, told if made == "promise_given" else f"{told}: {cause}")]
        case "return_answered":
            answer = entry.get("answer") or {}
            reasons = "; ".join(str(each.get("reason")) for each in answer.get("refusals") or ())
            asked = f"asked as {(answer.get('request') or {}).get('id')}"
            if answer.get("number"):
                return f"Return {answer['number']} authorised", [("asked", asked)]
            return "Return refused", [("asked", asked), ("why", reasons)]
        case "operator_recorded" if entry.get("refused"):
            return f"{_spoken(str(entry.get('action')))} refused: {entry['refused']}", [(kind, said)]
    return kind, [(kind, said)] if said else []


def titled(step: str) -> str:
    """A step's name for people."""
    return STEPS[step].title if step in STEPS else _spoken(step)


_STEP_WORD = {"done": "passed", "failed": "failed", "waiting": "waits", "skipped": "skipped"}


def _why(entry: Mapping[str, Any]) -> str:
    return f": {entry['reason']}" if entry.get("reason") else ""


def _command(command: CommandRow) -> Moment:
    state = {"ready": "to be sent", "leased": "being sent"}.get(command.state or "", "settled")
    return Moment(
        at=command.opened_at,
        kind="command",
        title=f"{PURPOSES.get(command.purpose, command.purpose)} at {command.target}",
        tone="warn" if command.state else "plain",
        where=command.target or "",
        facts=(("business key", command.key), ("state", state), *_sending(command)),
        link=f"/commands/{command.id}",
        trace=command.trace,
    )


def _sending(command: CommandRow) -> Iterable[tuple[str, str]]:
    if command.tries:
        yield "tries", str(command.tries)
    if command.due_at:
        yield "due", command.due_at.isoformat(timespec="seconds")
    if command.check_first:
        yield "first", "looks up whether an earlier send arrived"
    if command.throttled_at:
        yield "the limit there refuses since", command.throttled_at.isoformat(timespec="seconds")


def _attempt(attempt: Attempt, command: CommandRow) -> Moment:
    tone = "warn" if attempt.fenced_out else _TONES.get(attempt.outcome, "warn")
    return Moment(
        at=attempt.started_at + timedelta(milliseconds=attempt.duration_ms),
        kind="attempt",
        title=f"{command.target} answered {attempt.outcome.replace('_', ' ')}",
        tone=tone,
        where=command.target or "",
        detail=attempt.detail,
        facts=(
            ("purpose", command.purpose),
            ("fence", str(attempt.fence)),
            *((("fence lost", "another worker had taken over; not counted"),) if attempt.fenced_out else ()),
        ),
        link=f"/attempts/{attempt.id}" if attempt.has_request or attempt.has_response else "",
        trace=attempt.trace,
        took_ms=attempt.duration_ms,
    )


__all__ = ["STATUSES", "Moment", "OrderView", "order_by_key", "order_by_stream", "timeline", "titled"]
