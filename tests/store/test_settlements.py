"""The list of settlements: its migration goes forward from an older schema, its statement reads its own index only."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from crossdock.store import reading_settlements
from crossdock.store.migrate import check_schema, migrate, shipped
from crossdock.store.partitions import make_partitions
from crossdock.store.reading import statements


@pytest.fixture
async def admin(own_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(own_database_url)
    yield connection
    await connection.close()


async def test_a_database_of_the_version_before_is_brought_forward_with_what_it_holds(
    own_database_url: str, admin: asyncpg.Connection
) -> None:
    steps = shipped()
    [own] = [step for step in steps if step.name == "settlements"]
    await admin.execute("drop schema public cascade; create schema public")
    await admin.execute(
        "create table schema_version (number integer primary key, name text not null, checksum text not null, "
        "applied_at timestamptz not null default now())"
    )
    for step in [step for step in steps if step.number != own.number]:
        await admin.execute(step.sql)
        await admin.execute("insert into schema_version values ($1, $2, $3)", step.number, step.name, step.checksum)
    await make_partitions(admin)
    await admin.execute("insert into streams (kind, key) values ('settlement', 'shop-1'), ('order', 'shop-1')")
    assert await migrate(own_database_url) == [own.number]
    await check_schema(own_database_url)
    page = await reading_settlements.page(admin)
    assert [(one.kind, one.key) for one in page.settlements] == [("settlement", "shop-1")]


async def test_pages_and_names_find_settlements_among_very_many_orders(
    own_database_url: str, admin: asyncpg.Connection
) -> None:
    await admin.execute(
        "insert into streams (kind, key, label, channel, status) "
        "select case when n % 1000 = 0 then 'settlement' else 'order' end, 'shop-' || n, n::text, "
        "case when n % 2000 = 0 then 'a' else 'b' end, 'done' from generate_series(1, 20000) n"
    )
    await admin.execute("analyze streams")
    first = await reading_settlements.page(admin, limit=15)
    rest = await reading_settlements.page(admin, below=first.below, limit=15)
    assert [one.label for one in (*first.settlements, *rest.settlements)] == [str(n * 1000) for n in range(20, 0, -1)]
    assert rest.below is None
    only = await reading_settlements.page(admin, channel="a")
    assert [one.label for one in only.settlements] == [str(n * 2000) for n in range(10, 0, -1)]
    by_key, by_label = [await reading_settlements.stream_id(admin, name) for name in ("shop-3000", "3000")]
    assert by_key == by_label is not None
    assert await reading_settlements.stream_id(admin, "shop-3001") is None
    plan = await admin.fetch(f"explain (costs off) {_filled(statements('reading_settlements').page)}")
    assert "streams_settlements" in "\n".join(row[0] for row in plan)


def _filled(statement: str) -> str:
    return statement.replace("$1", "99999999").replace("$2", "null").replace("$3", "50")
