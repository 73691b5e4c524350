"""A database notices that another PostgreSQL serves it than before."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from crossdock.store import origin
from crossdock.store.embedded import USER, Embedded, wheel_binaries
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import LOST_FENCES

DAY_S = 86400.0


async def _opened(url: str) -> origin.Doubt | None:
    store = await PostgresStore.open(url)
    try:
        return await origin.standing(store.pool)
    finally:
        await store.close()


async def _asked(url: str, query: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_the_same_server_again_is_nothing_new(database_url: str) -> None:
    assert await _opened(database_url) is None
    assert await _opened(database_url) is None
    assert await _asked(database_url, "select count(*) from origin") == 1


@pytest.mark.parametrize(
    "another", ["timeline = timeline - 1", "system_identifier = system_identifier - 1"], ids=["promoted", "loaded"]
)
async def test_another_one_may_have_lost_time(database_url: str, another: str) -> None:
    await _opened(database_url)
    fence = await _asked(database_url, "select nextval('fences')")
    await _asked(database_url, f"update origin set {another}")
    found = await _opened(database_url)
    assert found is not None
    lasts_s = (found.doubted_until - found.restored_at).total_seconds()
    assert lasts_s == pytest.approx(7 * DAY_S)
    assert await _asked(database_url, "select nextval('fences')") > fence + LOST_FENCES
    assert await _opened(database_url) == found  # it is the same one from now on


async def test_every_new_connection_looks_before_anything_else_is_asked_on_it(database_url: str) -> None:
    """A standby takes over while the program runs: its connections break, and are made anew."""
    store = await PostgresStore.open(database_url, pool_size=1)
    try:
        assert await origin.standing(store.pool) is None
        await store.pool.execute("update origin set timeline = timeline - 1")
        async with store.pool.acquire() as connection:
            connection.terminate()
        assert await origin.standing(store.pool) is not None
    finally:
        await store.close()


class _Untold:
    """A service that does not let us ask which PostgreSQL it is."""

    async def fetchrow(self, _query: str) -> None:
        raise asyncpg.InsufficientPrivilegeError("permission denied for function pg_control_system")


async def test_a_service_that_does_not_tell_is_used_all_the_same() -> None:
    await origin.notice(_Untold())


async def test_a_person_says_so_where_nothing_was_ever_noted(store: PostgresStore) -> None:
    await store.pool.execute("delete from origin")
    await store.restored(3600.0)
    assert await origin.standing(store.pool) is not None
    await store.restored(0.0)
    assert await origin.standing(store.pool) is None


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Embedded]:
    tmp_path.chmod(0o755)
    server = Embedded(tmp_path / "another", settings={"fsync": "off"})
    server.ensure()
    yield server
    server.stop()


async def test_a_dump_that_is_loaded_elsewhere(database_url: str, server: Embedded, another: Embedded) -> None:
    """With PostgreSQL's own tools, as the how-to for backups does."""
    await _opened(database_url)
    name = database_url.partition("?")[0].rpartition("/")[2]
    await _asked(another.url("postgres"), f"create database {name}")
    dumped = _tool("pg_dump", "--host", str(server.socket_dir), "--username", USER, "--dbname", name)
    _tool("psql", "--quiet", "--host", str(another.socket_dir), "--username", USER, "--dbname", name, given=dumped)
    assert await _opened(another.url(name)) is not None
    assert await _opened(database_url) is None


def _tool(name: str, *arguments: str, given: bytes = b"") -> bytes:
    binaries = wheel_binaries()
    environment = {"LD_LIBRARY_PATH": str(binaries.parent / "lib"), "LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [str(binaries / name), *arguments], input=given, capture_output=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
