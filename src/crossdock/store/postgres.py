"""The store on PostgreSQL: each operation is a few set-based statements (``sql/``), in files by use.

``accept`` · ``claims`` and ``decisions`` · ``deliveries`` · ``timers`` · ``limits`` · ``wakeups``. This class only
holds them together.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from crossdock.store import accept, claims, customers, deliveries, limits, origin, timers, value_lists, wanting
from crossdock.store.core import Core
from crossdock.store.decisions import clean
from crossdock.store.errors import UnknownConnection, translated
from crossdock.store.named import Statements
from crossdock.store.partitions import make_partitions
from crossdock.store.pool import Pool, engine_pool, transaction
from crossdock.store.protocol import (
    Arrival,
    ConnectionRow,
    Grant,
    LeasedCommand,
    Receipt,
    Sent,
    StreamBatch,
    Turns,
)
from crossdock.store.wakeups import Wakeups

_CONNECTIONS = Statements("connections")
_HOUSEKEEPING = Statements("housekeeping")


class PostgresStore:
    """Implements ``Store``. Open with ``PostgresStore.open``; close it when done."""

    def __init__(self, pool: Pool, url: str, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._core = Core(pool)
        self._positions = claims.Positions(stopwatch)
        self._wakeups = Wakeups(url)

    @classmethod
    async def open(
        cls, url: str, *, pool_size: int = 8, stopwatch: Callable[[], float] = time.monotonic
    ) -> "PostgresStore":
        """Connect with the engine's settings. Raises ``StoreUnavailable``."""
        return cls(await engine_pool(url, pool_size, origin.notice), url, stopwatch)

    async def close(self) -> None:
        await self._wakeups.close()
        await self._core.pool.close()

    @property
    def pool(self) -> Pool:
        """The engine's connections; lists and reports use ``reading_pool`` instead."""
        return self._core.pool

    async def accept(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        return await accept.accept(self._core, arrivals) if arrivals else []

    def claim_streams(
        self, lane: int, limit: int, cap: int, exclude: Sequence[int] = (), only: Sequence[int] = ()
    ) -> AbstractAsyncContextManager[StreamBatch]:
        return claims.claim(self._core, self._positions, lane, limit, cap, exclude, only)

    async def claim_commands(
        self, target: str, limit: int, lease_s: float, *, expired: bool = False, younger_s: float | None = None
    ) -> list[LeasedCommand]:
        return await deliveries.lease(self._core, target, limit, lease_s, expired=expired, younger_s=younger_s)

    async def record(self, sent: Sequence[Sent]) -> list[bool]:
        return await deliveries.record(self._core, sent) if sent else []

    async def unlease(self, commands: Sequence[tuple[int, int]], in_s: float = 0.0) -> None:
        if commands:
            await deliveries.unlease(self._core, commands, in_s)

    async def move_timers(self, limit: int) -> int:
        return await timers.move(self._core, limit)

    async def unpark(self, stream_id: int) -> int:
        return await claims.unpark(self._core, stream_id)

    async def book(self, account: str, units: int, rate_per_s: float, burst: float) -> Grant:
        return await limits.book(self._core, account, units, rate_per_s, burst)

    async def rest(self, account: str, for_s: float) -> None:
        await limits.rest(self._core, account, for_s)

    async def resting_s(self, account: str) -> float:
        return await limits.resting_s(self._core, account)

    async def acquire_slots(
        self,
        account: str,
        worker: str,
        want: int,
        limit: int,
        lease_s: float,
        *,
        using: int = 0,
        turns: Turns | None = None,
    ) -> int:
        return await limits.hold_slots(self._core, account, worker, want, limit, lease_s, using, turns)

    async def release_slots(self, account: str, worker: str) -> None:
        await limits.release_slots(self._core, account, worker)

    async def register(
        self,
        name: str,
        system: str,
        *,
        role: str = "",
        region: str | None = None,
        api_version: str = "",
        mapping_version: str = "",
    ) -> int:
        """Make a configured connection known; needed before anything arrives from it or goes to it. Returns its id."""
        with translated("register a connection"):
            id: int = await self._core.pool.fetchval(  # noqa: A001  (it is one)
                _CONNECTIONS.register, name, system, role, region, api_version, mapping_version
            )
        return id

    async def restored(self, doubt_s: float) -> None:
        await origin.restored(self._core.pool, doubt_s)

    async def connections(self) -> dict[str, ConnectionRow]:
        with translated("read connections"):
            rows = await self._core.pool.fetch(_CONNECTIONS.all)
        return {row["name"]: ConnectionRow(**row) for row in rows}

    async def trip(self, connection: str, *, failures: int, breaker: str, for_s: float | None) -> None:
        with translated("record breaker state"):
            found = await self._core.pool.fetchval(_CONNECTIONS.trip, connection, failures, breaker, for_s)
        if found is None:
            raise UnknownConnection(connection)

    async def pause(self, connection: str, reason: str | None) -> None:
        with translated("pause a connection"):
            said = None if reason is None else clean(reason)
            found = await self._core.pool.fetchval(_CONNECTIONS.pause, connection, said)
        if found is None:
            raise UnknownConnection(connection)

    async def load_masters(self, connection: str, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        with translated("load masters"):
            async with self._core.pool.acquire() as db:
                owner = await self._core.connection_id(connection, db)
                rows = await db.fetch(_CONNECTIONS.load_masters, owner, kind, list(filter(wanting.nameable, keys)))
        return {row["key"]: row["body"] for row in rows}

    async def save_masters(self, connection: str, kind: str, rows: Sequence[tuple[str, bytes]]) -> None:
        latest = sorted((key, body) for key, body in dict(rows).items() if wanting.nameable(key))
        async with transaction(self._core.pool, "save masters") as db:
            owner = await self._core.connection_id(connection, db)
            await db.execute(
                _CONNECTIONS.save_masters, owner, kind, [key for key, _ in latest], [body for _, body in latest]
            )

    async def load_customers(self, connection: str, keys: Sequence[str]) -> list[tuple[str, bytes]]:
        return await customers.load(self._core, connection, keys)

    async def save_customers(self, connection: str, rows: Sequence[tuple[str, str, bytes]]) -> None:
        await customers.save(self._core, connection, rows)

    async def links(self, channel: str, erp: str, ids: Sequence[str]) -> dict[str, str]:
        return await customers.links(self._core, channel, erp, ids)

    async def save_values(self, connection: str, kind: str, rows: Sequence[tuple[str, str]]) -> None:
        await value_lists.save(self._core, connection, kind, rows)

    async def masters_listed(self, connection: str, kind: str) -> bool:
        return await wanting.listed(self._core, connection, kind)

    async def note_listed(self, connection: str, kind: str) -> None:
        await wanting.note_listed(self._core, connection, kind)

    async def look_again(
        self, connection: str, kind: str, keys: Sequence[str] | None, limit: int, trace: str = ""
    ) -> int:
        return await wanting.look_again(self._core, connection, kind, keys, limit, trace)

    async def cursor(self, connection: str, name: str) -> str | None:
        with translated("read a cursor"):
            async with self._core.pool.acquire() as db:
                owner = await self._core.connection_id(connection, db)
                value: str | None = await db.fetchval(_CONNECTIONS.cursor, owner, name)
        return value

    async def save_cursor(self, connection: str, name: str, value: str) -> None:
        with translated("save a cursor"):
            async with self._core.pool.acquire() as db:
                owner = await self._core.connection_id(connection, db)
                await db.execute(_CONNECTIONS.save_cursor, owner, name, value)

    async def wake(self, channel: str) -> None:
        with translated("wake listeners"):
            await self._core.pool.execute(_HOUSEKEEPING.notify, f"crossdock_{channel}")

    async def listen(self, channel: str, on_wake: Callable[[], None]) -> Callable[[], Awaitable[None]]:
        return await self._wakeups.listen(f"crossdock_{channel}", on_wake)

    async def tend(self) -> dict[str, float]:
        with translated("keep house"):
            async with self._core.pool.acquire() as db:
                await db.execute(_HOUSEKEEPING.vacuum_agenda)
                await db.execute(_HOUSEKEEPING.vacuum_dispatch)
                await db.execute(_HOUSEKEEPING.forget_gone)
                await make_partitions(db)
                figures = await db.fetchrow(_HOUSEKEEPING.figures)
        return {name: value for name, value in figures.items() if value is not None}
