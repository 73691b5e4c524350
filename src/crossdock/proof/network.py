"""A process's way to the vendors. A request that left is the vendor's: it may still be served when its sender is dead.

Each request has one of three ends: not done, done and answered, done and the answer lost; and the effect may come late.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from crossdock.domain.commands import Payload
from crossdock.kit.http import AnswerLost, NotSent, Response
from crossdock.kit.manifest import Call, Connector, Operation, Page, Poll, Result
from crossdock.proof.consequences import Pace
from crossdock.proof.plan import ERP, LATE_S, SHOP, Scenario
from crossdock.proof.process import Process, leave
from crossdock.proof.witness import Witness
from crossdock.simulators.base import Reply, Request, Simulator
from crossdock.simulators.netsuite.answers import Refusal

HTML = b"<html><head><title>One moment</title></head><body>Checking your browser</body></html>"
_WAY_S = 0.02  # to a vendor or back, on average
_NAMES_RESTS = frozenset({ERP, SHOP})  # in a Retry-After; the warehouse has words of its own for it


class Serving(msgspec.Struct, frozen=True):
    """The command that a request belongs to."""

    key: str
    purpose: str
    looking: bool


SERVING: ContextVar[Serving | None] = ContextVar("serving", default=None)


class Weather:
    """What strikes the network, for all processes alike. Everything is drawn from the seed."""

    def __init__(self, scenario: Scenario, witness: Witness, seconds: Callable[[], float]) -> None:
        self.rates = dict(scenario.rates)
        self._random = {kind: scenario.random(kind) for kind in (*scenario.rates, "way", "late", "rest")}
        self._scenario, self._witness, self._seconds = scenario, witness, seconds
        self._out: dict[str, float] = {}
        self.late: set[asyncio.Task[Any]] = set()  # effects still to come
        self.sent = self.served = 0  # requests of commands
        self.pace = Pace()
        self._struck = list(scenario.struck)

    def end(self) -> None:
        """The quiet tail begins."""
        self.rates, self._out = {}, {}

    def outage(self, vendor: str, for_s: float) -> None:
        self._out[vendor] = self._seconds() + for_s

    def out(self, vendor: str) -> bool:
        return self._out.get(vendor, 0.0) > self._seconds()

    def strikes(self, kind: str, vendor: str, what: str, order: str = "") -> bool:
        rate = self.rates.get(kind, 0.0) if self._seconds() >= self._scenario.warm_s else 0.0
        if planned := next((one for one in self._struck if one[0] == kind and what.startswith(one[1])), None):
            self._struck.remove(planned)
        elif not rate or self._random[kind].random() >= rate:
            return False
        self._witness.fault(kind, vendor, what, order)
        return True

    def keeps(self, kind: str, vendor: str, asked: Request, what: str, order: str) -> bool:
        """Whether the ERP will never write anything about this order: one of its people sees to that."""
        if vendor != ERP or asked.method == "GET" or not order or not self._scenario.singled_out(kind, order):
            return False
        self._witness.fault(kind, vendor, what, order)
        return True

    def answered(self, vendor: str, process: Process, answer: Response) -> None:
        """A process may be told that it asks too much."""
        self.pace.answered(vendor, process, answer, self._seconds())

    def asks_for_rest(self, vendor: str, refusal: Reply) -> Reply:
        """The vendor's own words, with as long a rest as the scenario has it name."""
        if not self._scenario.rests or vendor not in _NAMES_RESTS:
            return refusal
        rest_s = self._random["rest"].choice(self._scenario.rests)
        return Reply(429, refusal.body, {**refusal.headers, "retry-after": f"{rest_s:g}"})

    def way_s(self) -> float:
        return round(self._random["way"].expovariate(1 / _WAY_S), 6)  # logarithms differ in their last bit by machine

    def silence_s(self) -> float:
        """How long a connection hangs before it is cut: not at all, or for as long as late commits take."""
        return self._random["late"].choice((0.0, 0.0, 0.0, self.lateness_s()))

    def lateness_s(self) -> float:
        return self._random["late"].uniform(0.05, LATE_S)


