"""Every serving process says that it is alive and how it is doing: the health page and /metrics read it."""

import asyncio
import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg
import msgspec

from crossdock.store.named import Statements
from crossdock.store.pool import Pool

EVERY_S = 5.0


@functools.cache
def _sql() -> Statements:
    return Statements("workers")


class Heartbeat:
    """A ``Loop``. ``figures`` is what to say, JSON-ready. A database that is away is waited for, not fallen over."""

    def __init__(
        self, pool: Pool, worker: str, host: str, role: str, version: str, figures: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._pool, self._figures = pool, figures
        self._row = (worker, host, os.getpid(), role, version)

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._say(_sql().beat, *self._row, msgspec.json.encode(self._figures()).decode())
            try:
                await asyncio.wait_for(stop.wait(), EVERY_S)
            except TimeoutError:
                continue
        await self._say(_sql().leave, self._row[0])

    async def _say(self, statement: str, *values: Any) -> None:
        try:
            await self._pool.execute(statement, *values, timeout=3.0)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            return  # the silence itself is the message: the process shows as silent


async def figures(pool: Pool) -> list[tuple[str, str, dict[str, Any]]]:
    """(worker, roles, figures) of every process that is alive."""
    rows = await pool.fetch(_sql().figures)
    return [(row["id"], row["roles"], msgspec.json.decode(row["figures"])) for row in rows]
