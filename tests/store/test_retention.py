"""What has been kept long enough goes; nothing that an unfinished stream needs goes with it."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import asyncpg
import pytest

from crossdock.domain.decision import Summary
from crossdock.engine.sweeping import BETWEEN_S, EVERY_S, FORGET_EVERY_S, SweepLoop
from crossdock.observe.signals import Silence
from crossdock.store import retention
from crossdock.store.named import Statements
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import LIVE, StreamWrite
from crossdock.store.retention import forget_deliveries, sweep
from tests.store.probes import arrival, decide

KEEP = {"messages": 400, "journal": 400, "attempts": 90, "deliveries": 90}
PARTITIONS = (
    "select relname from pg_class c join pg_inherits i on i.inhrelid = c.oid where relname ~ '_2024_0.$' order by 1"
)
MAKE = "create table {0}_2024_0{1} partition of {0} for values from ('2024-0{1}-01') to ('2024-0{2}-01')"
ROWS = (
    "insert into messages (connection_id, stream_id, source, topic, body, received_at)"
    " select 1, {0}, 'webhook', 'orders', 'b', '2024-0{1}-15'",
    "insert into journal (stream_id, version, cause, entries, actor, at) select {0}, 1, 1, 'e', 'a', '2024-0{1}-15'",
    "insert into commands (stream_id, connection_id, purpose, key, payload) select {0}, 1, 'p', 'k{0}', 'b'",
    "insert into attempts (command_id, fence, started_at, duration_ms, outcome)"
    " select id, 1, '2024-0{1}-15', 1, 'done' from commands where key = 'k{0}'",
)


@pytest.fixture
async def old(own_database_url: str) -> AsyncIterator[PostgresStore]:
    """January has a finished stream's rows, February an unfinished one's."""
    store = await PostgresStore.open(own_database_url)
    for table in ("messages", "journal", "attempts"):
        for month in (1, 2):
            await store.pool.execute(MAKE.format(table, month, month + 1))
    await store.pool.execute(
        "insert into streams (kind, key, status, finished_at) values ('order', 'a', 'done', now())"
    )
    await store.pool.execute("insert into streams (kind, key, status, version) values ('order', 'b', 'exception', 1)")
    for stream, month in ((1, 1), (2, 2)):
        for statement in ROWS:
            await store.pool.execute(statement.format(stream, month))
    yield store
    await store.close()


async def partitions(store: PostgresStore) -> list[str]:
    return [row["relname"] for row in await store.pool.fetch(PARTITIONS)]


def names(months: Iterable[int], tables: Iterable[str] = ("attempts", "journal", "messages")) -> list[str]:
    return [f"{table}_2024_0{month}" for table in tables for month in months]


async def test_old_months_go_and_those_of_open_orders_stay(old: PostgresStore) -> None:
    assert await partitions(old) == names((1, 2))
    swept = await sweep(old.pool, KEEP)
    assert sorted(swept.dropped) == names((1,))
    assert sorted(swept.needed) == names((2,))
    assert await old.pool.fetchval("select array_agg(distinct stream_id) from messages") == [2]
    await old.pool.execute("update streams set status = 'done', finished_at = now()")
    assert sorted((await sweep(old.pool, KEEP)).dropped) == names((2,))
    assert (await sweep(old.pool, KEEP)).dropped == []
    assert await old.pool.fetchval("select count(*) from pg_inherits where inhparent = 'messages'::regclass") >= 4


async def test_what_waits_keeps_its_month_whatever_its_stream_says(old: PostgresStore) -> None:
    await old.pool.execute("update streams set status = 'done', finished_at = now()")
    await old.pool.execute("insert into agenda select stream_id, id, 0 from messages where stream_id = 1")
    await old.pool.execute("insert into parked select stream_id, id, 0 from messages where stream_id = 2")
    await old.pool.execute("insert into dispatch (command_id, connection_id, priority) select id, 1, 0 from commands")
    swept = await sweep(old.pool, KEEP)
    assert sorted(swept.needed) == names((1, 2), ("attempts", "messages"))
    assert sorted(swept.dropped) == names((1, 2), ("journal",))


async def test_streams_that_nothing_was_decided_about_keep_no_month(old: PostgresStore) -> None:
    """A topic that is ignored, an order that Amazon ships itself: one stream each, for ever undecided."""
    await old.pool.execute("update streams set version = 0, status = 'new', finished_at = null")
    await old.pool.execute("delete from dispatch")
    assert "messages_2024_01" in (await sweep(old.pool, KEEP)).dropped


async def test_what_was_replayed_while_its_month_went_is_decided_by_nobody_and_holds_nobody_up(
    old: PostgresStore,
) -> None:
    await old.register("shop", "shopify")
    await old.pool.execute("insert into agenda select stream_id, id, 0 from messages where stream_id = 1")
    await old.pool.execute("drop table messages_2024_01")
    await old.accept([arrival("d1")])
    async with old.claim_streams(LIVE, 10, 10) as batch:
        assert [stream.ref.key for stream in batch.streams] == ["o1"]
        await batch.write([StreamWrite(stream.id, 0, b"", Summary("new")) for stream in batch.streams])
    assert await old.pool.fetchval("select count(*) from agenda") == 0


async def test_what_comes_of_nothing_does_not_count_as_on_its_way(old: PostgresStore) -> None:
    await old.register("shop", "shopify")
    unfinished = "select count(*) from streams where finished_at is null and key = 'o1'"
    await old.accept([arrival("d1")])
    async with old.claim_streams(LIVE, 10, 10) as batch:
        await batch.write([StreamWrite(stream.id, 0, b"", Summary("new")) for stream in batch.streams])
    assert await old.pool.fetchval(unfinished) == 0
    await old.accept([arrival("d2")])
    await decide(old)
    assert await old.pool.fetchval(unfinished) == 1


async def test_a_month_that_is_read_is_left_to_the_next_sweep(old: PostgresStore, own_database_url: str) -> None:
    reader = await asyncpg.connect(own_database_url)
    try:
        async with reader.transaction():
            await reader.fetch("select 1 from messages_2024_01")
            swept = await sweep(old.pool, KEEP)
            assert swept.busy == ["messages_2024_01"]
        assert (await sweep(old.pool, KEEP)).dropped == ["messages_2024_01"]
    finally:
        await reader.close()


async def fill_deliveries(store: PostgresStore, old: int = 2000) -> None:
    await store.pool.execute(
        "insert into deliveries select 1, 'old' || n, now() - interval '91 days' from generate_series(1, $1) n", old
    )
    await store.pool.execute("insert into deliveries select 1, 'new', now() - interval '89 days'")


async def test_delivery_ids_are_forgotten_in_lots_and_one_process_sweeps(
    old: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGES", 4)
    await fill_deliveries(old)
    began = await asyncio.gather(*(forget_deliveries(old.pool, KEEP["deliveries"], 0) for _ in range(2)))
    assert 4 in began
    left = await old.pool.fetchval("select count(*) from deliveries")
    assert 1000 < left < 2000, "only what the first pages hold"
    now = 0.0
    loop = SweepLoop(old.pool, KEEP, Silence(), lambda: now)

    async def walk() -> int:
        nonlocal now
        lots = 1
        while (wait_s := await loop.round()) <= BETWEEN_S:
            now, lots = now + wait_s, lots + 1
        assert wait_s <= EVERY_S
        return lots

    assert await walk() > 2
    assert await old.pool.fetchval("select array_agg(delivery_id) from deliveries") == ["new"]
    assert await partitions(old) == names((2,))
    await old.pool.execute("insert into deliveries select 1, 'late', now() - interval '91 days'")
    now += 2 * EVERY_S
    assert await walk() == 1, "a day has not gone by"
    now += FORGET_EVERY_S
    assert await walk() > 2
    assert await old.pool.fetchval("select array_agg(delivery_id) from deliveries") == ["new"]


async def test_forgetting_reads_its_own_pages_only(old: PostgresStore) -> None:
    """However large the table is: one look through all of it takes longer than a statement may."""
    async with old.pool.acquire() as connection:
        await connection.execute(f"prepare forget as {Statements('retention').forget_deliveries}")
        rows = await connection.fetch("explain (costs off) execute forget(90, 0, 256)")
        await connection.execute("deallocate forget")
    assert "Tid Range Scan" in "\n".join(row[0] for row in rows)


async def test_months_go_whatever_becomes_of_delivery_ids(old: PostgresStore, own_database_url: str) -> None:
    locking = await asyncpg.connect(own_database_url)
    try:
        async with locking.transaction():
            await locking.execute("lock table deliveries in access exclusive mode")
            assert await SweepLoop(old.pool, KEEP, Silence()).round() > BETWEEN_S
            assert await partitions(old) == names((2,))
    finally:
        await locking.close()
