"""What the API and the console are given by the composition root, or by a test."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from crossdock.governance.mapped import Mapped
from crossdock.intake.sources import Network, SourceLimit
from crossdock.kit.manifest import Connector
from crossdock.observe.signals import Signals
from crossdock.store.protocol import Arrival, Receipt, Store, StoreUnavailable

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TRIES_AT_ONCE = 20  # wrong sign-ins from one address, whosever accounts: two can be locked that way …
TRIES_PER_S = 1 / 30  # … and another every five minutes


def sign_in_limit() -> SourceLimit:
    """How many wrong sign-ins one address may make."""
    return SourceLimit(TRIES_PER_S, TRIES_AT_ONCE, time.monotonic)


async def always_ready() -> list[str]:
    """Nothing stands in the way."""
    return []


class Desk(msgspec.Struct, frozen=True):
    """Everything outside the API. No module of it reaches for anything else."""

    pool: Any  # a reading pool (``store.pool.reading_pool``): reads, people, sessions and the audit chain
    store: Store  # operators' messages, unparking, pausing
    connectors: Mapping[str, Connector]  # by connection name: manifests, quotas, idempotency classes
    signals: Signals
    clock: Callable[[], datetime]  # aware UTC; only to show ages
    stopwatch: Callable[[], float]  # monotonic seconds
    unique: Callable[[], str]  # a fresh random id
    public_url: str = "http://127.0.0.1:8481"  # as people type it: decides cookies, Origin and Host checks
    metrics: Callable[[], str] = str  # the Prometheus text
    obstacles: Callable[[], Awaitable[list[str]]] = always_ready  # why this process is not ready
    simulators: Mapping[str, str] = {}  # demo only: name -> base URL of the simulators' server
    demo_user: str | None = None  # demo only: the one-time link signs this visitor in
    rounding_ceilings: Mapping[str, str] = {}  # by channel, as its route says: what the money proof allows
    readmes: Mapping[str, str] = {}  # system -> its connector's README (quirks)
    mapped: tuple[Mapped, ...] = ()  # what the configuration maps, list by list
    proof: Path | None = None  # where ``crossdock prove --keep`` leaves its report
    version: str = ""
    attempts: SourceLimit = msgspec.field(default_factory=sign_in_limit)
    proxies: Sequence[Network] = ()  # whose word on where a request comes from is believed

    async def take(self, acts: Sequence[Arrival]) -> list[Receipt]:
        """Take in what one person did at once: one trace, whatever number of streams it is told to."""
        orders = [one.stream.key for one in acts if one.stream.kind == "order"]
        attributes = {"crossdock.order": orders[0]} if len(orders) == 1 else {}
        with self.signals.span(f"act {acts[0].topic}", kind="server", attributes=attributes) as span:
            return await self.store.accept([msgspec.structs.replace(one, trace=span.traceparent) for one in acts])

    async def wake(self, channel: str) -> None:
        """Tell who waits that there is something to do. What is to be done is stored by then, and found without."""
        try:
            await self.store.wake(channel)
        except StoreUnavailable as error:
            self.signals.log.warning("console.nobody_woken", doing=f"wake {channel}", error=str(error))

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def cookie(self) -> str:
        """``__Host-`` makes browsers refuse a cookie set from elsewhere; it needs https."""
        return "__Host-crossdock" if self.secure else "crossdock"

    @property
    def known_hosts(self) -> frozenset[str]:
        """Host headers to answer to: anything else is a rebound DNS name."""
        parts = urlsplit(self.public_url)
        usual = 443 if self.secure else 80  # which browsers leave out, and others add
        names = {parts.netloc.lower().removesuffix(f":{parts.port}")}
        if parts.hostname in _LOOPBACK:
            names |= {"127.0.0.1", "localhost", "[::1]"}
        if parts.port not in (None, usual):
            return frozenset(f"{name}:{parts.port}" for name in names)
        return frozenset(names | {f"{name}:{usual}" for name in names})

    @property
    def origins(self) -> frozenset[str]:
        scheme = urlsplit(self.public_url).scheme
        return frozenset(f"{scheme}://{host}" for host in self.known_hosts)
