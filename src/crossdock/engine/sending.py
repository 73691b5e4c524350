"""Sending one leased command: call the operation, classify whatever happens, say what follows."""

from datetime import date, datetime

import msgspec

from crossdock.domain.commands import Payload, order_in
from crossdock.domain.decision import StreamRef
from crossdock.domain.events import CommandSettled, encode_event
from crossdock.domain.outcome import Done, Outcome, OutcomeUnknown, Rejected, RetryLater
from crossdock.engine.disposal import MAX_TRIES, Again, PauseConnection, Settle, dispose
from crossdock.engine.world import Linked, World
from crossdock.kit.http import AnswerLost, NotSent, Recording
from crossdock.kit.manifest import Call, Operation, Repeat, Result
from crossdock.kit.redact import Redactor
from crossdock.store.protocol import FRESH_S, LeasedCommand, NewMessage, Sent

_payloads: msgspec.json.Decoder[Payload] = msgspec.json.Decoder(Payload)


class Attempt(msgspec.Struct):
    """One send as it happened."""

    result: Result
    started_at: datetime
    took_s: float
    request: bytes
    response: bytes
    trace: str

    @property
    def tag(self) -> str:
        """The outcome's name in metrics, attempts and the console."""
        return str(type(self.result.outcome).__struct_config__.tag)


def in_doubt(command: LeasedCommand) -> bool:
    """Whether an earlier send of this command may have had its effect, one that the database has forgotten included."""
    return command.check_first or command.expired or command.restored_s is not None


def settles_in_s(command: LeasedCommand, operation: Operation | None) -> float:
    """How long the system may still be without what was sent just before the database lost its memory of it."""
    if command.restored_s is None or operation is None:
        return 0.0
    return max(0.0, operation.settle_s - command.restored_s)


class Sender:
    """Sends the commands of one connection. Knows operations, not leases."""

    def __init__(self, world: World, link: Linked) -> None:
        self._world = world
        self._link = link
        self._redactor = Redactor(link.connector.manifest.redact)

    def operation(self, command: LeasedCommand) -> Operation | None:
        return self._link.connector.operations.get(command.purpose)

    async def send(self, command: LeasedCommand, operation: Operation | None, left_s: float) -> Attempt:
        """Call, within what is left of the lease. Never raises for anything the other side or the connector does."""
        started, started_at = self._world.stopwatch(), self._link.line.now()
        attributes = {"crossdock.target": self._link.name, "crossdock.operation": command.purpose}
        if order := order_in(command.key, command.target, command.purpose):
            attributes["crossdock.order"] = order
        with self._world.signals.span(
            command.purpose, kind="client", cause=command.trace, attributes=attributes
        ) as span:
            trace = span.traceparent or command.trace
            recording = Recording(self._link.line.http, self._world.stopwatch, trace, started + left_s)
            result = self._redacted(await self._outcome(command, operation, recording), command.key)
            span.set(**{"crossdock.outcome": str(type(result.outcome).__struct_config__.tag)})
        request, response = self._redactor(recording.exchanges)
        return Attempt(result, started_at, self._world.stopwatch() - started, request, response, trace)

    def _redacted(self, result: Result, key: str) -> Result:
        """Without what a refusal may quote of a buyer: its words are kept longer and seen by more people than calls."""
        outcome = result.outcome
        if isinstance(outcome, Done):
            return result
        said = {name: getattr(outcome, name, None) for name in ("detail", "hint")}
        kept = {name: self._redactor.words(text, key) for name, text in said.items() if text}
        return msgspec.structs.replace(result, outcome=msgspec.structs.replace(outcome, **kept))

    async def _outcome(self, command: LeasedCommand, operation: Operation | None, recording: Recording) -> Result:
        if operation is None:
            return Result(Rejected("unsupported", f"{self._link.name} does not offer {command.purpose}"))
        if in_doubt(command) and operation.repeat is Repeat.UNSAFE:
            return Result(OutcomeUnknown("the worker that sent this did not live to tell", "worker_lost"))
        if command.expired and command.tries >= MAX_TRIES:  # perhaps it is this very call that ends its workers
            lost = f"{command.tries} sends, and the last one's worker did not live to tell"
            return Result(OutcomeUnknown(lost, "worker_lost"))
        try:
            return await self._call(command, operation, recording)
        except NotSent as error:
            if len(recording.exchanges) > 1:  # this one was not sent, but what of the one before it?
                return Result(self._lost(operation, str(error), "not_sent"))
            return Result(RetryLater(str(error), code="not_sent"))
        except AnswerLost as error:
            return Result(self._lost(operation, f"{type(error).__name__}: {error}", "no_answer"))
        except Exception as error:  # noqa: BLE001 - a connector's bug: bounded retries, then an exception, never success
            return Result(self._bug(command, operation, recording, f"{type(error).__name__}: {error}"))

    async def _call(self, command: LeasedCommand, operation: Operation, recording: Recording) -> Result:
        client = self._link.connector.open(self._link.line.through(recording))
        payload = dated(_payloads.decode(command.payload), command.posting_from)
        doubt = in_doubt(command)
        call = Call(command.key, max(command.tries, int(doubt)))
        if doubt and operation.look_up is not None:
            found = await operation.look_up(client, payload, call)
            if found is not None:
                return found
        return await operation.send(client, payload, call)

    def _lost(self, operation: Operation, detail: str, code: str) -> Outcome:
        if operation.repeat is Repeat.READ:
            return RetryLater(detail, code="unavailable")
        return OutcomeUnknown(detail, code)

    def _bug(self, command: LeasedCommand, operation: Operation, recording: Recording, detail: str) -> Outcome:
        error = self._redactor.words(detail, command.key)
        self._world.signals.log.error(
            "connector.bug", connection=self._link.name, purpose=command.purpose, key=command.key, error=error
        )
        if recording.exchanges:
            return self._lost(operation, detail, "connector_bug")
        return RetryLater(detail, code="connector_bug")


