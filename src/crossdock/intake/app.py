"""The hot path: a webhook is verified, identified, made durable, answered. Plain ASGI, nothing between it and the bytes.

In order: size and type, source limit, signature, structure of the JSON, identity, durable, 2xx. Whatever fails first
is the answer, and nothing was stored. Measured: see ``benchmarks/``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from ipaddress import ip_network
from typing import Any

import msgspec

from crossdock.domain.decision import StreamRef
from crossdock.engine.world import Linked, World
from crossdock.intake.group_commit import GroupCommitter, Overloaded
from crossdock.intake.guard import BadBody, check_json
from crossdock.intake.problems import Answer, answer, refusal
from crossdock.intake.sources import SourceLimit, source_of
from crossdock.kit.manifest import Identity, Refused, Webhook
from crossdock.observe.trace import is_traceparent, new_trace
from crossdock.store.protocol import Arrival, Receipt, StoreUnavailable

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What intake takes before it refuses. ``trusted_proxies``: networks whose X-Forwarded-For is believed."""

    max_body_bytes: int = 1_000_000
    body_timeout_s: float = 10.0
    source_rate_per_s: float = 20_000.0
    source_burst: float = 40_000.0
    group_largest: int = 300
    commits_in_flight: int = 2
    waiting_bound: int = 5_000
    trusted_proxies: tuple[str, ...] = ()


class Door(msgspec.Struct, frozen=True):
    """One connection that takes webhooks."""

    connection: str
    path: str
    webhook: Webhook
    secrets: tuple[str, ...]  # the current one first


class _Answered(Exception):
    """The request is settled with an error answer."""

    def __init__(self, result: str, reply: Answer) -> None:
        super().__init__(result)
        self.result, self.reply = result, reply


def doors(links: Mapping[str, Linked]) -> dict[str, Door]:
    """The addresses that take webhooks, by path: ``/in/<system>/<connection>``."""
    found = {}
    for link in links.values():
        if (webhook := link.connector.webhook) is not None:
            path = f"/in/{link.connector.manifest.system}/{link.name}"
            secrets = tuple(value for name in webhook.secret_settings if (value := link.line.secrets.get(name)))
            found[path] = Door(link.name, path, webhook, secrets)
    return found


