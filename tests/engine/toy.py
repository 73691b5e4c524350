"""A stream kind and a system that are as small as the engine's contract allows, so that tests show the engine alone."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec

from crossdock.domain.commands import Command, Payload, ReadBack
from crossdock.domain.decision import Context, Decision, Problem, StreamRef, Summary
from crossdock.domain.events import CommandSettled, Event, OperatorActed, SignalSeen, TimerFired
from crossdock.domain.outcome import Done
from crossdock.engine.world import Linked, World
from crossdock.kit.http import Line, Response
from crossdock.kit.manifest import Call, Connector, Manifest, Operation, Quota, Repeat, Result, Untranslatable
from crossdock.observe.signals import Silence
from crossdock.store.protocol import Arrival, Store


class ToyState(msgspec.Struct):
    seen: list[str] = []
    settled: list[str] = []


class ToyDecider:
    """Every signal opens one command; every outcome is remembered; ``explode`` is a bug in the decider."""

    kind = "toy"

    def blank(self) -> ToyState:
        return ToyState()

    def load(self, stored: bytes) -> ToyState:
        return msgspec.json.decode(stored, type=ToyState)

    def store(self, state: ToyState) -> bytes:
        return msgspec.json.encode(state)

    def store_entries(self, entries: list[Any]) -> bytes:
        return msgspec.json.encode(entries)

    def decide(self, state: ToyState, event: Event, context: Context) -> Decision:
        match event:
            case SignalSeen():
                if event.external_id == "explode":
                    raise RuntimeError("a bug in the decider")
                command = Command(f"toy/{event.external_id}", "erp", ReadBack(event.kind, event.external_id))
                return Decision(entries=[["seen", event.external_id]], commands=[command])
            case CommandSettled():
                opened = [] if isinstance(event.outcome, Done) else [problem(event)]
                return Decision(entries=[["settled", type(event.outcome).__name__]], opened=opened)
            case TimerFired():
                return Decision(entries=[["seen", event.name]])
            case OperatorActed():
                return Decision(again=[event.args["key"]])
            case _:
                return Decision()

    def evolve(self, state: ToyState, entries: list[Any]) -> ToyState:
        for what, value in entries:
            getattr(state, what).append(value)
        return state

    def summary(self, state: ToyState) -> Summary:
        return Summary("done" if state.settled else "open", label="toy")

    def masters_needed(self, state: ToyState, event: Event) -> Mapping[str, tuple[set[str], set[str]]]:
        return {}


def problem(event: CommandSettled) -> Problem:
    return Problem(
        event.purpose, "rejected", "toy", "the toy was refused", "look at the toy", f"toy/{event.outcome.__class__}"
    )


Answer = Callable[[int, Payload, Call], Awaitable[Result]]


class ToySystem:
    """The system behind the toy connector: its books, and what it answers to the n-th call."""

    def __init__(self) -> None:
        self.effects: Counter[str] = Counter()
        self.calls: list[str] = []
        self.looked: list[str] = []
        self.answer: Answer = self.obey

    async def obey(self, nth: int, payload: Payload, call: Call) -> Result:
        return self.effect(payload)

    def effect(self, payload: Payload) -> Result:
        assert isinstance(payload, ReadBack)
        self.effects[payload.external_id] += 1
        return Result(Done({"toy": payload.external_id}))

    async def send(self, client: Any, payload: Payload, call: Call) -> Result:
        self.calls.append(call.key)
        return await self.answer(self.calls.count(call.key), payload, call)

    async def look_up(self, client: Any, payload: Payload, call: Call) -> Result | None:
        self.looked.append(call.key)
        assert isinstance(payload, ReadBack)
        return Result(Done(repeated=True)) if self.effects[payload.external_id] else None


def connector(
    system: ToySystem, repeat: Repeat, *, settle_s: float = 5.0, lease_s: float = 30.0, quota: Quota | None = None
) -> Connector:
    operation = Operation(
        "read_back",
        "toy",
        repeat,
        system.send,
        look_up=system.look_up if repeat is Repeat.SEARCHABLE else None,
        settle_s=settle_s,
        lease_s=lease_s,
    )
    return Connector(
        Manifest("toy", "Toy", "erp", "1", (), "1", {}, quota=quota or Quota()),
        open=lambda line: line,
        translate=translate,
        operations={"read_back": operation},
    )


def translate(connection: str, topic: str, body: bytes) -> list[Event]:
    if body == b"unreadable":
        raise Untranslatable("unreadable", "the body says so", field="body")
    return [SignalSeen("erp", "toy", body.decode())]


class NoHttp:
    """The toy needs no wire."""

    async def request(self, *args: Any, **kwargs: Any) -> Response:
        raise AssertionError("the toy system is called directly")


class NoTokens:
    async def get(self, name: str, refresh: Callable[[], Any]) -> str:
        return "token"

    def forget(self, name: str) -> None:
        raise AssertionError("no tokens here")


def world(store: Store, toy: Connector, *, worker: str = "w1", now: Callable[[], datetime] | None = None) -> World:
    line = Line("erp", {}, {}, NoHttp(), NoTokens(), now or (lambda: datetime.now(UTC)), lambda: "id")
    decider = ToyDecider()
    return World(
        store=store,
        links={"erp": Linked("erp", toy, line)},
        deciders={decider.kind: decider},
        policies={},
        holds=lambda order: [],
        signals=Silence(),
        random=Random(7),
        stopwatch=time.monotonic,
        worker=worker,
    )


def arrival(key: str, body: str | None = None, *, delivery: str | None = None, priority: int = 0) -> Arrival:
    return Arrival(
        "erp", delivery or f"d-{key}-{body}", "webhook", "toys/seen", StreamRef("toy", key), (body or key).encode(),
        priority=priority,
    )  # fmt: skip
