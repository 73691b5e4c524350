"""The real door: one shared aiohttp session per process.

What decides everything after a failure is whether bytes may have left. aiohttp raises its connector errors and
``ConnectionTimeoutError`` only before a connection is handed to the request, so those are ``NotSent``; whatever
comes later is ``AnswerLost``, also on a reused connection that the other side had just closed: nobody can know.
"""

from collections.abc import Mapping

import aiohttp

from crossdock.kit.http import AnswerLost, NotSent, Response

MEBIBYTE = 1024 * 1024

_BEFORE_ANY_BYTE = (
    aiohttp.ClientConnectorError,  # refused, DNS, TLS handshake
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.ConnectionTimeoutError,  # no connection, or no free one, in time
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)


class AiohttpDoor:
    """``kit.http.Http`` over sockets. Never retries, never follows redirects, keeps no cookies.

    Open it inside the running loop and ``close()`` it, or use ``async with``.

    ``connections`` bounds the sockets of the process, ``per_host`` those to one host (0: no bound of its own).
    ``connect_s`` bounds waiting for a free connection, DNS, TCP and TLS together; ``read_s`` bounds the silence
    between two pieces of an answer; a call's own ``timeout_s`` bounds the whole. ``keepalive_s`` stays below what
    vendors' gateways use, so that a connection is rarely closed under a request. An answer longer than
    ``max_body`` bytes (after decompression) is cut off and counts as lost.
    """

    def __init__(
        self,
        *,
        connections: int = 200,
        per_host: int = 0,
        connect_s: float = 10.0,
        read_s: float = 60.0,
        keepalive_s: float = 15.0,
        max_body: int = 16 * MEBIBYTE,
        user_agent: str = "Crossdock",
    ) -> None:
        self._connect_s = connect_s
        self._read_s = read_s
        self._max_body = max_body
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, limit_per_host=per_host, keepalive_timeout=keepalive_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": user_agent},
        )
        # aiohttp repeats idempotent methods on a dropped connection by itself; whether to repeat is the engine's to
        # say, and a refused second try would hide that the first one left.
        self._session._retry_connection = False

    async def __aenter__(self) -> "AiohttpDoor":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; calls in flight lose their answer."""
        await self._session.close()

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
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                timeout=self._timeout(timeout_s),
            ) as answer:
                return Response(
                    answer.status,
                    {name.lower(): value for name, value in answer.headers.items()},
                    await self._read(answer),
                )
        except _BEFORE_ANY_BYTE as error:
            raise NotSent(_said(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AnswerLost(_said(error)) from error

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in answer.content.iter_any():
            size += len(piece)
            if size > self._max_body:
                answer.close()
                raise AnswerLost(f"the answer is longer than {self._max_body} bytes")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _timeout(self, total_s: float) -> aiohttp.ClientTimeout:
        timeout = self._timeouts.get(total_s)
        if timeout is None:
            # The time for connecting ends before the whole time does: only then is it known that nothing was sent.
            # Each bound is a timer of some microseconds: the one for silence is set only where it is the shorter one.
            connect_s = min(self._connect_s, total_s * 0.8)
            read_s = self._read_s if self._read_s < total_s else None
            timeout = aiohttp.ClientTimeout(total=total_s, connect=connect_s, sock_read=read_s)
            self._timeouts[total_s] = timeout
        return timeout


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
