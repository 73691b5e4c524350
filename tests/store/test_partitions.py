"""No hour is without its partition, whatever the server takes for midnight."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from crossdock.store.migrate import migrate
from crossdock.store.partitions import PARTITIONED, make_partitions, months, partitions
from crossdock.store.postgres import PostgresStore
from crossdock.store.retention import sweep
from tests.store.probes import arrival, bodies

everywhere = pytest.mark.parametrize("abroad", ["America/New_York", "Europe/Berlin", "Australia/Sydney"], indirect=True)
in_berlin = pytest.mark.parametrize("abroad", ["Europe/Berlin"], indirect=True)
INSERT = (
    "insert into attempts (command_id, fence, started_at, duration_ms, outcome) "
    "select 1, 1, hour, 1, 'done' from generate_series($1::timestamptz, $2, '1 hour') as hour"
)


@pytest.fixture
async def abroad(request: pytest.FixtureRequest, own_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A session of a database that lives in another time zone, with the schema's tables and none of their months."""
    admin = await asyncpg.connect(own_database_url)
    name = await admin.fetchval("select current_database()")
    await admin.execute(f"alter database {name} set timezone to '{request.param}'")
    for one in await partitions(admin):
        await admin.execute(f"drop table {one.name}")
    await admin.close()
    local = await asyncpg.connect(own_database_url)
    yield local
    await local.close()


async def make_local(local: asyncpg.Connection, there: list[tuple[datetime, datetime]]) -> None:
    """As earlier releases did: from the server's own midnight to its own midnight."""
    for table in PARTITIONED:
        for start, end in there:
            await local.execute(
                f"create table {table}_{start:%Y_%m} partition of {table} "
                f"for values from ('{start:%Y-%m-%d}') to ('{end:%Y-%m-%d}')"
            )


async def assert_no_hour_is_without(local: asyncpg.Connection) -> None:
    now = datetime.now(UTC)
    await local.execute(INSERT, now, months(now)[-1][1] - timedelta(hours=1))


@everywhere
async def test_months_are_utcs_wherever_the_server_is(abroad: asyncpg.Connection, own_database_url: str) -> None:
    assert await migrate(own_database_url) == []
    made = {(one.starts, one.ends) for one in await partitions(abroad)}
    assert made == set(months(datetime.now(UTC)))
    await assert_no_hour_is_without(abroad)


@everywhere
async def test_months_that_began_at_the_servers_midnight_are_gone_on_with(
    abroad: asyncpg.Connection, own_database_url: str
) -> None:
    await make_local(abroad, months(datetime.now(UTC), ahead=0))
    store = await PostgresStore.open(own_database_url)
    await store.tend()
    await assert_no_hour_is_without(abroad)
    assert await make_partitions(abroad) == []
    await store.close()


@in_berlin
async def test_an_arrival_in_a_gap_makes_what_is_missing(abroad: asyncpg.Connection, own_database_url: str) -> None:
    now = datetime.now(UTC)
    month, end = months(now, behind=0)[0]
    for table in PARTITIONED:
        await abroad.execute(
            f"create table {table}_{month:%Y_%m} partition of {table} "
            f"for values from ('{now + timedelta(hours=1)}') to ('{end + timedelta(hours=2)}')"
        )
    store = await PostgresStore.open(own_database_url)
    await store.register("shop", "shopify")
    await store.accept([arrival("d1")])
    assert await bodies(store) == {"o1": [b"d1"]}
    await store.close()


@in_berlin
async def test_a_month_is_old_when_its_own_end_is(abroad: asyncpg.Connection, own_database_url: str) -> None:
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)
    await make_local(abroad, [(start, end)])
    await abroad.execute(
        f"create table attempts_2024_02_01_0000 partition of attempts for values from ('{end + timedelta(days=1)}') "
        f"to ('{end + timedelta(days=2)}'); create table attempts_of_old partition of attempts "
        "for values from ('2023-01-01') to ('2023-02-01')"
    )
    store = await PostgresStore.open(own_database_url)
    swept = await sweep(store.pool, dict.fromkeys(PARTITIONED, 90))
    assert sorted(swept.dropped) == [
        "attempts_2024_01", "attempts_2024_02_01_0000", "journal_2024_01", "messages_2024_01",
    ]  # fmt: skip
    assert [one.name for one in await partitions(abroad)] == ["attempts_of_old"]
    await store.close()
