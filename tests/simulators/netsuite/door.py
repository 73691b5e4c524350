"""A NetSuite account without sockets: an ``Http`` that hands requests to the simulator, and loses answers on demand."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from crossdock.connectors.netsuite.client import NetSuite
from crossdock.kit.http import AnswerLost, Line, Response
from crossdock.kit.tokens import InProcessTokens
from crossdock.simulators.base import Reply, Request, Surroundings
from crossdock.simulators.netsuite import Credentials, NetSuiteAccount, make_credentials

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
BASE = "http://127.0.0.1:9999/netsuite"


class Clock:
    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **delta: float) -> None:
        self.at += timedelta(**delta)

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Door:
    """Serves requests from ``answer`` and keeps what was sent. ``lose`` names a method whose next answer gets lost."""

    def __init__(self, answer: Callable[[Request], Awaitable[Reply]]) -> None:
        self._answer = answer
        self.sent: list[Request] = []
        self.lose: str | None = None

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        parts = urlsplit(url)
        path = unquote(parts.path.removeprefix(urlsplit(BASE).path))
        request = Request(method, path, dict(parse_qsl(parts.query)), dict(headers), body)
        self.sent.append(request)
        reply = await self._answer(request)
        if self.lose == method and "/record/" in path:
            self.lose = None
            raise AnswerLost("the answer was lost on purpose")
        return Response(reply.status, dict(reply.headers), reply.body)

    def sign_ins(self) -> list[Request]:
        return [sent for sent in self.sent if "/oauth2/" in sent.path]

    def methods(self) -> list[str]:
        return [f"{sent.method} {sent.path.rsplit('/v1', 1)[-1]}" for sent in self.sent if "/oauth2/" not in sent.path]


class Setup:
    """An account, its clock and a client that is signed in to it."""

    def __init__(self, credentials: Credentials, extra: Mapping[str, Any] | None = None, **account: Any) -> None:
        self.clock = Clock()
        self.deliveries: list[Any] = []
        surroundings = Surroundings(self.clock, self.clock.sleep, Random(7), self.deliveries.append)
        self.account = NetSuiteAccount("erp", surroundings, **credentials.account_settings(), **account)
        self.door = Door(self.account.handle)
        self.tokens = InProcessTokens(lambda: self.clock.at.timestamp())
        self.settings = {**credentials.connection_settings(BASE), **(extra or {})}
        self.secrets = credentials.connection_secrets()
        self._ids = count(1)

    def line(self) -> Line:
        return Line(
            "erp", self.settings, self.secrets, self.door, self.tokens, self.clock, lambda: f"unique-{next(self._ids)}"
        )

    def client(self) -> NetSuite:
        return NetSuite(self.line())


def answering(*replies: Reply, credentials: Credentials) -> Setup:
    """A setup whose record answers are these, in order; sign-in goes to the real account."""
    setup = Setup(credentials)
    queue = list(replies)

    async def answer(request: Request) -> Reply:
        return await setup.account.handle(request) if "/oauth2/" in request.path else queue.pop(0)

    setup.door = Door(answer)
    return setup


def fresh_credentials(algorithm: str = "ES256") -> Credentials:
    return make_credentials(START, algorithm=algorithm)
