"""A company without sockets: an ``Http`` that hands requests to the simulator, and loses answers on demand."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from crossdock.connectors.businesscentral.client import BusinessCentral
from crossdock.connectors.businesscentral.tests.orders import SETTINGS
from crossdock.kit.http import AnswerLost, Line, Response
from crossdock.kit.tokens import InProcessTokens
from crossdock.simulators.base import Reply, Request, Surroundings
from crossdock.simulators.businesscentral import BusinessCentralCompany, Registration

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
BASE = "http://127.0.0.1:9999"


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
    """Serves requests from ``answer`` and keeps them. ``lose``: the number of the request whose answer gets lost,
    sign-ins not counted, from now on; ``before``: called with each request before it is served."""

    def __init__(self, answer: Callable[[Request], Awaitable[Reply]]) -> None:
        self.answer = answer
        self.sent: list[Request] = []
        self.replies: list[Reply] = []
        self.lose: int | None = None
        self.before: Callable[[Request], None] | None = None

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        parts = urlsplit(url)
        request = Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), dict(headers), body)
        if "/oauth2/" in request.path:
            return _response(await self.answer(request))
        if self.before is not None:
            self.before(request)
        self.sent.append(request)
        reply = await self.answer(request)
        self.replies.append(reply)
        if self.lose is not None:
            self.lose -= 1
            if self.lose == 0:
                self.lose = None
                raise AnswerLost("the answer was lost on purpose")
        return _response(reply)

    def asked(self) -> list[str]:
        """Method and entity of every request; those of a batch one by one."""
        return [f"{method} {path}" for method, path, _, _ in self.calls()]

    def calls(self) -> list[tuple[str, str, dict[str, str], Any]]:
        """(method, path below the company with ids left out, query, body) of every request, out of batches too."""
        found = []
        for sent in self.sent:
            body = json.loads(sent.body or b"null", parse_float=Decimal)
            if sent.path.endswith("$batch"):
                for inner in body["requests"]:
                    parts = urlsplit(inner["url"])
                    found.append(
                        (inner["method"], unquote(parts.path), dict(parse_qsl(parts.query)), inner.get("body"))
                    )
            else:
                found.append((sent.method, sent.path.partition("/api/v2.0/")[2], dict(sent.query), body))
        return [(method, plain(path), query, body) for method, path, query, body in found]


def plain(path: str) -> str:
    """``companies(…)/salesOrders(…)/x`` -> ``salesOrders()/x``."""
    rest = path.partition(")/")[2] or path
    return "/".join(f"{part.partition('(')[0]}()" if "(" in part else part for part in rest.split("/"))


def _response(reply: Reply) -> Response:
    return Response(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)


class Setup:
    """A company, its clock and a client that may sign in to it."""

    def __init__(self, extra: Mapping[str, Any] | None = None, **company: Any) -> None:
        self.clock = Clock()
        surroundings = Surroundings(self.clock, self.clock.sleep, Random(7), lambda _: None)
        registration = Registration()
        self.company = BusinessCentralCompany("erp", surroundings, registration=registration, **company)
        self.door = Door(self.company.handle)
        self.tokens = InProcessTokens(lambda: self.clock.at.timestamp())
        self.settings = {
            **SETTINGS,
            **registration.connection_settings(BASE),
            "order_prefixes": ["shop1"],
            **(extra or {}),
        }
        self.secrets = registration.connection_secrets()
        self._ids = count(1)

    def line(self) -> Line:
        return Line(
            "erp", self.settings, self.secrets, self.door, self.tokens, self.clock, lambda: f"unique-{next(self._ids)}"
        )

    def client(self) -> BusinessCentral:
        return BusinessCentral(self.line())

    def books(self) -> dict[str, Any]:
        return self.company.books()


def answering(*replies: Reply) -> Setup:
    """A setup whose answers are these, in order; sign-in goes to the real simulator."""
    setup = Setup()
    queue = list(replies)

    async def answer(request: Request) -> Reply:
        return await setup.company.handle(request) if "/oauth2/" in request.path else queue.pop(0)

    setup.door = Door(answer)
    return setup
