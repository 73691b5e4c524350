"""From one claimed stream to what is written about it. No I/O: translate, decide, evolve, encode."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from crossdock.domain.decision import Context, Decider, Decision, Masters, Problem, Summary
from crossdock.domain.events import Event, OperatorActed, decode_event, encode_event
from crossdock.engine.world import World
from crossdock.kit.manifest import Untranslatable
from crossdock.kit.redact import Redactor
from crossdock.observe.signals import Signals
from crossdock.store.protocol import (
    INVENTORY,
    LIVE,
    ClaimedStream,
    JournalRow,
    NewCommand,
    NewMessage,
    NewTimer,
    StoredMessage,
    StreamPark,
    StreamWrite,
)

FROM_OUTSIDE = frozenset({"webhook", "poll", "api", "file"})

LANES = {"stock": INVENTORY}  # kinds of streams that let live orders pass, and so do their commands

_payload = msgspec.json.Encoder()


class Translated(msgspec.Struct):
    """One message in canonical words."""

    message: StoredMessage
    events: list[Event]
    mapping: str = ""


class Work(msgspec.Struct):
    """A stream ready to be decided: its state and its messages' events, or why it cannot go on."""

    stream: ClaimedStream
    decider: Decider | None
    state: Any
    translated: list[Translated]
    masters_needed: Mapping[str, tuple[set[str], set[str]]]
    park: StreamPark | None = None


class Verdict(msgspec.Struct):
    """What is written about one stream: exactly one of ``write`` and ``park``."""

    work: Work
    write: StreamWrite | None = None
    park: StreamPark | None = None
    waited_s: float = 0.0
    cycle_s: float | None = None

    def tell(self, signals: Signals) -> None:
        """Say what happened, after the commit."""
        ref = self.work.stream.ref
        signals.record("crossdock.queue.wait.duration", self.waited_s, queue="agenda")
        if self.park is not None:
            problem = self.park.problem
            signals.add("crossdock.exceptions.opened", reason=problem.code)
            signals.log.warning("stream.parked", order=ref.key, code=problem.code, message_id=self.park.message_id)
            return
        assert self.write is not None
        if self.cycle_s is not None:
            channel = self.write.summary.channel or ""
            signals.record("crossdock.order.cycle.duration", self.cycle_s, channel=channel)
        for problem in self.write.opened:
            signals.add("crossdock.exceptions.opened", reason=problem.code)
            signals.log.info("exception.opened", order=ref.key, code=problem.code, owner=problem.owner)


def translate_stream(world: World, stream: ClaimedStream) -> Work:
    """Read the state and turn the pending messages into events. What cannot be read parks the stream."""
    decider = world.deciders.get(stream.ref.kind)
    work = Work(stream, decider, None, [], {})
    at = stream.messages[0]
    try:
        if decider is None:
            raise Untranslatable("unknown_stream_kind", f"no decider for streams of kind {stream.ref.kind!r}")
        work.state = decider.blank() if stream.state is None else decider.load(stream.state)
        for at in stream.messages:
            work.translated.append(_translate(world, at))
        work.masters_needed = _masters_needed(decider, work)
    except Exception as error:  # noqa: BLE001 - whatever a mapping raises must block its own stream only
        work.park = StreamPark(stream.id, at.id, problem_of(error, "translate", at))
    return work


def _translate(world: World, message: StoredMessage) -> Translated:
    if message.source not in FROM_OUTSIDE:
        return Translated(message, [decode_event(message.body)])
    link = world.links.get(message.connection)
    if link is None:
        raise Untranslatable(
            "unknown_connection",
            f"connection {message.connection!r} is no longer configured",
            hint="Configure it again.",
        )
    events = link.connector.translate(message.connection, message.topic, message.body)
    manifest = link.connector.manifest
    return Translated(message, events, f"{manifest.system}/{manifest.mapping_version}")


def _masters_needed(decider: Decider, work: Work) -> Mapping[str, tuple[set[str], set[str]]]:
    needed: dict[str, tuple[set[str], set[str]]] = {}
    for translated in work.translated:
        for event in translated.events:
            for channel, (skus, emails) in decider.masters_needed(work.state, event).items():
                have = needed.setdefault(channel, (set(), set()))
                have[0].update(skus)
                have[1].update(emails)
    return needed


