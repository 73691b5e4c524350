"""The schedule role looks at the invariants once a day, and tells."""

import asyncio
from functools import partial
from typing import Any

import asyncpg
import pytest

from crossdock.engine.checking import AGAIN_S, EVERY_S, InvariantLoop
from crossdock.observe.signals import Silence
from crossdock.store.invariants import INVARIANTS
from crossdock.store.pool import Pool, reading_pool
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import StoreUnavailable

NAMES = {one.name for one in INVARIANTS}


class Heard(Silence):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.gauges: dict[str, float] = {}
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.log = self

    def set(self, metric: str, value: float, **labels: str) -> None:
        assert metric == "crossdock.invariant.violations"
        self.gauges[labels["invariant"]] = value

    def warning(self, event: str, **fields: Any) -> None:
        self.said.append((event, fields))

    error = warning


async def test_all_are_gauges_and_what_is_broken_is_logged_with_its_ids(
    store: PostgresStore, database_url: str
) -> None:
    heard = Heard()
    loop = InvariantLoop(partial(reading_pool, database_url, 1), heard)
    assert await loop.round() == EVERY_S
    assert heard.gauges == dict.fromkeys(NAMES, 0)
    assert heard.said == []
    await store.pool.execute("insert into timers select n, 'alarm', now() from generate_series(101, 130) n")
    await loop.round()
    assert heard.gauges == {**dict.fromkeys(NAMES, 0), "waiting_without_stream": 30}
    ids = " ".join(str(n) for n in range(101, 121))
    assert heard.said == [
        ("invariant.broken", {"name": "waiting_without_stream", "count": 30, "kind": "streams", "ids": ids})
    ]
    await store.pool.execute("delete from timers")
    await loop.round()
    assert heard.gauges == dict.fromkeys(NAMES, 0)


async def test_a_check_that_takes_too_long_is_ended_and_the_others_are_made(
    store: PostgresStore, database_url: str
) -> None:
    """Here it waits for a lock; a database that is slow is the same to it."""
    heard, locking = Heard(), await asyncpg.connect(database_url)

    async def impatient() -> Pool:
        settings = {"statement_timeout": "200ms"}
        return await asyncpg.create_pool(database_url, min_size=1, max_size=1, server_settings=settings)

    try:
        async with locking.transaction():
            await locking.execute("lock table attempts in access exclusive mode")
            assert await InvariantLoop(impatient, heard).round() == EVERY_S
    finally:
        await locking.close()
    late = {fields["name"] for _, fields in heard.said}
    assert {event for event, _ in heard.said} == {"invariant.unread"}
    assert late == {"command_never_sent", "attempt_without_command"}
    assert heard.gauges == dict.fromkeys(NAMES - late, 0)


async def test_a_database_that_does_not_answer_is_asked_again_soon() -> None:
    async def nobody() -> Pool:
        raise StoreUnavailable("could not connect to PostgreSQL")

    heard = Heard()
    assert await InvariantLoop(nobody, heard).round() == AGAIN_S
    assert [event for event, _ in heard.said] == ["store.unavailable"]
    assert heard.gauges == {}


@pytest.mark.parametrize(("first_s", "looked"), [(0.0, True), (3600.0, False)])
async def test_it_looks_a_while_after_the_start_and_ends_when_told(first_s: float, looked: bool) -> None:
    asked, stop = asyncio.Event(), asyncio.Event()

    async def nobody() -> Pool:
        asked.set()
        raise StoreUnavailable("could not connect to PostgreSQL")

    running = asyncio.create_task(InvariantLoop(nobody, Heard(), first_s=first_s).run(stop))
    if looked:
        await asyncio.wait_for(asked.wait(), 30)
    else:
        await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(running, 30)
    assert asked.is_set() == looked
