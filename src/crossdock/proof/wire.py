"""A simulated process's pool: real connections that are told the simulated time, and break when the seed says so."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg

from crossdock.proof.server import Server
from crossdock.store.pool import Connection


class Wire:
    """What ``PostgresStore`` needs of a pool."""

    def __init__(self, server: Server, now: Callable[[], datetime]) -> None:
        self.server, self.now = server, now
        self.cutting = False  # the next commit is done, and its answer lost
        self.open: list[Held] = []  # in a transaction, the oldest first
        self._spare: list[Connection] = []
        server.wires.append(self)

    def acquire(self) -> AbstractAsyncContextManager["Held"]:
        """A connection for a while."""
        return self._acquire()

    @asynccontextmanager
    async def _acquire(self) -> AsyncIterator["Held"]:
        raw = self._spare.pop() if self._spare else await self.server.take()
        held = Held(raw, self)
        try:
            yield held
        finally:
            if held in self.open:
                self.open.remove(held)
            if raw.is_closed():
                await self.server.kill(raw)
            else:
                self._spare.append(raw)

    async def execute(self, statement: str, *arguments: Any) -> Any:
        async with self.acquire() as held:
            return await held.execute(statement, *arguments)

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        async with self.acquire() as held:
            return await held.fetch(statement, *arguments)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        async with self.acquire() as held:
            return await held.fetchval(statement, *arguments)

    async def close(self) -> None:
        """The process is gone: the server does not notice that of idle connections, so others may use them."""
        while self._spare:
            await self.server.give(self._spare.pop())


class Held:
    """A connection that shows the simulated time: of its transaction's beginning as ``now()``, and as it is."""

    def __init__(self, raw: Connection, wire: Wire) -> None:
        self.raw, self._wire = raw, wire
        self.within = False
        self._shown: datetime | None = None  # what the session was told

    async def execute(self, statement: str, *arguments: Any, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        return await self._do(self.raw.execute, statement, arguments)

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        return await self._do(self.raw.fetch, statement, arguments)

    async def fetchrow(self, statement: str, *arguments: Any) -> Any:
        return await self._do(self.raw.fetchrow, statement, arguments)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        return await self._do(self.raw.fetchval, statement, arguments)

    def terminate(self) -> None:
        """Cut it."""
        self.raw.terminate()

    def transaction(self) -> Any:
        """Of a connection that only makes partitions."""
        return self.raw.transaction()

    async def _do(self, method: Any, statement: str, arguments: tuple[Any, ...]) -> Any:
        if statement == "begin":
            await self._begin(self._wire.now())
            return None
        if ends := statement in ("commit", "rollback"):
            self.within = False
        else:
            await self._show(self._wire.now())
        answer = await method(statement, *arguments)
        if ends:
            self._shown = None
            self._wire.open.remove(self)
        if self._wire.cutting and (statement == "commit" or not (self.within or statement.startswith("select"))):
            self._wire.cutting = False
            self.raw.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return answer

    async def _begin(self, instant: datetime) -> None:
        # In one round trip: it is the most frequent statement of all.
        self._shown = instant
        await self.raw.execute(f"{_told(instant)}; begin")
        self.within = True
        self._wire.open.append(self)

    async def _show(self, instant: datetime) -> None:
        """Tell the session what time it is, unless it knows."""
        if self._shown == instant:
            return
        self._shown = instant
        within = f"set local simulated.clock = '{instant.isoformat()}'"
        await self.raw.execute(within if self.within else _told(instant))


def _told(instant: datetime) -> str:
    return f"set simulated.clock = '{instant.isoformat()}'; set simulated.now = '{instant.isoformat()}'"