def decide_stream(world: World, work: Work, now: datetime, masters: Mapping[str, Masters]) -> Verdict:
    """Decide on every message in order. An error parks the whole stream; nothing of it is written halfway."""
    waited_s = (now - work.stream.messages[0].received_at).total_seconds()
    if work.park is not None:
        return Verdict(work, park=work.park, waited_s=waited_s)
    context = Context(now, world.policies, masters, world.holds)
    ledger = _Ledger(work)
    at = work.stream.messages[0]
    try:
        for translated in work.translated:
            at = translated.message
            ledger.decide(world, translated, context)
        return Verdict(work, write=ledger.close(), waited_s=waited_s, cycle_s=ledger.cycle_s)
    except Exception as error:  # noqa: BLE001 - a bug met by one order must not stop the others
        return Verdict(work, park=StreamPark(work.stream.id, at.id, problem_of(error, "decide", at)), waited_s=waited_s)


class _Ledger:
    """Collects what the messages of one stream lead to."""

    def __init__(self, work: Work) -> None:
        assert work.decider is not None
        stream = work.stream
        self._decider = work.decider
        self._named = {"crossdock.order": stream.ref.key} if stream.ref.kind == "order" else {}
        self._state = work.state
        self._write = StreamWrite(stream.id, stream.version, b"", Summary("new"))
        self._timers: dict[str, NewTimer] = {}
        self._opened: dict[str, Problem] = {}
        self._settled: set[str] = set()
        self._lane = LANES.get(stream.ref.kind, LIVE)
        self.cycle_s: float | None = None

    def decide(self, world: World, translated: Translated, context: Context) -> None:
        message = translated.message
        entries: list[Any] = []
        actor = "crossdock"
        attributes = {"crossdock.topic": message.topic, **self._named}
        with world.signals.span("decide", cause=message.trace, attributes=attributes) as span:
            trace = span.traceparent or message.trace
            for event in translated.events:
                if isinstance(event, OperatorActed):
                    actor = event.actor
                decision = self._decider.decide(self._state, event, context)
                folded = decision.after
                self._state = self._decider.evolve(self._state, decision.entries) if folded is None else folded
                entries += decision.entries
                self._collect(decision, trace)
                for problem in decision.opened:
                    span.set(**{"crossdock.exception": problem.code})
        if entries:
            write = self._write
            write.version += 1
            stored = self._decider.store_entries(entries)
            write.journal.append(JournalRow(write.version, message.id, stored, actor, translated.mapping, trace))

    def _collect(self, decision: Decision, trace: str) -> None:
        write = self._write
        for command in decision.commands:
            payload = _payload.encode(command.payload)
            purpose, older = command.payload.purpose, command.instead_of
            write.commands.append(
                NewCommand(command.key, command.target, purpose, payload, self._lane, trace, instead_of=older)
            )
        if decision.cycle_s is not None:
            self.cycle_s = decision.cycle_s
        write.again += decision.again
        write.posting_from = decision.posting_from or write.posting_from
        write.references += decision.references
        if decision.wants is not None:
            write.wants = decision.wants
        write.stock += decision.stock
        write.reservations += decision.reservations
        for timer in decision.timers:
            self._timers[timer.name] = NewTimer(timer.name, timer.due_at, trace)
        for tell in decision.tells:
            lane = LANES.get(tell.to.kind, LIVE)
            write.tells.append(NewMessage(tell.to, "tell", encode_event(tell.event), trace, lane, tell.existing))
        for key in decision.settled:
            self._opened.pop(key, None)
            self._settled.add(key)
        for problem in decision.opened:
            self._opened[problem.key] = problem
            self._settled.discard(problem.key)

    def close(self) -> StreamWrite:
        write = self._write
        write.timers = list(self._timers.values())
        write.opened = list(self._opened.values())
        write.settled = sorted(self._settled)
        write.state = self._decider.store(self._state)
        write.summary = self._decider.summary(self._state)
        return write


def problem_of(error: Exception, doing: str, message: StoredMessage) -> Problem:
    """The exception for a stream that cannot go on, with the message that stopped it and the field that is wrong."""
    if isinstance(error, Untranslatable):
        code, detail, hint = error.code, error.detail, error.hint
        klass, where = "data", error.field or ""
    else:
        code, detail, hint = f"{doing}_failed", f"{type(error).__name__}: {error}", None
        klass, where = "bug", type(error).__name__
    said = Redactor(()).words(detail)  # an error may quote what it could not read
    return Problem(
        key="parked",
        klass=klass,
        code=code,
        title=f"A message of {message.connection} ({message.topic}) could not be handled: {code}",
        hint=hint or "Correct it at its source or mend the mapping, then retry; later messages of this order wait.",
        fingerprint=f"{code}/{message.connection}/{message.topic}/{where}",
        owner="integration",
        facts={"message_id": message.id, "topic": message.topic, "field": where, "detail": said[:500]},
    )
