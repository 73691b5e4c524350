"""HTTP to and from ``Intake``: RSGI, which Granian serves at half of ASGI's cost, and plain ASGI for any other host."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol

from crossdock.engine.world import World
from crossdock.intake.app import CLOSE, Answered, Intake, Limits
from crossdock.intake.patience import Patience, TooSlow
from crossdock.intake.problems import Answer, answer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Body(Protocol):
    """How the rest of a request is read; yields nothing more once the body is whole."""

    def whole(self) -> Awaitable[bytes]: ...
    def chunks(self) -> Any: ...


class IntakeApp:
    """The application: callable as ASGI, and as RSGI through ``__rsgi__``.

    ``stop()`` makes it refuse; ``drain()`` returns when everything taken is durable and answered.
    """

    def __init__(self, world: World, limits: Limits | None = None) -> None:
        self._intake = Intake(world, limits or Limits())
        self._patience = Patience(self._intake.limits.body_timeout_s)

    def stop(self) -> None:
        """Refuse new messages with 503 from now on."""
        self._intake.stopping = True

    async def drain(self) -> None:
        """Return when every message that was taken is durable and answered."""
        await self._intake.drain()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request over ASGI."""
        if scope["type"] != "http":
            raise TypeError(f"intake serves HTTP, not {scope['type']}")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        peer = (scope.get("client") or ("",))[0]
        query = scope.get("query_string", b"").decode("latin-1")
        where = (scope["method"], scope["path"], query)
        status, fields, body = await self._serve(where, peer, headers, _AsgiBody(receive))
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        encoded.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Serve one request over RSGI."""
        peer = scope.client.rpartition(":")[0].strip("[]")
        headers = dict(scope.headers.items())
        where = (scope.method, scope.path, scope.query_string)
        protocol.response_bytes(*await self._serve(where, peer, headers, _RsgiBody(protocol)))

    async def _serve(self, where: tuple[str, str, str], peer: str, headers: Mapping[str, str], body: _Body) -> Answer:
        intake = self._intake
        method, path, query = where
        if query and (greeting := intake.greeted(path, query)) is not None:
            return greeting
        try:
            door = intake.door(method, path)
        except Answered as elsewhere:
            return elsewhere.reply
        started = intake.now()
        try:
            intake.admit(door, peer, headers)
            reply = await intake.take(door, headers, await self._read(headers, body))
        except Answered as refused:
            intake.count(door, refused.result)
            reply = refused.reply
        intake.time(door, intake.now() - started)
        return reply

    async def _read(self, headers: Mapping[str, str], body: _Body) -> bytes:
        """The whole body. One without a stated length (stated ones are within the limit) is counted as it comes: beside
        a transfer coding a stated length says nothing (RFC 9112, 6.3)."""
        stated = "content-length" in headers and "transfer-encoding" not in headers
        try:
            return await self._patience.wait(body.whole() if stated else self._counted(body))
        except TooSlow:
            raise Answered("error", answer("slow_body", extra=(CLOSE,))) from None

    async def _counted(self, body: _Body) -> bytes:
        parts, size = [], 0
        async for part in body.chunks():
            parts.append(part)
            size += len(part)
            if size > self._intake.limits.max_body_bytes:
                raise self._intake.too_large()
        return b"".join(parts)


class _RsgiBody:
    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def whole(self) -> Awaitable[bytes]:
        body: Awaitable[bytes] = self._protocol()
        return body

    def chunks(self) -> Any:
        return self._protocol


class _AsgiBody:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    async def whole(self) -> bytes:
        return b"".join([part async for part in self.chunks()])

    async def chunks(self) -> Any:
        more = True
        while more:
            event = await self._receive()
            if event["type"] != "http.request":
                raise Answered("error", answer("slow_body", "The sender went away before its body was whole."))
            more = event.get("more_body", False)
            yield event.get("body", b"")


__all__ = ["IntakeApp", "Limits"]
