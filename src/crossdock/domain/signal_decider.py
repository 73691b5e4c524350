"""How a signal decides: a message that only names a thing is read back, once per message; where its connector says so,
once more a while after the last one.
"""

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from crossdock.domain.commands import Command, ReadBack
from crossdock.domain.decision import Context, Decider, Decision, StreamRef, Summary, Tell, Timer
from crossdock.domain.events import CommandSettled, Event, LaterSeen, OperatorActed, SignalSeen, TimerFired
from crossdock.domain.order import order_key
from crossdock.domain.outcome import Done
from crossdock.domain.problems import failed
from crossdock.domain.schema import upcast

VERSION = 1
PROBLEM = "read_back"
AGAIN = "again"  # the alarm of a read that follows the last message
REMEMBERED = 50  # contents kept to tell a repeat; more than any sender repeats


class ReadOpened(msgspec.Struct, frozen=True, tag="read_opened"):
    key: str
    source: str
    kind: str
    external_id: str
    content: str
    at: datetime


class SignalQueued(msgspec.Struct, frozen=True, tag="signal_queued"):
    """A signal came while a read was under way, which may have read before the change: read once more after it."""

    signal: SignalSeen
    at: datetime


class ReadSettled(msgspec.Struct, frozen=True, tag="read_settled", omit_defaults=True):
    key: str
    status: str  # done, failed, open (sent again)
    at: datetime
    reason: str | None = None


class ReadPlanned(msgspec.Struct, frozen=True, tag="read_planned"):
    """What the newest message names is read once more then; a later message puts it off."""

    signal: SignalSeen
    due_at: datetime


class ReadDue(msgspec.Struct, frozen=True, tag="read_due"):
    at: datetime


SignalEntry = ReadOpened | SignalQueued | ReadSettled | ReadPlanned | ReadDue


class SignalState(msgspec.Struct, omit_defaults=True):
    """``reads`` counts the reads ever opened: it makes the key of a signal that tells no content."""

    v: int
    reads: int = 0
    key: str | None = None  # the newest read's business key
    status: str = "new"  # new, open, done, failed
    reason: str | None = None
    source: str | None = None
    queued: SignalSeen | None = None
    contents: tuple[str, ...] = ()
    planned: ReadPlanned | None = None


class _StoredEntries(msgspec.Struct):
    v: int
    entries: list[SignalEntry]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SignalState)
_entries_decoder = msgspec.json.Decoder(_StoredEntries)


def decode_signal_entries(stored: bytes) -> list[SignalEntry]:
    """Read one stored decision of a signal."""
    return _entries_decoder.decode(stored).entries


class SignalDecider:
    """The ``Decider`` of streams of kind ``signal``. Stateless."""

    kind = "signal"

    def blank(self) -> SignalState:
        return SignalState(VERSION)

    def load(self, stored: bytes) -> SignalState:
        if stored.startswith((b'{"v":1,', b'{"v":1}')):
            return _decoder.decode(stored)
        return msgspec.convert(upcast(stored, VERSION, {}), SignalState)

    def store(self, state: SignalState) -> bytes:
        return _encoder.encode(state)

    def store_entries(self, entries: list[SignalEntry]) -> bytes:
        return _encoder.encode(_StoredEntries(VERSION, entries))

    def decide(self, state: SignalState, event: Event, context: Context) -> Decision:
        """Open a read, note its end, or send it again; hand on what only an order that is here takes. Pure."""
        if isinstance(event, SignalSeen):
            return _seen(state, event, context.now)
        if isinstance(event, TimerFired):
            return _due(state, context.now)
        if isinstance(event, LaterSeen):
            to = StreamRef("order", order_key(event.channel, event.external_id))
            return Decision(tells=[Tell(to, event, existing=True)])
        if isinstance(event, CommandSettled):
            return _settled(state, event, context.now)
        if isinstance(event, OperatorActed):
            return _acted(state, event, context.now)
        return Decision()

    def evolve(self, state: SignalState, entries: list[SignalEntry]) -> SignalState:
        new = copy.copy(state)
        for entry in entries:
            _fold(new, entry)
        return new

    def summary(self, state: SignalState) -> Summary:
        status = {"failed": "exception", "new": "open"}.get(state.status, state.status)
        return Summary(status, None if status == "done" else PROBLEM, state.reason, channel=state.source)

    def masters_needed(self, state: SignalState, event: Event) -> Mapping[str, tuple[set[str], set[str]]]:
        return {}


