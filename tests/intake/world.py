"""What intake's tests share: a made-up system that signs its webhooks, and a store that keeps what it is given."""

import asyncio
import hmac
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from crossdock.engine.world import Linked, World
from crossdock.intake.polls import OWNERSHIP
from crossdock.kit.http import Line
from crossdock.kit.manifest import Connector, Identity, Manifest, Page, Poll, Quota, Refused, Setting, Webhook
from crossdock.observe.signals import Silence
from crossdock.store.protocol import Arrival, ConnectionRow, Grant, Receipt, StoreUnavailable

SECRETS = {"secret": "current", "previous": "former"}
PATH = "/in/tradepost/north"


class Subject(msgspec.Struct):
    id: int


def sign(body: bytes, secret: str = "current") -> str:
    return hmac.digest(secret.encode(), body, "sha256").hex()


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    told = headers.get("x-signature", "")
    if not any(hmac.compare_digest(sign(body, secret), told) for secret in secrets):
        raise Refused("signature", "The signature fits none of the active secrets.")


def identify(connection: str, headers: Mapping[str, str], body: bytes) -> Identity:
    try:
        subject = msgspec.json.decode(body, type=Subject)
        return Identity(headers["x-delivery"], headers["x-topic"], "order", f"{connection}-{subject.id}")
    except (KeyError, msgspec.ValidationError) as error:
        raise Refused("not_identified", f"Not named: {error}", 400) from error


def connector(polls: Mapping[str, Poll] | None = None, quota: Quota | None = None) -> Connector:
    manifest = Manifest(
        system="tradepost",
        title="Tradepost",
        role="channel",
        api_version="1",
        settings=(Setting("secret", "Secret", secret=True),),
        mapping_version="1",
        topics={"order/new": "order_seen"},
        quota=quota or Quota(),
    )
    return Connector(
        manifest=manifest,
        open=lambda line: line,
        translate=lambda *_: [],
        polls=polls or {},
        webhook=Webhook(verify, identify, ("secret", "previous")),
    )


class NoTokens:
    async def get(self, name: str, refresh: Any) -> str:
        raise AssertionError(name)

    def forget(self, name: str) -> None: ...


class NoHttp:
    async def request(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("no calls in these tests")


class KeepingStore:
    """As much of a ``Store`` as intake uses, in memory. ``gate``: commits wait for it; ``away``: nothing answers."""

    def __init__(self) -> None:
        self.kept: list[Arrival] = []
        self.groups: list[int] = []
        self.wakes = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.away = False
        self.refuse: set[str] = set()
        self.cursors: dict[tuple[str, str], str] = {}
        self.masters: dict[tuple[str, str], dict[str, bytes]] = {}
        self.listed: list[tuple[str, str]] = []
        self.looked: list[list[str] | None] = []  # keys that waiting orders were told about; None: all that was missed
        self.waiting = 0  # how many orders still wait for whatever comes
        self.rows = {"north": ConnectionRow(1, "north", "tradepost", False, None, "closed", None, 0)}
        self.owner: str | None = None
        self.booked = 0
        self.looked_by: set[str] = set()
        self.rests: dict[str, float] = {}  # how long each is still to be left alone
        self.paused: dict[str, str | None] = {}

    async def accept(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        self.groups.append(len(arrivals))
        await self.gate.wait()
        if self.away:
            raise StoreUnavailable("the database is away")
        if bad := [arrival.delivery_id for arrival in arrivals if arrival.delivery_id in self.refuse]:
            raise ValueError(f"cannot store {bad}")
        return [self._keep(arrival) for arrival in arrivals]

    def _keep(self, arrival: Arrival) -> Receipt:
        if any(arrival.delivery_id == one.delivery_id for one in self.kept):
            return Receipt(None)
        self.kept.append(arrival)
        return Receipt(len(self.kept))

    async def wake(self, channel: str) -> None:
        assert channel == "decide"
        self.wakes += 1

    async def cursor(self, connection: str, name: str) -> str | None:
        return self.cursors.get((connection, name))

    async def save_cursor(self, connection: str, name: str, value: str) -> None:
        self.cursors[connection, name] = value

    async def save_masters(self, connection: str, kind: str, rows: Sequence[tuple[str, bytes]]) -> None:
        self.masters.setdefault((connection, kind), {}).update(rows)

    async def save_customers(self, connection: str, rows: Sequence[tuple[str, str, bytes]]) -> None:
        self.masters.setdefault((connection, "customer"), {}).update({key: body for key, _, body in rows})

    async def note_listed(self, connection: str, kind: str) -> None:
        self.listed.append((connection, kind))

    async def look_again(
        self, connection: str, kind: str, keys: Sequence[str] | None, limit: int, trace: str = ""
    ) -> int:
        self.looked.append(None if keys is None else list(keys))
        self.looked_by.add(trace)
        woken = min(self.waiting, limit)
        self.waiting -= woken
        return woken

    async def connections(self) -> dict[str, ConnectionRow]:
        return self.rows

    async def pause(self, connection: str, reason: str | None) -> None:
        self.paused[connection] = reason

    async def acquire_slots(
        self, account: str, worker: str, want: int, limit: int, lease_s: float, **turns: str
    ) -> int:
        if account != OWNERSHIP:
            return want
        if self.owner in (None, worker):
            self.owner = worker
            return 1
        return 0

    async def release_slots(self, account: str, worker: str) -> None:
        if account == OWNERSHIP and self.owner == worker:
            self.owner = None

    async def rest(self, account: str, for_s: float) -> None:
        self.rests[account] = for_s

    async def resting_s(self, account: str) -> float:
        return self.rests.get(account, 0.0)

    async def book(self, account: str, units: int, rate_per_s: float, burst: float) -> Grant:
        self.booked += units
        return Grant(units, 0.0)


def world(store: Any, polls: Mapping[str, Poll] | None = None, **changes: Any) -> World:
    line = Line("north", {}, SECRETS, NoHttp(), NoTokens(), lambda: datetime.now(UTC), lambda: "unique")
    parts: dict[str, Any] = {
        "store": store,
        "links": {"north": Linked("north", connector(polls, changes.pop("quota", None)), line)},
        "deciders": {},
        "policies": {},
        "holds": lambda _order: [],
        "signals": Silence(),
        "random": random.Random(7),
        "stopwatch": time.monotonic,
        "worker": "w1",
    }
    return World(**{**parts, **changes})


def page(*ids: int, cursor: str, more: bool = False, **masters: Any) -> Page:
    from crossdock.kit.manifest import Found

    found = tuple(Found(f"content-{i}", "order/polled", "order", f"north-{i}", b'{"id":%d}' % i) for i in ids)
    return Page(found, cursor, more, **masters)


async def until(met: Any, limit_s: float = 10.0) -> None:
    """Wait until ``met()`` is true, or fail after ``limit_s``."""
    async with asyncio.timeout(limit_s):
        while not met():
            await asyncio.sleep(0.002)
