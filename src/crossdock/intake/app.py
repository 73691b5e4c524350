"""The hot path: a webhook is verified, identified, made durable, answered. Nothing stands between it and the bytes.

In order: size and type, source limit, signature, structure of the JSON, identity, durable, 2xx. Whatever fails first
is the answer, and nothing was stored. ``doorway.py`` speaks HTTP to it.
"""

from collections.abc import Mapping
from ipaddress import ip_network
from urllib.parse import parse_qsl

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

CLOSE = ("connection", "close")
LONGEST_GREETING = 500


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


class Answered(Exception):
    """The request is settled with an error answer. ``result`` is the metric's label."""

    def __init__(self, result: str, reply: Answer) -> None:
        super().__init__(result)
        self.result, self.reply = result, reply
        self.by_design = reply[0] < 500  # a refusal is no error of ours: spans say so


def doors(links: Mapping[str, Linked]) -> dict[str, Door]:
    """The addresses that take webhooks, by path: ``/in/<system>/<connection>``."""
    found = {}
    for link in links.values():
        if (webhook := link.connector.webhook) is not None:
            path = f"/in/{link.connector.manifest.system}/{link.name}"
            secrets = tuple(value for name in webhook.secret_settings if (value := link.line.secrets.get(name)))
            found[path] = Door(link.name, path, webhook, secrets)
    return found


