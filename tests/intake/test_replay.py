"""Replay and contacts against the real database."""

import asyncpg
import pytest

from crossdock.domain.decision import StreamRef
from crossdock.intake.replay import Plan, plan, replay
from crossdock.store.contacts import Contacts
from crossdock.store.named import Statements
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import Arrival
from crossdock.store.replaying import Selection


@pytest.fixture
async def stored(store: PostgresStore) -> list[int]:
    async with store.pool.acquire() as db:
        await db.execute(Statements("connections").register, "north", "tradepost", "channel", None, "1", "1")
    await store.tend()
    arrivals = [
        Arrival("north", f"d{n}", "webhook", "order/new", StreamRef("order", f"north-{n % 4}"), b"{}")
        for n in range(10)
    ]
    receipts = await store.accept(arrivals)
    async with store.pool.acquire() as db:
        await db.execute("delete from agenda")
    return [receipt.message_id or 0 for receipt in receipts]


async def waiting(store: PostgresStore) -> list[asyncpg.Record]:
    async with store.pool.acquire() as db:
        return list(await db.fetch("select message_id, priority from agenda order by message_id"))


async def test_a_dry_run_counts_and_changes_nothing(store: PostgresStore, stored: list[int]) -> None:
    assert await plan(store.pool, Selection()) == Plan(10, 4)
    assert await plan(store.pool, Selection(ids=stored[:3])) == Plan(3, 3)
    assert await plan(store.pool, Selection(connection="south")) == Plan(0, 0)
    assert not await waiting(store)


async def test_messages_come_back_once_in_the_lowest_lane(store: PostgresStore, stored: list[int]) -> None:
    done = await replay(store, store.pool, Selection(connection="north"))
    assert (done.looked, done.added, done.last_id) == (10, 10, stored[-1])
    assert [(row["message_id"], row["priority"]) for row in await waiting(store)] == [(one, 2) for one in stored]
    repeated = await replay(store, store.pool, Selection(connection="north"))
    assert (repeated.looked, repeated.added) == (10, 0)


async def test_a_contact_is_kept_where_people_look(store: PostgresStore, stored: list[int]) -> None:
    contacts = Contacts(store.pool)
    await contacts.note("north", None)
    await contacts.note("north", "poll orders: NotSent: refused")
    async with store.pool.acquire() as db:
        row = await db.fetchrow("select last_ok_at, last_error from connections where name = 'north'")
    assert row["last_ok_at"] is not None
    assert row["last_error"] == "poll orders: NotSent: refused"
