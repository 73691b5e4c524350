"""The real door: HTTP/1.1 over TCP and TLS, with one pool of connections per process.

What decides everything after a failure is whether bytes may have left. That is why this door is ours: it knows.
Until a request is handed to its connection every failure is ``NotSent``; from then on every one is ``AnswerLost``,
also on a reused connection that the other side had just closed: nobody can know. There is no retry to switch off.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from aiohappyeyeballs import start_connection

from crossdock.kit.answers import AnswerReader
from crossdock.kit.http import NotSent, Response
from crossdock.kit.sockets import Connection

MEBIBYTE = 1024 * 1024

_ADDRESS = re.compile(r"((?i:https?)://[^/?#@\s]+)((?:[/?][!-\"$-~]*)?)(?:#.*)?")
_ASCII = "".join(chr(code) for code in range(0x21, 0x7F))
_WITH_BODY = ("POST", "PUT", "PATCH")
_SECOND_ADDRESS_S = 0.25  # a host with a dead address is reached by another one (RFC 8305)
_DEFAULTS = {"accept": "Accept: */*\r\n", "accept-encoding": "Accept-Encoding: gzip, deflate\r\n"}


class _Origin:
    """A system at its address, and the unused connections to it, the longest unused one first."""

    def __init__(self, start: str) -> None:
        parts = urlsplit(start)
        self.host = parts.hostname or ""
        self.tls = parts.scheme == "https"
        self.port = parts.port or (443 if self.tls else 80)
        self.name = start.partition("://")[2]  # as in the Host header
        self.idle: list[Connection] = []
        self.added: dict[tuple[str, ...], str] = {}  # header lines of ours, by the names of the caller's


class Door:
    """``kit.http.Http`` over sockets. Never retries, never follows redirects, keeps no cookies, uses no proxy.

    Use it inside one running loop and ``close()`` it, or use ``async with``.

    ``connections`` bounds the sockets of the process. ``connect_s`` bounds waiting for a free one, DNS, TCP and TLS
    together; a call's own ``timeout_s`` bounds the whole. ``keepalive_s`` stays below what vendors' gateways use, so
    that a connection is rarely closed under a request. An answer longer than ``max_body`` bytes (also after
    decompression) counts as lost. Certificates are verified against the system's authorities unless ``tls`` says
    otherwise.
    """

    def __init__(
        self,
        *,
        connections: int = 200,
        connect_s: float = 10.0,
        keepalive_s: float = 15.0,
        max_body: int = 16 * MEBIBYTE,
        user_agent: str = "Crossdock",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._most = connections
        self._connect_s = connect_s
        self._keepalive_s = keepalive_s
        self._max_body = max_body
        self._defaults = {**_DEFAULTS, "user-agent": f"User-Agent: {user_agent}\r\n"}
        self._tls = tls
        self._places = asyncio.Semaphore(connections)
        self._calls = 0
        self._origins: dict[str, _Origin] = {}
        self._open: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def __aenter__(self) -> "Door":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; calls in flight lose their answer."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        left = list(self._open)
        for connection in left:
            connection.close()
        if left:
            await asyncio.wait([connection.closed for connection in left], timeout=2.0)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float = 30.0,
    ) -> Response:
        """One request, one answer. Raises ``NotSent`` or ``AnswerLost`` (``kit.http``); a redirect is an answer."""
        origin, target = self._addressed(url)
        request = self._written(method, origin, target, headers, body)
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout_s
        # The time for connecting ends before the whole time does: only then is it known that nothing was sent.
        connection = await self._connected(origin, min(self._connect_s, timeout_s * 0.8))
        try:
            answer = connection.send(request, AnswerReader(method, self._max_body))
            timer = loop.call_at(ends, connection.give_up, f"no answer in {timeout_s:g} s")
            try:
                return await answer
            finally:
                timer.cancel()
        finally:
            self._give_back(origin, connection)

    def _addressed(self, url: str) -> tuple[_Origin, str]:
        """Where to, and what to ask for there. Raises ``NotSent``."""
        found = _ADDRESS.fullmatch(url) or _ADDRESS.fullmatch(quote(url, safe=_ASCII))
        if found is None:
            raise NotSent("the address is no HTTP URL without credentials in it")
        start, target = found[1], found[2]
        origin = self._origins.get(start)
        if origin is None:
            try:
                origin = self._origins[start] = _Origin(start)
            except ValueError as error:
                raise NotSent(f"the address is no HTTP URL: {error}") from error
        return origin, target if target.startswith("/") else f"/{target}"

    def _written(self, method: str, origin: _Origin, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """The request as it leaves. Raises ``NotSent`` for a header that would be two."""
        names = tuple(headers)
        added = origin.added.get(names)
        if added is None:
            given = {name.lower() for name in names}
            ours = [line for name, line in self._defaults.items() if name not in given]
            added = origin.added[names] = f"Host: {origin.name}\r\n{''.join(ours)}"
        theirs = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if theirs.count("\n") != len(names) or theirs.count("\r") != len(names) or "\0" in theirs:
            raise NotSent("a header has a line break in it")
        length = f"Content-Length: {len(body)}\r\n" if body or method in _WITH_BODY else ""
        try:
            head = f"{method} {target} HTTP/1.1\r\n{added}{theirs}{length}\r\n".encode("latin-1")
        except UnicodeEncodeError as error:
            raise NotSent(f"a header cannot be sent: {error.reason}") from error
        return head + body

    async def _connected(self, origin: _Origin, within_s: float) -> Connection:
        """A connection, and a place among the calls. Raises ``NotSent``."""
        if self._closed:
            raise NotSent("the door is closed")
        if not self._places.locked() and (connection := self._unused(origin)) is not None:
            await self._places.acquire()  # there is one: nothing to wait for, so no timer either
            self._calls += 1
            return connection
        try:
            async with asyncio.timeout(within_s):
                await self._places.acquire()
                self._calls += 1
                try:
                    return self._unused(origin) or await self._opened(origin)
                except BaseException:
                    self._leave()
                    raise
        except TimeoutError as error:
            raise NotSent(f"no connection in {within_s:g} s") from error
        except (OSError, ValueError) as error:  # refused, DNS, TLS
            raise NotSent(f"{type(error).__name__}: {error}") from error

    def _leave(self) -> None:
        self._calls -= 1
        self._places.release()

    async def _opened(self, origin: _Origin) -> Connection:
        loop = asyncio.get_running_loop()
        self._make_room()
        found = await loop.getaddrinfo(origin.host, origin.port, type=1)
        socket = await start_connection(found, happy_eyeballs_delay=_SECOND_ADDRESS_S, loop=loop)
        tls = self._context() if origin.tls else None
        _, connection = await loop.create_connection(
            Connection, sock=socket, ssl=tls, server_hostname=origin.host if tls else None
        )
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._open.discard(connection))
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _unused(self, origin: _Origin) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - self._keepalive_s
        while origin.idle:
            connection = origin.idle.pop()
            if connection.usable and connection.idle_since >= oldest:
                return connection
            connection.close()
        return None

    def _make_room(self) -> None:
        """Sockets in use and unused ones together stay within the bound."""
        unused = [origin.idle for origin in self._origins.values() if origin.idle]
        if unused and self._calls + sum(map(len, unused)) > self._most:
            min(unused, key=lambda idle: idle[0].idle_since).pop(0).close()

    def _give_back(self, origin: _Origin, connection: Connection) -> None:
        self._leave()
        if not connection.usable or self._closed:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        origin.idle.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._keepalive_s, self._close_unused)

    def _close_unused(self) -> None:
        """Close what nobody has used for ``keepalive_s``."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._keepalive_s
        for origin in self._origins.values():
            while origin.idle and (origin.idle[0].idle_since <= oldest or not origin.idle[0].usable):
                origin.idle.pop(0).close()
        waiting = any(origin.idle for origin in self._origins.values())
        self._sweep = loop.call_later(self._keepalive_s, self._close_unused) if waiting else None
