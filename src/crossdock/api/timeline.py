"""One line of time through everything that happened to an order or another stream, in words."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from crossdock.domain.process import STEPS
from crossdock.domain.promise import ON_ITS_WAY, SPOKEN
from crossdock.store.reading_orders import Attempt, CommandRow, JournalDecision, Message, OrderWhole


class Moment(msgspec.Struct, frozen=True):
    """One thing that happened. ``kind``: message, decision, command, attempt. ``id`` names it in all readings."""

    id: str
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


PURPOSES: Mapping[str, str] = {
    "order.book": "Book the order",
    "order.release": "Release to the warehouse",
    "release.cancel": "Stop the release",
    "booking.close": "Close the booking",
    "shipment.post": "Record the shipment",
    "fulfilment.push": "Push the fulfilment",
    "tracking.push": "Tell where parcels are",
    "tracking.replace": "Tell of new labels",
    "invoice.make": "Make the invoice",
    "booking.amend": "Amend the booking",
    "invoice.publish": "Show the invoice",
    "payment.post": "Post the payment",
    "deposit.post": "Record the deposit",
    "deposit.apply": "Apply the deposit",
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
_SOURCES = {"webhook": "Webhook", "poll": "Poll", "api": "API call", "file": "File", "operator": "Operator",
            "outcome": "Outcome", "timer": "Timer", "tell": "From another stream"}  # fmt: skip


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
        id=f"message-{message.id}",
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
        id=f"decision-{decision.version}",
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
        id=f"command-{command.id}",
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
        id=f"attempt-{attempt.id}",
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


def _spoken(name: str) -> str:
    return name.replace(".", " ").replace("_", " ").capitalize()
