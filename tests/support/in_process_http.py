"""An ``Http`` straight onto simulators' ``handle``: the network's faults strike exactly where a test says.

A ``Strike`` names one request of one command; what it does is named by the field of ``simulators.base.Faults`` that
does it by chance on real sockets. ``watched`` makes an operation's requests known by the command they serve.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from crossdock.domain.commands import Payload
from crossdock.kit.http import AnswerLost, NotSent, Response
from crossdock.kit.manifest import Call, Connector, Operation, Result
from crossdock.simulators.base import Reply, Request, Simulator

HTML = b"<html><head><title>One moment</title></head><body>Verifying your request</body></html>"
_SERVING: ContextVar[tuple[str, str] | None] = ContextVar("serving", default=None)  # command key, purpose
_SIGN_IN = ("/auth/", "/oauth")


class Strike(msgspec.Struct, frozen=True):
    """What happens to the ``nth`` request of a command whose key holds ``order`` (all of its tries counted on)."""

    fault: str  # lost_response, html_200, error_503, rate_limited, late_commit, down
    order: str
    purpose: str
    nth: int
    late_s: float = 0.2


class Served(msgspec.Struct, frozen=True):
    """One request as it went by."""

    key: str
    purpose: str
    nth: int
    vendor: str
    path: str


class InProcessHttp:
    """One network. ``simulators`` by host name. ``attend`` may be set to see, and hold up, each request of a command
    before (``False``) and after (``True``) the vendor has handled it."""

    def __init__(self, simulators: Mapping[str, Simulator]) -> None:
        self.simulators = simulators
        self.strikes: list[Strike] = []
        self.struck: list[Strike] = []
        self.overtaken: list[Strike] = []  # whose late effect came when the command had been sent once more
        self.served: list[Served] = []
        self.attend: Callable[[Served, bool], Awaitable[None]] | None = None
        self._counts: Counter[str] = Counter()
        self._late: set[asyncio.Task[Reply]] = set()

    @property
    def late(self) -> int:
        """Effects still to come."""
        return len(self._late)

    async def close(self) -> None:
        """Forget effects still to come."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        """Raises ``NotSent`` and ``AnswerLost`` where struck."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        simulator = self.simulators[host]
        lower = {name.lower(): value for name, value in headers.items()}
        asked = Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), lower, body)
        serving = _SERVING.get()
        if serving is None or any(part in parts.path for part in _SIGN_IN):
            return _answered(await simulator.handle(asked))
        self._counts[serving[0]] += 1
        served = Served(*serving, self._counts[serving[0]], host, asked.path)
        self.served.append(served)
        await self._attend(served, False)
        answer = await self._struck(simulator, asked, self._strike(served), served)
        await self._attend(served, True)
        return answer

    async def _attend(self, served: Served, done: bool) -> None:
        if self.attend is not None:
            await self.attend(served, done)

    def _strike(self, served: Served) -> Strike | None:
        for strike in self.strikes:
            if strike.order in served.key and (strike.purpose, strike.nth) == (served.purpose, served.nth):
                self.struck.append(strike)
                return strike
        return None

    async def _struck(self, simulator: Simulator, asked: Request, strike: Strike | None, served: Served) -> Response:
        match strike.fault if strike else None:
            case "down":
                raise NotSent("connection refused, on purpose")
            case "error_503":
                return Response(503, {"content-type": "text/plain"}, b"Service Unavailable")
            case "rate_limited":
                return _answered(_throttled(simulator, asked))
            case "late_commit":
                assert strike is not None
                self._later(simulator, asked, strike, served)
                raise AnswerLost("the line was cut, on purpose; the effect comes later")
            case "lost_response":
                await simulator.handle(asked)
                raise AnswerLost("the line was cut, on purpose")
            case "html_200":
                await simulator.handle(asked)
                return Response(200, {"content-type": "text/html"}, HTML)
            case None:
                return _answered(await simulator.handle(asked))
        raise ValueError(f"there is no fault {strike}")

    def _later(self, simulator: Simulator, asked: Request, strike: Strike, served: Served) -> None:
        async def commit() -> Reply:
            await asyncio.sleep(strike.late_s)
            if self._counts[served.key] > served.nth:
                self.overtaken.append(strike)
            return await simulator.handle(asked)

        task = asyncio.create_task(commit())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


def _answered(reply: Reply) -> Response:
    return Response(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)


def _throttled(simulator: Simulator, asked: Request) -> Reply:
    own: Callable[[Request], Reply] | None = getattr(simulator, "throttled", None)
    return own(asked) if own else Reply(429, b"{}", {"content-type": "application/json"})


@contextmanager
def _serving(call: Call, purpose: str) -> Iterator[None]:
    token = _SERVING.set((call.key, purpose))
    try:
        yield
    finally:
        _SERVING.reset(token)


def watched(connector: Connector, **changes: Any) -> Connector:
    """The connector with its operations' requests known by command, and with ``changes`` to each operation."""

    def watch(operation: Operation) -> Operation:
        async def send(client: Any, payload: Payload, call: Call) -> Result:
            with _serving(call, operation.purpose):
                return await operation.send(client, payload, call)

        async def look_up(client: Any, payload: Payload, call: Call) -> Result | None:
            assert operation.look_up is not None
            with _serving(call, operation.purpose):
                return await operation.look_up(client, payload, call)

        looked = look_up if operation.look_up is not None else None
        return msgspec.structs.replace(operation, send=send, look_up=looked, **changes)

    return msgspec.structs.replace(
        connector, operations={purpose: watch(operation) for purpose, operation in connector.operations.items()}
    )
