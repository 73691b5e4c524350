"""A PostgreSQL for tests: one embedded server for all test processes of a machine, databases cloned from a template."""

import asyncio
import fcntl
import hashlib
import os
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from crossdock.store.embedded import Embedded
from crossdock.store.migrate import migrate, shipped

T = TypeVar("T")

# Tests kill processes, never the machine: what the kernel was given is safe without flushing.
_QUICK = {"fsync": "off", "full_page_writes": "off", "autovacuum": "on", "log_min_duration_statement": "-1"}
_KEPT = ("schema_version",)


def blocking(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end from code that may or may not have a running loop."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


@contextmanager
def shared_server() -> Iterator[Embedded]:
    """The machine's test server: started by the first test process, stopped by the last that leaves."""
    home = Path(os.environ.get("CROSSDOCK_TEST_SERVER", f"/tmp/crossdock-tests-{os.getuid()}"))
    home.mkdir(mode=0o700, exist_ok=True)
    server = Embedded(home, settings=_QUICK)
    with (home / "users.lock").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        server.ensure()
        try:
            yield server
        finally:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # others still use it
            else:
                server.stop()


def template(server: Embedded) -> str:
    """The name of a migrated database to clone; built once per state of the migrations."""
    digest = hashlib.sha256("".join(f"{step.name} {step.checksum} " for step in shipped()).encode()).hexdigest()[:12]
    name = f"template_{digest}"
    blocking(lambda: _build(server, name))
    return name


async def _build(server: Embedded, name: str) -> None:
    admin = await asyncpg.connect(server.url("postgres"))
    try:
        await admin.execute("select pg_advisory_lock(7)")
        if await admin.fetchval("select 1 from pg_database where datname = $1 and datistemplate", name):
            return
        await admin.execute(f"drop database if exists {name}")
        await admin.execute(f"create database {name}")
        await migrate(server.url(name))
        await admin.execute(f"alter database {name} is_template true")
    finally:
        await admin.close()


@contextmanager
def cloned(server: Embedded, source: str) -> Iterator[str]:
    """The URL of a database of its own, dropped afterwards with whoever is still connected."""
    name = f"test_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    blocking(lambda: _admin(server, f"create database {name} template {source}"))
    try:
        yield server.url(name)
    finally:
        blocking(lambda: _admin(server, f"drop database if exists {name} with (force)"))


async def _admin(server: Embedded, statement: str) -> None:
    admin = await asyncpg.connect(server.url("postgres"))
    try:
        await admin.execute(statement)
    finally:
        await admin.close()


async def _empty(url: str) -> None:
    db = await asyncpg.connect(url)
    try:
        await db.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
        )
        tables = await db.fetch(
            "select quote_ident(relname) as name from pg_class where relkind in ('r', 'p') and not relispartition "
            "and relnamespace = 'public'::regnamespace and relname <> all ($1)",
            list(_KEPT),
        )
        emptied = [f"delete from {row['name']}" for row in tables]
        await db.execute("; ".join(["set session_replication_role = replica", *emptied]))  # past what guards rows
    finally:
        await db.close()


def empty(url: str) -> None:
    """Delete every row: milliseconds, where truncating or cloning takes fifty. Ends leftover connections."""
    blocking(lambda: _empty(url))