def dated(payload: Payload, posting_from: date | None) -> Payload:
    """The payload with no earlier posting day than the first of open books, where it is sent again after they closed.

    What an earlier try may have made is looked for by its key, whatever day it has.
    """
    if posting_from is None or "posted_on" not in payload.__struct_fields__:
        return payload
    day = getattr(payload, "posted_on", None) or posting_from
    return msgspec.structs.replace(payload, posted_on=max(day, posting_from))


def sent_of(
    command: LeasedCommand, operation: Operation | None, attempt: Attempt, jitter: float
) -> tuple[Sent, str | None]:
    """What to record about an attempt, and the reason to pause the connection if there is one."""
    result = attempt.result
    tries, doubt = command.tries + 1, in_doubt(command)
    disposal = Settle(result.outcome) if operation is None else dispose(result.outcome, operation, tries, doubt, jitter)  # type: ignore[arg-type]
    settled, again, reason = None, Again(0.0), None
    match disposal:
        case Settle():
            told = CommandSettled(command.key, command.purpose, command.target, disposal.outcome, tries)
            settled = encode_event(told)
        case Again():
            again = disposal
        case PauseConnection():
            again, reason = Again(1.0, counts=False, check_first=doubt), disposal.reason
    sent = Sent(
        command_id=command.id,
        fence=command.fence,
        outcome=attempt.tag,
        detail=str(getattr(result.outcome, "detail", "")),
        started_at=attempt.started_at,
        duration_ms=attempt.took_s * 1000,
        request=attempt.request,
        response=attempt.response,
        settled=settled,
        again_in_s=None if settled is not None else again.in_s,
        counts=again.counts,
        check_first=again.check_first,
        tells=tuple(
            NewMessage(
                StreamRef(f.stream_kind, f.stream_key),
                "tell",
                encode_event(f.event),
                attempt.trace,
                existing=f.existing,
            )
            for f in result.follows
        ),
        trace=attempt.trace,
        late=command.waited_s > FRESH_S,
    )
    return sent, reason
