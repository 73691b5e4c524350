"""What only PostgreSQL has: schema, partitions, errors by code, plans, late commits."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from crossdock.store import migrate as migrations
from crossdock.store.migrate import SchemaMismatch, check_schema, migrate, sees_sessions
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import CommitUnknown, StoreUnavailable
from tests.store.probes import arrival, bodies, decide, decided

END_SESSIONS = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database()"


@pytest.fixture
async def admin(own_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(own_database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def own_store(own_database_url: str) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(own_database_url)
    await store.register("shop", "shopify")
    yield store
    await store.close()


async def refuse(admin: asyncpg.Connection, table: str, body: str, *, at_commit: bool = False) -> None:
    """Let inserts into a table fail as a sick server would."""
    await admin.execute(
        f"create function sick() returns trigger language plpgsql as $$ begin {body} return new; end $$"
    )
    kind = "constraint trigger sick after" if at_commit else "trigger sick before"
    when = "deferrable initially deferred" if at_commit else ""
    await admin.execute(f"create {kind} insert on {table} {when} for each row execute function sick()")


async def test_migrations_apply_once_and_by_one(own_database_url: str, admin: asyncpg.Connection) -> None:
    assert await asyncio.gather(migrate(own_database_url), migrate(own_database_url)) == [[], []]
    await check_schema(own_database_url)
    await admin.execute("drop schema public cascade; create schema public")
    with pytest.raises(SchemaMismatch, match="crossdock migrate"):
        await check_schema(own_database_url)
    applied = await asyncio.gather(migrate(own_database_url), migrate(own_database_url))
    assert sorted(map(len, applied)) == [0, len(max(applied, key=len))]
    await check_schema(own_database_url)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update schema_version set checksum = 'x' where number = 1", "0001_spine.sql was changed"),
        ("insert into schema_version (number, name, checksum) values (999, 'new', 'x')", "does not know"),
        ("delete from schema_version where number = 1", r"lacks migrations \[1\]"),
    ],
)
async def test_a_schema_that_is_not_ours_is_refused(
    own_database_url: str, admin: asyncpg.Connection, change: str, said: str
) -> None:
    await admin.execute(change)
    with pytest.raises(SchemaMismatch, match=said):
        await check_schema(own_database_url)


@pytest.mark.parametrize(("back", "runs"), [(1, True), (2, False)])
async def test_the_release_before_may_go_on_beside_a_newer_one_that_only_adds(
    own_database_url: str, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, back: int, runs: bool
) -> None:
    """Hosts are upgraded one after the other: a parent that ends meanwhile is started again, as are commands."""
    every = migrations.shipped()
    newest, known = every[-1].number, every[: len(every) + 1 - back]
    await admin.execute(
        "insert into schema_version (number, name, checksum, oldest) values ($1, 'adds', 'x', $2)", newest + 1, newest
    )
    monkeypatch.setattr(migrations, "shipped", lambda: known)
    if runs:
        await check_schema(own_database_url)
        assert await migrate(own_database_url) == []
    else:
        with pytest.raises(SchemaMismatch, match=f"migration {newest + 1}, which this program does not know"):
            await check_schema(own_database_url)


def test_only_what_adds_lets_an_older_release_go_on() -> None:
    for step in migrations.shipped():
        if step.oldest < step.number:
            taken = re.search(r"\b(drop|rename|alter column|set not null|delete|truncate)\b", step.sql, re.IGNORECASE)
            assert not taken, f"{step.name}: {taken}"


async def test_a_missing_partition_is_made_not_refused(own_store: PostgresStore, admin: asyncpg.Connection) -> None:
    for row in await admin.fetch(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'messages'::regclass"
    ):
        await admin.execute(f"drop table {row['name']}")
    (receipt,) = await own_store.accept([arrival("d1")])
    assert not receipt.duplicate
    assert await bodies(own_store) == {"o1": [b"d1"]}


async def test_a_duplicate_makes_no_stream_that_nothing_will_ever_happen_to(
    own_store: PostgresStore, admin: asyncpg.Connection
) -> None:
    """A poll and a webhook of one content may be named after different streams (seed 1 of the profile calm)."""
    await own_store.accept([arrival("hook", "o1", also_ids=("content",))])
    await own_store.accept([arrival("content", "o2", source="poll"), arrival("new", "o3")])
    assert [row["key"] for row in await admin.fetch("select key from streams order by key")] == ["o1", "o3"]


async def test_where_a_partition_is_missing_nothing_is_parked_and_housekeeping_heals_it(
    own_store: PostgresStore, admin: asyncpg.Connection
) -> None:
    await own_store.accept([arrival("d1")])
    for row in await admin.fetch(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'journal'::regclass"
    ):
        await admin.execute(f"drop table {row['name']}")
    with pytest.raises(StoreUnavailable, match="no partition"):
        await decide(own_store)
    await own_store.tend()
    assert len(await decide(own_store)) == 1


async def test_housekeeping_makes_partitions_ahead(own_store: PostgresStore, admin: asyncpg.Connection) -> None:
    last = "select max(inhrelid::regclass::text) from pg_inherits where inhparent = 'journal'::regclass"
    ahead = await admin.fetchval(last)
    await admin.execute(f"drop table {ahead}")
    await own_store.tend()
    assert await admin.fetchval(last) == ahead


async def test_a_message_that_waited_for_months_is_found(own_store: PostgresStore, admin: asyncpg.Connection) -> None:
    await own_store.accept([arrival("d1")])
    await admin.execute(
        "create table messages_old partition of messages for values from ('2020-01-01') to ('2020-02-01');"
        "update messages set received_at = '2020-01-15'"
    )
    assert await bodies(own_store) == {"o1": [b"d1"]}


@pytest.mark.parametrize("code", ["53100", "57P01", "25006", "53300", "40001"])
async def test_a_sick_server_is_unavailable_and_acknowledges_nothing(
    own_store: PostgresStore, admin: asyncpg.Connection, code: str
) -> None:
    await refuse(admin, "messages", f"raise exception 'sick' using errcode = '{code}';")
    with pytest.raises(StoreUnavailable, match="could not accept messages"):
        await own_store.accept([arrival("d1")])
    await admin.execute("drop trigger sick on messages")
    (receipt,) = await own_store.accept([arrival("d1")])
    assert not receipt.duplicate, "the delivery id went with the rest of the transaction"


async def test_a_connection_lost_in_commit_is_unknown(own_store: PostgresStore, admin: asyncpg.Connection) -> None:
    await refuse(admin, "agenda", "perform pg_terminate_backend(pg_backend_pid());", at_commit=True)
    with pytest.raises(CommitUnknown):
        await own_store.accept([arrival("d1")])


async def test_a_connection_lost_before_is_unavailable_and_the_next_call_works(
    own_store: PostgresStore, admin: asyncpg.Connection
) -> None:
    with pytest.raises(StoreUnavailable):
        async with own_store.claim_streams(0, 10, 10):
            await admin.execute(END_SESSIONS + " and pid <> pg_backend_pid()")
    (receipt,) = await own_store.accept([arrival("d1")])
    assert not receipt.duplicate


async def test_a_wrong_call_is_a_bug_and_not_an_outage(own_store: PostgresStore) -> None:
    with pytest.raises(asyncpg.InterfaceError):
        await own_store.pool.fetch("select $1::int")


async def test_rows_that_committed_late_are_swept_up(own_database_url: str, admin: asyncpg.Connection) -> None:
    now = 1000.0
    store = await PostgresStore.open(own_database_url, stopwatch=lambda: now)
    await store.register("shop", "shopify")
    await store.accept([arrival("d1", "o1")])
    await decide(store)
    await store.accept([arrival("d2", "o1")])
    await store.accept([arrival("late", "o2")])
    await admin.execute(
        "update agenda set due_at = now() - interval '5 seconds' "
        "where message_id = (select max(message_id) from agenda)"
    )
    assert list(await bodies(store)) == ["o1"]
    now += 10.0
    assert set(await bodies(store)) == {"o1", "o2"}
    await store.close()


async def test_many_rows_that_committed_late_are_swept_up_at_once(
    own_database_url: str, admin: asyncpg.Connection
) -> None:
    now = 1000.0
    store = await PostgresStore.open(own_database_url, stopwatch=lambda: now)
    await store.register("shop", "shopify")
    await store.accept([arrival("d0", "o0")])
    await decide(store)
    await store.accept([arrival(f"d{n}", f"o{n}") for n in range(1, 7)])
    await admin.execute("update agenda set due_at = now() - interval '5 seconds'")
    now += 10.0
    for _ in range(3):
        async with store.claim_streams(0, 2, 10) as batch:
            assert len(batch.streams) == 2
            await batch.write([decided(stream) for stream in batch.streams])
    await store.close()


async def test_a_database_clock_that_was_put_back_slows_nothing_down(
    own_database_url: str, admin: asyncpg.Connection
) -> None:
    now = 1000.0
    store = await PostgresStore.open(own_database_url, stopwatch=lambda: now)
    await store.register("shop", "shopify")
    await store.accept([arrival("d0", "o0")])
    await decide(store)
    # An hour back: what was served lies in the future, as do the position and nothing that is due.
    store._positions._last[0] += timedelta(hours=1)
    now += 10.0
    await store.accept([arrival("d1", "o1")])
    assert len(await decide(store)) == 1
    await store.accept([arrival("d2", "o2")])
    assert len(await decide(store)) == 1
    await store.close()


async def test_what_a_clock_since_put_back_booked_ahead_holds_nobody_up(
    own_store: PostgresStore, admin: asyncpg.Connection
) -> None:
    await own_store.book("erp", 10, 50.0, 100.0)
    await admin.execute("update quotas set tat = now() + interval '2 hours'")
    first = await own_store.book("erp", 10, 50.0, 100.0)
    assert first.units == 10
    assert 0 < first.wait_s < 1, "the bucket is empty: nothing that may have been spent is given out again"
    await admin.execute("update quotas set tat = now() + interval '3 seconds'")
    assert (await own_store.book("erp", 10, 50.0, 100.0)).units == 0, "that far ahead anybody may have booked"


async def test_a_rest_until_a_time_that_a_clock_since_put_back_told_holds_nobody_up(
    own_store: PostgresStore, admin: asyncpg.Connection
) -> None:
    await own_store.rest("erp", 60.0)
    await admin.execute("update quotas set rest_until = now() + interval '25 hours'")
    assert await own_store.resting_s("erp") == 0
    assert (await own_store.book("erp", 10, 50.0, 100.0)).units == 10
    await own_store.rest("erp", 60.0)
    assert 50 < await own_store.resting_s("erp") <= 60, "nor does it outlast what is asked for now"


async def test_slots_that_a_clock_since_put_back_gave_out_are_free(
    own_store: PostgresStore, admin: asyncpg.Connection
) -> None:
    assert await own_store.acquire_slots("erp", "dead", 5, 5, 30.0) == 5
    assert await own_store.acquire_slots("erp", "alive", 5, 5, 30.0) == 0
    await admin.execute("update slots set until = now() + interval '2 hours' where worker = 'dead'")
    assert await own_store.acquire_slots("erp", "alive", 5, 5, 30.0) == 5


async def test_a_listener_hears_again_after_its_connection_was_lost(
    own_store: PostgresStore, admin: asyncpg.Connection
) -> None:
    heard = asyncio.Event()
    await own_store.listen("decide", heard.set)
    async with asyncio.timeout(10):
        await heard.wait()
        heard.clear()
        await admin.execute(END_SESSIONS + " and application_name = 'crossdock wake-ups'")
        await heard.wait()
        heard.clear()
        await own_store.wake("decide")
        await heard.wait()


async def test_vacuum_keeps_the_agenda_short(own_store: PostgresStore, admin: asyncpg.Connection) -> None:
    await admin.execute("insert into agenda select n, n, 5 from generate_series(1, 5000) n; delete from agenda")
    figures = await own_store.tend()
    assert figures["agenda_rows"] == 0
    await admin.execute("insert into agenda select n, n, 5 from generate_series(1, 5000) n")
    before = await admin.fetchval("select pg_relation_size('agenda')")
    await admin.execute("delete from agenda")
    await own_store.tend()
    await admin.execute("insert into agenda select n, n, 5 from generate_series(1, 5000) n")
    assert await admin.fetchval("select pg_relation_size('agenda')") == before


async def test_a_role_that_cannot_see_other_sessions_does_not_say_that_no_snapshot_is_old(
    own_database_url: str, admin: asyncpg.Connection
) -> None:
    name = await admin.fetchval("select current_database()")
    role = f"plain_{name}"
    await admin.execute(
        f"create role {role}; grant all on all tables in schema public to {role}; "
        f"alter database {name} set role to {role}"
    )
    store = await PostgresStore.open(own_database_url)
    try:
        assert not await sees_sessions(own_database_url)
        assert "oldest_snapshot_s" not in await store.tend()
        await admin.execute(f"grant pg_read_all_stats to {role}")
        assert await sees_sessions(own_database_url)
        assert (await store.tend())["oldest_snapshot_s"] >= 0
    finally:
        await store.close()
        await admin.execute(f"alter database {name} reset role; drop owned by {role}; drop role {role}")