class IntakeApp:
    """The ASGI application. ``stop()`` makes it refuse; ``drain()`` returns when everything taken is answered."""

    def __init__(self, world: World, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._world, self._limits, self._signals = world, limits, world.signals
        self._doors = doors(world.links)
        self._proxies = [ip_network(text) for text in limits.trusted_proxies]
        self._sources = SourceLimit(limits.source_rate_per_s, limits.source_burst, world.stopwatch)
        self._commits = GroupCommitter(
            world.store,
            world.signals,
            largest=limits.group_largest,
            in_flight=limits.commits_in_flight,
            bound=limits.waiting_bound,
        )
        self._stopping = False

    def stop(self) -> None:
        """Refuse new messages with 503 from now on."""
        self._stopping = True

    async def drain(self) -> None:
        """Return when every message that was taken is durable and answered."""
        await self._commits.drain()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise TypeError(f"intake serves HTTP, not {scope['type']}")
        door = self._doors.get(scope["path"])
        if door is None or scope["method"] != "POST":
            await _send(send, self._elsewhere(scope, door))
            return
        started = self._world.stopwatch()
        try:
            receipt = await self._take(door, scope, receive)
        except _Answered as refused:
            result, reply = refused.result, refused.reply
        else:
            result = "duplicate" if receipt.duplicate else "accepted"
            reply = _accepted(receipt)
        await _send(send, reply)
        self._signals.add("crossdock.ingest.requests", channel=door.connection, result=result)
        self._signals.record(
            "crossdock.ingest.ack.duration", self._world.stopwatch() - started, channel=door.connection
        )

    def _elsewhere(self, scope: Scope, door: Door | None) -> Answer:
        """The answer for anything that is not a webhook for a known door."""
        path = scope["path"]
        if door is not None:
            return answer("method_not_allowed", extra=((b"allow", b"POST"),))
        if path == "/healthz":
            return answer("stopping") if self._stopping else _ok(b'{"status":"ok"}')
        if path.startswith("/in/"):
            self._signals.add("crossdock.ingest.requests", channel="", result="unknown_connection")
            return answer("unknown_connection", f"No connection takes webhooks at {path[:200]}.", extra=(_CLOSE,))
        return answer("not_found", extra=(_CLOSE,))

    async def _take(self, door: Door, scope: Scope, receive: Receive) -> Receipt:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._admit(door, scope, headers)
        body = await self._read(headers, receive)
        with self._signals.span(
            f"POST {door.path}", kind="server", parent=_continued(headers), attributes={"crossdock.connection": door.connection}
        ) as span:
            identity = self._identify(door, headers, body)
            trace = span.traceparent or _continued(headers) or new_trace(self._world.random)
            receipt = await self._store(_arrival(door, identity, body, trace))
            span.set(**{"crossdock.dedup": "dup" if receipt.duplicate else "new"})
        self._signals.record("crossdock.ingest.payload.size", len(body), channel=door.connection)
        return receipt

    def _admit(self, door: Door, scope: Scope, headers: Mapping[str, str]) -> None:
        """What can be refused without the body."""
        if self._stopping:
            raise _Answered("stopping", answer("stopping", extra=(_CLOSE,)))
        client = scope.get("client")
        if not self._sources.take(source_of(client[0] if client else "", headers, self._proxies)):
            raise _Answered("rate_limited", answer("rate_limited", extra=(_CLOSE,)))
        if not door.secrets:
            raise _Answered("error", answer("no_secret", f"Connection {door.connection} has no webhook secret."))
        length = headers.get("content-length", "0")
        if not length.isdigit() or len(length) > 15 or int(length) > self._limits.max_body_bytes:
            raise self._too_large()
        media = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if media != "application/json" and not media.endswith("+json"):
            raise _Answered("unsupported", answer("content_type", f"Got {media[:100]!r}.", extra=(_CLOSE,)))
        if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise _Answered("unsupported", answer("content_encoding", extra=(_CLOSE,)))

    async def _read(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        """The whole body, never holding more than the limit."""
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                event = await receive()
                body: bytes = event.get("body", b"")
                if not event.get("more_body") and event["type"] == "http.request" and self._fits(len(body)):
                    return body
                chunks, size = [body], len(body)
                while event.get("more_body") and self._fits(size):
                    event = await receive()
                    chunks.append(event.get("body", b""))
                    size += len(chunks[-1])
        except TimeoutError:
            raise _Answered("error", answer("slow_body", extra=(_CLOSE,))) from None
        if event["type"] != "http.request":
            raise _Answered("error", answer("slow_body", "The sender went away before the body was whole.")) from None
        if not self._fits(size):
            raise self._too_large()
        return b"".join(chunks)

    def _fits(self, size: int) -> bool:
        return size <= self._limits.max_body_bytes

    def _too_large(self) -> _Answered:
        detail = f"More than {self._limits.max_body_bytes} bytes are not taken."
        return _Answered("too_large", answer("too_large", detail, extra=(_CLOSE,)))

    def _identify(self, door: Door, headers: Mapping[str, str], body: bytes) -> Identity:
        """Signature first: bytes of unproven origin are never parsed."""
        try:
            door.webhook.verify(headers, body, door.secrets)
            check_json(body)
            return _bounded(door.webhook.identify(door.connection, headers, body))
        except BadBody as bad:
            self._signals.log.warning("webhook.bad_body", connection=door.connection, code=bad.code, size=len(body))
            raise _Answered("bad_body", answer(bad.code, bad.detail)) from None
        except Refused as refused:
            result = "rejected_sig" if refused.status in (401, 403) else "unidentified"
            self._signals.log.warning("webhook.refused", connection=door.connection, code=refused.code)
            raise _Answered(result, refusal(refused.code, refused.detail, refused.status)) from None
        except Exception as error:
            self._signals.log.error("webhook.failed", connection=door.connection, error=error)
            raise _Answered("error", answer("internal")) from error

    async def _store(self, arrival: Arrival) -> Receipt:
        try:
            return await self._commits.commit(arrival)
        except Overloaded as error:
            raise _Answered("overloaded", answer("overloaded", str(error))) from None
        except StoreUnavailable as error:
            self._signals.log.error("webhook.not_stored", connection=arrival.connection, error=error)
            raise _Answered("error", answer("store_unavailable")) from error
        except Exception as error:
            self._signals.log.error("webhook.failed", connection=arrival.connection, error=error)
            raise _Answered("error", answer("internal")) from error


def _continued(headers: Mapping[str, str]) -> str:
    """The sender's traceparent, when it sent a proper one."""
    given = headers.get("traceparent", "")
    return given if given and is_traceparent(given) else ""


def _bounded(identity: Identity) -> Identity:
    """Refuse what the store's keys cannot hold."""
    for name, text, longest in (
        ("delivery id", identity.delivery_id, 500),
        ("topic", identity.topic, 200),
        ("stream kind", identity.stream_kind, 40),
        ("stream key", identity.stream_key, 200),
        *(("content id", text, 500) for text in identity.also_ids),
    ):
        if not text or len(text) > longest or "\0" in text:
            raise Refused("not_identified", f"The {name} is empty, longer than {longest} characters, or has NUL.", 400)
    return identity


def _arrival(door: Door, identity: Identity, body: bytes, trace: str) -> Arrival:
    return Arrival(
        connection=door.connection,
        delivery_id=identity.delivery_id,
        source="webhook",
        topic=identity.topic,
        stream=StreamRef(identity.stream_kind, identity.stream_key),
        body=body,
        headers=identity.headers,
        trace=trace,
        also_ids=identity.also_ids,
    )


def _accepted(receipt: Receipt) -> Answer:
    if receipt.message_id is None:
        return _ok(b'{"status":"duplicate"}')
    return _ok(b'{"status":"accepted","message":%d}' % receipt.message_id, 202)


def _ok(body: bytes, status: int = 200) -> Answer:
    return status, [_JSON, (b"content-length", b"%d" % len(body))], body


async def _send(send: Send, reply: Answer) -> None:
    status, headers, body = reply
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
