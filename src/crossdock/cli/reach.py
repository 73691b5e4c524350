"""How a command reaches what it works on: the config folder, the database, the acting person."""

import asyncio
import getpass
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import typer

from crossdock.cli.printing import note

if TYPE_CHECKING:
    from crossdock.api.desk import Desk
    from crossdock.api.guard import Caller

T = TypeVar("T")

CONFIG = typer.Option(Path("crossdock"), "--config", "-c", envvar="CROSSDOCK_CONFIG", help="The configuration folder.")
DATA = typer.Option(
    Path(".crossdock"), "--data", envvar="CROSSDOCK_DATA", help="Where the embedded PostgreSQL lives (no DATABASE_URL)."
)
JSON = typer.Option(False, "--json", help="Print JSON instead of a table.")
YES = typer.Option(False, "--yes", "-y", help="Do not ask first. --json never asks: it needs this to act.")
REASON = typer.Option("", "--reason", "-r", help="Why: kept with the act.")


# scheme, perhaps user and password, one or several host[:port]; the rest is PostgreSQL's to read
_URL = re.compile(
    r"postgres(?:ql)?://(?:[^@/?#]*@)?(?:[^@/?#,:]*|\[[0-9a-fA-F:.]+\])(?::\d+)?(?:,[^@/?#]*)?(?:[/?].*)?"
)


def database_url() -> str | None:
    """From the environment. Raises ``ConfigError``, without the address: it may hold a password."""
    url = os.environ.get("DATABASE_URL") or None
    if url is not None and not _URL.fullmatch(url):
        from crossdock.governance.faults import ConfigError, Fault

        right = "Write postgresql://user@host:5432/crossdock; other signs in a password as %40 and the like."
        raise ConfigError([Fault("DATABASE_URL", 0, "This is not the address of a PostgreSQL.", right)])
    return url


def with_desk(data: Path, work: "Callable[[Desk], Awaitable[T]]") -> T:
    """Run with a database that has the schema this version needs, embedded unless DATABASE_URL says otherwise."""
    with ExitStack() as stack:
        url = database_url()
        if url is None:
            from crossdock.embedded_use import embedded

            if not (data / "cluster").exists():
                raise typer.BadParameter(
                    f"There is no database in {data}. Start one with `crossdock serve`, say where it is with --data, "
                    "or set DATABASE_URL."
                )
            url = stack.enter_context(embedded(data, note))
        return asyncio.run(_with(url, work))


async def _with(url: str, work: "Callable[[Desk], Awaitable[T]]") -> T:
    async with desk_at(url) as desk:
        return await work(desk)


@asynccontextmanager
async def desk_at(url: str) -> "AsyncIterator[Desk]":
    """What the API's acts and readings are given, for one command."""
    from crossdock.api.desk import Desk
    from crossdock.observe.signals import Silence
    from crossdock.store.migrate import check_schema
    from crossdock.store.pool import reading_pool
    from crossdock.store.postgres import PostgresStore

    await check_schema(url)
    store = await PostgresStore.open(url, pool_size=1)
    pool = await reading_pool(url, size=2)
    try:
        yield Desk(
            pool=pool,
            store=store,
            connectors={},
            signals=Silence(),
            clock=lambda: datetime.now(UTC),
            stopwatch=time.monotonic,
            unique=lambda: uuid4().hex,
        )
    finally:
        await pool.close()
        await store.close()


def myself() -> "Caller":
    """Who acts: whoever may run this program on this machine is an administrator of it."""
    from crossdock.api.guard import Caller

    return Caller(name=f"cli:{getpass.getuser()}", role="admin")