class ProcessHttp:
    """Implements ``Http`` for one process. ``leaves`` is told of each request in the instant it is handed over."""

    def __init__(
        self,
        vendors: Mapping[str, Simulator],
        process: Process,
        weather: Weather,
        witness: Witness,
        boundary: Callable[[str], Awaitable[None]],
        leaves: Callable[[Serving | None, str, Request], None],
        now: Callable[[], datetime],
    ) -> None:
        self._vendors, self._process, self._weather, self._witness = vendors, process, weather, witness
        self._boundary, self._leaves, self._now = boundary, leaves, now

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        """Raises ``NotSent`` and ``AnswerLost`` as a real door does."""
        parts = urlsplit(url)
        vendor = (parts.hostname or "").partition(".")[0]
        asked = Request(
            method,
            unquote(parts.path),
            dict(parse_qsl(parts.query)),
            {name.lower(): value for name, value in headers.items()},
            body,
        )
        serving = SERVING.get()
        self._leaves(serving, vendor, asked)
        what = f"{serving.purpose} {serving.key}" if serving else f"{method} {asked.path}"
        await self._boundary(f"before {what}")
        order = serving.key.partition("/")[0] if serving else ""
        answer = await self._travel(vendor, asked, what, order, timeout_s)
        if serving is not None:
            self._weather.answered(vendor, self._process, answer)
        return answer

    async def _travel(self, vendor: str, asked: Request, what: str, order: str, timeout_s: float) -> Response:
        weather = self._weather
        if weather.out(vendor) or weather.strikes("request_refused", vendor, what, order):
            await asyncio.sleep(weather.way_s())
            raise NotSent(f"{vendor} refused the connection")
        if (refusal := self._refusal(vendor, asked, what, order)) is not None:
            await asyncio.sleep(weather.way_s())
            return _response(refusal)
        if weather.strikes("late_commit", vendor, what, order):
            self._serve(vendor, asked, what, order, weather.lateness_s())
            await asyncio.sleep(weather.way_s() + weather.silence_s())
            raise AnswerLost(f"{vendor} cut the connection; it had the whole request")
        slow_s = weather.lateness_s() * 8 if weather.strikes("slow_answer", vendor, what, order) else 0.0
        answer = self._serve(vendor, asked, what, order, weather.way_s())
        try:
            async with asyncio.timeout(timeout_s):
                reply = await asyncio.shield(answer)
                await self._boundary(f"after {what}")
                await asyncio.sleep(weather.way_s() + slow_s)
        except TimeoutError:
            raise AnswerLost(f"{vendor} did not answer within {timeout_s:g} s") from None
        return self._dated(self._arrived(vendor, reply, what, order))

    def _dated(self, response: Response) -> Response:
        """With the vendor's own clock, as every server tells it."""
        told = f"{self._now():%a, %d %b %Y %H:%M:%S GMT}"
        return msgspec.structs.replace(response, headers={**response.headers, "date": told})

    def _refusal(self, vendor: str, asked: Request, what: str, order: str) -> Reply | None:
        """An answer without an effect."""
        if self._weather.strikes("error_503", vendor, what, order):
            return Reply(503, b"Service Unavailable", {"content-type": "text/plain"})
        if self._weather.strikes("html_instead", vendor, what, order):
            return Reply(200, HTML, {"content-type": "text/html"})
        if self._weather.keeps("record_locked", vendor, asked, what, order):
            return Refusal(400, "RECORD_LOCKED", "Somebody edits this record.").reply()
        if self._weather.keeps("record_refused", vendor, asked, what, order):
            return Refusal(400, "USER_ERROR", "A script of this account refuses it.").reply()
        if self._weather.strikes("rate_limited", vendor, what, order):
            own: Callable[[Request], Reply] | None = getattr(self._vendors[vendor], "throttled", None)
            refusal = own(asked) if own else Reply(429, b"{}", {"retry-after": "1"})
            return self._weather.asks_for_rest(vendor, refusal)
        return None

    def _arrived(self, vendor: str, reply: Reply, what: str, order: str) -> Response:
        """What is left of the answer."""
        weather = self._weather
        if weather.strikes("answer_lost", vendor, what, order):
            raise AnswerLost(f"{vendor} cut the connection before its answer")
        if weather.strikes("answer_truncated", vendor, what, order):
            raise AnswerLost(f"{vendor} cut the connection within its answer")
        if weather.strikes("answer_502", vendor, what, order):
            return Response(502, {"content-type": "text/html"}, HTML)
        if weather.strikes("answer_html", vendor, what, order):
            return Response(200, {"content-type": "text/html"}, HTML)
        return _response(reply)

    def _serve(self, vendor: str, asked: Request, what: str, order: str, after_s: float) -> "asyncio.Task[Reply]":
        """The vendor's side of it, whatever becomes of ours."""

        async def serve() -> Reply:
            await asyncio.sleep(after_s)
            reply = await self._vendors[vendor].handle(asked)
            self._weather.served += bool(order)
            self._witness.note(vendor, f"{what} -> {reply.status}", order)
            if reply.status == 400 and b"RCRD_HAS_BEEN_CHANGED" in reply.body:
                self._witness.fault("record_changed", vendor, what, order)
            return reply

        self._weather.sent += bool(order)
        task: asyncio.Task[Reply] = leave(serve())
        self._weather.late.add(task)
        task.add_done_callback(self._weather.late.discard)
        return task


def _response(reply: Reply) -> Response:
    return Response(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)


@contextmanager
def _serving(call: Call, purpose: str, *, looking: bool) -> Iterator[None]:
    SERVING.set(Serving(call.key, purpose, looking))
    try:
        yield
    finally:
        SERVING.set(None)  # not by token: what a killed process leaves is cleared away in another context


def watched(connector: Connector, witness: Witness, **changes: Any) -> Connector:
    """The connector with its operations' requests known by command, and with ``changes`` to each operation."""

    def watch(operation: Operation) -> Operation:
        async def send(client: Any, payload: Payload, call: Call) -> Result:
            with _serving(call, operation.purpose, looking=False):
                return await operation.send(client, payload, call)

        async def look_up(client: Any, payload: Payload, call: Call) -> Result | None:
            assert operation.look_up is not None
            with _serving(call, operation.purpose, looking=True):
                found = await operation.look_up(client, payload, call)
            witness.recovered("looked_up_and_found" if found is not None else "looked_up_and_not_there")
            return found

        looked = look_up if operation.look_up is not None else None
        given = {name: change for name, change in changes.items() if getattr(operation, name)}
        return msgspec.structs.replace(operation, send=send, look_up=looked, **given)

    operations = {purpose: watch(operation) for purpose, operation in connector.operations.items()}
    return msgspec.structs.replace(connector, operations=operations)


def polls_watched(connector: Connector, begins: Callable[[str], None]) -> Connector:
    """The connector with ``begins`` told of each page of a poll in the instant before it is asked for."""

    def watch(poll: Poll) -> Poll:
        async def run(client: Any, cursor: str | None, options: Mapping[str, Any]) -> Page:
            begins(poll.name)
            return await poll.run(client, cursor, options)

        return msgspec.structs.replace(poll, run=run)

    return msgspec.structs.replace(connector, polls={name: watch(poll) for name, poll in connector.polls.items()})
