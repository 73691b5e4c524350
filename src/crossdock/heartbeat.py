"""Every serving process says that it is alive and how it is doing: the health page reads it."""

import asyncio
import functools
import os
import resource
from typing import Any

import asyncpg
import msgspec

from crossdock.kit.pausing import pause
from crossdock.store.named import Statements
from crossdock.store.pool import Pool

EVERY_S = 5.0


@functools.cache
def _sql() -> Statements:
    return Statements("workers")


class Heartbeat:
    """A ``Loop``. A database that is away is waited for, not fallen over."""

    def __init__(self, pool: Pool, worker: str, host: str, role: str, version: str) -> None:
        self._pool = pool
        self._row = (worker, host, os.getpid(), role, version)

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._say(_sql().beat, *self._row, msgspec.json.encode(figures()).decode())
            await pause(stop, EVERY_S)
        await self._say(_sql().leave, self._row[0])

    async def _say(self, statement: str, *values: Any) -> None:
        try:
            await self._pool.execute(statement, *values, timeout=3.0)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            return  # the silence itself is the message: the process shows as silent


def figures() -> dict[str, float]:
    """What this process says of itself: memory and processor time so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"peak_rss_mb": round(used.ru_maxrss / 1024, 1), "cpu_s": round(used.ru_utime + used.ru_stime, 1)}
