"""A PostgreSQL whose clock is the simulation's, and the thread in which it is talked to.

The simulation waits for each call without letting its own time go on: to it the database answers at once, one call
after the other, so that a run is as repeatable as with tables in memory.
"""

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from importlib.resources import files
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Self, TypeVar
from uuid import uuid4

import asyncpg
import uvloop

from crossdock.proof.clock import EPOCH
from crossdock.store.embedded import Embedded
from crossdock.store.migrate import migrate
from crossdock.store.named import Statements
from crossdock.store.pool import PLANNER, SESSION, Connection

T = TypeVar("T")
SQL = Statements("books", "crossdock.proof")
QUICK = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}  # for a server that only simulations use
TIDY_EVERY = 25  # runs
_LIMIT_S = 120.0  # real time, for one call
# Nobody can wait for a lock whose holder's time stands still: as after a lock_timeout, he is refused.
_PATIENCE = {"lock_timeout": "50ms", "idle_in_transaction_session_timeout": "0"}


@contextmanager
def own_server() -> Iterator[str]:
    """The URL of a PostgreSQL that is started for simulations and removed after them."""
    with TemporaryDirectory(prefix="crossdock-prove-", ignore_cleanup_errors=True) as home:
        server = Embedded(home, settings=QUICK)
        try:
            yield server.ensure()
        finally:
            server.stop()


class Server:
    """One database of a running PostgreSQL, given over to one run after the other. ``url``: of any database of it."""

    def __init__(self, url: str) -> None:
        self._loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="simulated database", daemon=True)
        self._admin_url, self._name = url, f"proof_{os.getpid()}_{uuid4().hex[:8]}"
        self._url = ""
        self._runs = 0
        self._spare: list[Connection] = []
        self._all: dict[Connection, int] = {}  # with the server process's number
        self._admin: Connection = None
        self.wires: list[Any] = []  # of the run that is on

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self._create())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._drop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it now, while simulated time stands still."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LIMIT_S)

    async def _create(self) -> None:
        first = await asyncpg.connect(self._admin_url)
        try:
            await first.execute(f"create database {self._name}")
            for setting, value in (
                ("search_path", "public, pg_catalog"),
                ("simulated.now", f"'{EPOCH.isoformat()}'"),
                ("simulated.clock", f"'{EPOCH.isoformat()}'"),
                ("synchronous_commit", "off"),
            ):
                await first.execute(f"alter database {self._name} set {setting} = {value}")
        finally:
            await first.close()
        self._url = _of(self._admin_url, self._name)
        self._admin = await asyncpg.connect(self._url)
        await self._admin.execute((files("crossdock.proof") / "sql" / "simulated.sql").read_text("utf-8"))
        await migrate(self._url)

    async def _drop(self) -> None:
        for one in (*self._all, self._admin):
            if one is not None and not one.is_closed():
                one.terminate()
        first = await asyncpg.connect(self._admin_url)
        try:
            await first.execute(f"drop database if exists {self._name} with (force)")
        finally:
            await first.close()

    # -- for a run ---------------------------------------------------------------------------------------------

    async def clear(self) -> None:
        """Empty tables, sequences from one, nobody connected in a transaction."""
        while self.wires:
            await self.wires.pop().close()
        for one in [one for one in self._all if one not in self._spare]:
            await self.kill(one)
        self._runs += 1
        if self._runs % TIDY_EVERY == 0:
            await self._admin.execute(SQL.tidy)
        for statements in (SQL.emptying, SQL.restarting):
            await self._admin.execute(await self._admin.fetchval(statements))
        for one in self._spare:
            await one.execute("discard sequences; reset simulated.now; reset simulated.clock")

    async def take(self) -> Connection:
        """A connection as the engine's are: the planner fixed."""
        if self._spare:
            return self._spare.pop()
        settings = {**PLANNER, **SESSION, **_PATIENCE, "application_name": "crossdock simulation"}
        made = await asyncpg.connect(self._url, server_settings=settings)
        self._all[made] = made.get_server_pid()
        return made

    async def give(self, connection: Connection) -> None:
        """A connection that is not used any more."""
        self._spare.append(connection)

    async def kill(self, connection: Connection) -> None:
        """Cut it and wait until the server has noticed: what it had open is rolled back."""
        if not connection.is_closed():
            connection.terminate()
        await self._admin.fetchval(SQL.end_of, self._all.pop(connection))

    async def read(self, statement: str, *arguments: Any) -> list[Any]:
        """Read as somebody outside."""
        return list(await self._admin.fetch(statement, *arguments))


def _of(url: str, database: str) -> str:
    """The same server's other database."""
    before, _, options = url.partition("?")
    return f"{before.rpartition('/')[0]}/{database}" + (f"?{options}" if options else "")