def _fold(state: SignalState, entry: SignalEntry) -> None:
    if isinstance(entry, ReadOpened):
        state.reads += 1
        state.key, state.source, state.status, state.reason = entry.key, entry.source, "open", None
        state.queued = None
        if entry.content:
            state.contents = (*state.contents, entry.content)[-REMEMBERED:]
    elif isinstance(entry, SignalQueued):
        state.queued = entry.signal
    elif isinstance(entry, ReadPlanned):
        state.planned = entry
    elif isinstance(entry, ReadDue):
        state.planned = None
    elif entry.key == state.key:
        state.status, state.reason = entry.status, entry.reason


def _seen(state: SignalState, event: SignalSeen, now: datetime) -> Decision:
    decision = _taken(state, event, now)
    if event.again_s:
        planned = ReadPlanned(msgspec.structs.replace(event, again_s=0.0), now + timedelta(seconds=event.again_s))
        decision.entries.append(planned)
        decision.timers.append(Timer(AGAIN, planned.due_at))
    return decision


def _due(state: SignalState, now: datetime) -> Decision:
    """The alarm of a planned read; one that was put off meanwhile is set anew."""
    if state.planned is None:
        return Decision()
    if now < state.planned.due_at:
        return Decision(timers=[Timer(AGAIN, state.planned.due_at)])
    decision = _taken(state, state.planned.signal, now)
    decision.entries.append(ReadDue(now))
    return decision


def _taken(state: SignalState, event: SignalSeen, now: datetime) -> Decision:
    if event.content and (event.content in state.contents or _waits(state, event)):
        return Decision()
    if state.status == "open":
        return Decision() if state.queued == event else Decision(entries=[SignalQueued(event, now)])
    decision = _read(state, event, now)
    if state.status == "failed":
        decision.settled.append(PROBLEM)
    return decision


def _waits(state: SignalState, event: SignalSeen) -> bool:
    return state.queued is not None and state.queued.content == event.content


def _read(state: SignalState, event: SignalSeen, now: datetime) -> Decision:
    nth = str(state.reads + 1)
    content = event.content or nth
    if event.content and state.reads >= REMEMBERED:
        content = f"{content}/{nth}"  # one that is forgotten may come again: its first key would open nothing
    key = f"{event.source}:{event.kind}:{event.external_id}/{event.source}/read_back/{content}"
    opened = ReadOpened(key, event.source, event.kind, event.external_id, event.content, now)
    return Decision(entries=[opened], commands=[Command(key, event.source, ReadBack(event.kind, event.external_id))])


def _settled(state: SignalState, event: CommandSettled, now: datetime) -> Decision:
    if event.key != state.key or state.status == "done":
        return Decision()
    if isinstance(event.outcome, Done):
        decision = Decision(entries=[ReadSettled(event.key, "done", now)], settled=[PROBLEM])
        _read_queued(decision, state, now)
        return decision
    problem = failed(PROBLEM, event.key, event.purpose, event.target, event.outcome, event.tries)
    return Decision(entries=[ReadSettled(event.key, "failed", now, problem.title)], opened=[problem])


def _read_queued(decision: Decision, state: SignalState, now: datetime) -> None:
    """What came during the read that has ended is read next."""
    if state.queued is not None:
        after = _read(state, state.queued, now)
        decision.entries += after.entries
        decision.commands += after.commands


def _acted(state: SignalState, event: OperatorActed, now: datetime) -> Decision:
    if state.key is None or state.status != "failed":
        return Decision()
    if event.action == "retry":
        entry = ReadSettled(state.key, "open", now, f"sent again by {event.actor}")
        return Decision(entries=[entry], again=[state.key], settled=[PROBLEM])
    if event.action in ("resolve", "skip", "cancel"):
        entry = ReadSettled(state.key, "done", now, f"settled by {event.actor}: {event.reason}")
        decision = Decision(entries=[entry], settled=[PROBLEM])
        _read_queued(decision, state, now)
        return decision
    return Decision()


SIGNAL: Decider = SignalDecider()
