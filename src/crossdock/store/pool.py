"""Connections to PostgreSQL: an engine pool with a fixed planner, and a reading pool without.

A URL may name several hosts (``postgresql://user@a:5432,b:5432/crossdock``); the one that takes writes is used.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg

from crossdock.store.connecting import Connection as Connection
from crossdock.store.connecting import Watched, connect
from crossdock.store.errors import committing, translated

Pool: TypeAlias = Any  # asyncpg publishes no types

# What no answer comes to. asyncpg waits as long again for the cancellation to be acknowledged: twice this is how long
# a connection whose other end is there and says nothing holds up whoever uses it. Statements take milliseconds.
COMMAND_S = 12.0

# Statements prepared while a table is small keep their plan: with these the index range scan is the only one left.
PLANNER = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "enable_mergejoin": "off",
    "enable_hashjoin": "off",
    "enable_material": "off",  # with memoize: what makes a scan of a whole "empty" table look cheap
    "enable_memoize": "off",
    "plan_cache_mode": "force_generic_plan",  # the statements leave one way; planning it again costs 0.4 ms each
    "jit": "off",
}

# What frees the streams of a paused, killed or unreachable worker.
SESSION = {
    "idle_in_transaction_session_timeout": "5s",
    "client_connection_check_interval": "1s",
    "lock_timeout": "2s",
    "statement_timeout": "30s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "timezone": "UTC",
}

READING = {"statement_timeout": "10s", "idle_in_transaction_session_timeout": "10s", "jit": "off", "timezone": "UTC"}


async def _keep(_connection: Connection) -> None:
    """Nothing to reset: the store leaves no session state behind, and a reset costs a round trip per use."""


async def _open(url: str, name: str, settings: dict[str, str], size: int, reset: Any, init: Any = None) -> Pool:
    with translated("connect to PostgreSQL"):
        return await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            server_settings={**settings, "application_name": name},
            max_inactive_connection_lifetime=300.0,
            command_timeout=COMMAND_S,
            connection_class=Watched,
            connect=connect,
            init=init,
            reset=reset,
        )


async def engine_pool(url: str, size: int = 8, init: Callable[[Connection], Awaitable[None]] | None = None) -> Pool:
    """Connections whose planner cannot flip. Never for reports: hash joins and sorts are off.

    ``init`` is awaited on each new connection before anything else is asked on it.
    """
    return await _open(url, "crossdock engine", {**PLANNER, **SESSION}, size, _keep, init)


async def reading_pool(url: str, size: int = 4) -> Pool:
    """Connections for lists, searches and reports: the planner is free, statements end after 10 s."""
    return await _open(url, "crossdock reading", READING, size, None)


async def listening_connection(url: str) -> Connection:
    """A connection of its own for LISTEN; a pooled one would be recycled."""
    with translated("connect to PostgreSQL"):
        return await connect(url, server_settings={"application_name": "crossdock wake-ups"})


@contextlib.asynccontextmanager
async def transaction(pool: Pool, doing: str) -> AsyncIterator[Connection]:
    """One transaction on a pooled connection. Commits on leaving, rolls back on any exception.

    Raises ``StoreUnavailable`` when nothing was stored, ``CommitUnknown`` when that cannot be known.
    """
    with translated(doing):
        async with pool.acquire() as connection:
            await connection.execute("begin")
            try:
                yield connection
            except BaseException:
                await _roll_back(connection)
                raise
            with committing():
                await connection.execute("commit")


async def _roll_back(connection: Connection) -> None:
    """A connection that cannot even roll back is closed: the server then rolls back by itself."""
    try:
        await connection.execute("rollback", timeout=5.0)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        connection.terminate()
