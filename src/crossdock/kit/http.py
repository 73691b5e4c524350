"""The door to other systems: one method, so that tests and the simulation need no patching.

A failure says whether bytes may have reached the other side, because that decides what may be repeated.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec


class NotSent(Exception):
    """The request certainly did not reach the other side (refused, DNS, TLS): safe to repeat."""


class AnswerLost(Exception):
    """Bytes left, no whole answer came (time-out, reset, truncated body): the effect is unknown."""


class Response(msgspec.Struct, frozen=True):
    status: int
    headers: Mapping[str, str]  # keys in lower case
    body: bytes


class Http(Protocol):
    """Sends one request. Never retries, never follows redirects."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float = 30.0,
    ) -> Response:
        """Raises ``NotSent`` or ``AnswerLost``; any HTTP status is an answer."""


class Exchange(msgspec.Struct):
    """One request and its answer as kept with the attempt. Redacted before it is stored."""

    method: str
    url: str
    request: bytes
    status: int | None = None
    response: bytes = b""
    error: str | None = None
    duration_ms: float = 0.0
    headers: Mapping[str, str] = {}  # the answer's


class Recording:
    """An ``Http`` that remembers what went through it, for the attempt's record, and sends nothing after ``until``.

    ``until`` is on the stopwatch: the end of what is safely left of a lease. A timer of its own around every call
    would cost 15 us (measured); a shorter time-out for the last request costs nothing.
    """

    def __init__(
        self, http: Http, stopwatch: Callable[[], float], trace: str = "", until: float = float("inf")
    ) -> None:
        self.exchanges: list[Exchange] = []
        self._http = http
        self._stopwatch = stopwatch
        self._trace = trace
        self._until = until

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float = 30.0,
    ) -> Response:
        exchange = Exchange(method, url, body)
        self.exchanges.append(exchange)
        started = self._stopwatch()
        if started + timeout_s > self._until:
            timeout_s = self._until - started
            if timeout_s <= 0:
                exchange.error = "the lease is over"
                raise NotSent(f"{method} was not sent: too little is left of the lease")
        if self._trace:
            headers = {**headers, "traceparent": self._trace}
        try:
            response = await self._http.request(method, url, headers=headers, body=body, timeout_s=timeout_s)
        except (NotSent, AnswerLost) as error:
            exchange.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            exchange.duration_ms = (self._stopwatch() - started) * 1000
        exchange.status, exchange.response, exchange.headers = response.status, response.body, response.headers
        return response


class TokenStore(Protocol):
    """Where access tokens live between calls of one process. Refresh runs once however many calls wait for it."""

    async def get(self, name: str, refresh: Callable[[], Any]) -> str:
        """The current token; awaits ``refresh() -> (token, seconds it lives)`` when there is none or it ends soon."""

    def forget(self, name: str) -> None:
        """The vendor refused it: the next ``get`` refreshes."""


class Line(msgspec.Struct, frozen=True):
    """What a client is opened with: settings, secrets and the door. One per connection and process; cheap to rebind."""

    connection: str
    settings: Mapping[str, Any]  # validated against the manifest
    secrets: Mapping[str, str]
    http: Http
    tokens: TokenStore
    now: Callable[[], datetime]  # aware UTC; only for things like a JWT's iat, never for leases
    unique: Callable[[], str]  # a fresh random id (JWT jti and the like)
    stopwatch: Callable[[], float] = time.monotonic  # seconds; for how long something took

    def through(self, http: Http) -> "Line":
        """The same line through another door (a ``Recording``)."""
        return msgspec.structs.replace(self, http=http)