class Intake:
    """What happens to a webhook between its bytes and its answer, whoever speaks HTTP."""

    def __init__(self, world: World, limits: Limits) -> None:
        self.limits = limits
        self.stopping = False
        self._world, self._signals = world, world.signals
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

    async def drain(self) -> None:
        """Return when every message that was taken is durable and answered."""
        await self._commits.drain()

    def greeted(self, path: str, query: str) -> Answer | None:
        """The answer to a vendor that asks, before it sends, whether somebody is here; None for every other request.

        What is said back is text of the sender's, so it is bounded, printable, and never taken for a page.
        """
        door = self._doors.get(path)
        if door is None or door.webhook.greeting is None:
            return None
        try:
            told = dict(parse_qsl(query, max_num_fields=20)).get(door.webhook.greeting, "")
        except ValueError:
            return None
        if not told or len(told) > LONGEST_GREETING or not told.isprintable():
            return None
        return (
            200,
            [("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")],
            told.encode(),
        )

    def door(self, method: str, path: str) -> Door:
        """The door a request stands at. Raises ``Answered`` when there is none."""
        door = self._doors.get(path)
        if door is not None and method == "POST":
            return door
        raise Answered("elsewhere", self._elsewhere(path, door))

    def _elsewhere(self, path: str, door: Door | None) -> Answer:
        """The answer for anything that is not a webhook for a known door."""
        if door is not None:
            return answer("method_not_allowed", extra=(("allow", "POST"),))
        if path == "/healthz":
            return answer("stopping") if self.stopping else _ok(b'{"status":"ok"}')
        if path.startswith("/in/"):
            self._signals.add("crossdock.ingest.requests", channel="", result="unknown_connection")
            return answer("unknown_connection", f"No connection takes webhooks at {path[:200]}.", extra=(CLOSE,))
        return answer("not_found", extra=(CLOSE,))

    def admit(self, door: Door, peer: str, headers: Mapping[str, str]) -> None:
        """Refuse what can be refused without its body. Raises ``Answered``."""
        if self.stopping:
            raise Answered("stopping", answer("stopping", extra=(CLOSE,)))
        source = source_of(peer, headers, self._proxies) if self._proxies else peer
        if not self._sources.take(source):
            raise Answered("rate_limited", answer("rate_limited", extra=(CLOSE,)))
        if not door.secrets:
            raise Answered("error", answer("no_secret", f"Connection {door.connection} has no webhook secret."))
        length = headers.get("content-length", "0")
        if not length.isdigit() or len(length) > 15 or int(length) > self.limits.max_body_bytes:
            raise self.too_large()
        media = headers.get("content-type", "application/json")
        if media != "application/json" and not _is_json(media):
            raise Answered("unsupported", answer("content_type", f"Got {media[:100]!r}.", extra=(CLOSE,)))
        if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise Answered("unsupported", answer("content_encoding", extra=(CLOSE,)))

    def too_large(self) -> Answered:
        """The answer to a body that is, or grows, over the limit."""
        detail = f"More than {self.limits.max_body_bytes} bytes are not taken."
        return Answered("too_large", answer("too_large", detail, extra=(CLOSE,)))

    async def take(self, door: Door, headers: Mapping[str, str], body: bytes) -> Answer:
        """Verify, identify and store one whole body; return when it is durable. Raises ``Answered``."""
        given = headers.get("traceparent", "")
        parent = given if given and is_traceparent(given) else ""
        with self._signals.span(
            f"POST {door.path}", kind="server", parent=parent, attributes={"crossdock.connection": door.connection}
        ) as span:
            identity = self._identify(door, headers, body)
            trace = span.traceparent or parent or new_trace(self._world.random)
            receipt = await self._store(_arrival(door, identity, body, trace))
            span.set(**{"crossdock.dedup": "dup" if receipt.duplicate else "new"})
        self._signals.record("crossdock.ingest.payload.size", len(body), channel=door.connection)
        if receipt.duplicate:
            self._signals.add("crossdock.duplicates.prevented", where="webhook")
        self.count(door, "duplicate" if receipt.duplicate else "accepted")
        return _accepted(receipt)

    def count(self, door: Door, result: str) -> None:
        """Count one answered request."""
        self._signals.add("crossdock.ingest.requests", channel=door.connection, result=result)

    def time(self, door: Door, seconds: float) -> None:
        """Record how long an answer took."""
        self._signals.record("crossdock.ingest.ack.duration", seconds, channel=door.connection)

    def now(self) -> float:
        """The process's stopwatch."""
        return self._world.stopwatch()

    def _identify(self, door: Door, headers: Mapping[str, str], body: bytes) -> Identity:
        """Signature first: bytes of unproven origin are never parsed."""
        try:
            door.webhook.verify(headers, body, door.secrets)
            check_json(body)
            return _bounded(door.webhook.identify(door.connection, headers, body))
        except BadBody as bad:
            self._signals.log.warning("webhook.bad_body", connection=door.connection, code=bad.code, size=len(body))
            raise Answered("bad_body", answer(bad.code, bad.detail)) from None
        except Refused as refused:
            result = "rejected_sig" if refused.status in (401, 403) else "unidentified"
            self._signals.log.warning("webhook.refused", connection=door.connection, code=refused.code)
            raise Answered(result, refusal(refused.code, refused.detail, refused.status)) from None
        except Exception as error:
            self._signals.log.error("webhook.failed", connection=door.connection, error=error)
            raise Answered("error", answer("internal")) from error

    async def _store(self, arrival: Arrival) -> Receipt:
        try:
            return await self._commits.commit(arrival)
        except Overloaded as error:
            raise Answered("overloaded", answer("overloaded", str(error))) from None
        except StoreUnavailable as error:
            self._signals.log.error("webhook.not_stored", connection=arrival.connection, error=error)
            raise Answered("error", answer("store_unavailable")) from error
        except Exception as error:
            self._signals.log.error("webhook.failed", connection=arrival.connection, error=error)
            raise Answered("error", answer("internal")) from error


def _is_json(media: str) -> bool:
    bare = media.partition(";")[0].strip().lower()
    return bare == "application/json" or bare.endswith("+json")


def _bounded(identity: Identity) -> Identity:
    """Refuse what the store's keys cannot hold."""
    _fits("delivery id", identity.delivery_id, 500)
    _fits("topic", identity.topic, 200)
    _fits("stream kind", identity.stream_kind, 40)
    _fits("stream key", identity.stream_key, 200)
    for content_id in identity.also_ids:
        _fits("content id", content_id, 500)
    return identity


def _fits(name: str, text: str, longest: int) -> None:
    if not text or len(text) > longest or "\0" in text:
        raise Refused("not_identified", f"The {name} is empty, longer than {longest} characters, or has NUL.", 400)


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
    return status, [("content-type", "application/json")], body
