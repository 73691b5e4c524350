"""The audit chain: no fork under concurrency, and a change anywhere shows."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossdock.governance import audit
from crossdock.store.pool import reading_pool


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Any]:
    opened = await reading_pool(database_url, size=4)
    yield opened
    await opened.close()


async def filled(pool: Any) -> None:
    await asyncio.gather(
        *(
            audit.append(pool, "ada", "order.retry", f"shop1-{n}", "why", {"n": n, "b": [1], "a": "ü"})
            for n in range(20)
        )
    )


async def test_many_writers_make_one_chain(pool: Any) -> None:
    await filled(pool)
    verdict = await audit.verify(pool)
    assert (verdict.links, verdict.broken_at) == (20, None)
    newest = (await audit.recent(pool, 1))[0]
    assert newest.actor == "ada"
    assert newest.detail["a"] == "ü"


async def test_what_the_database_writes_otherwise_breaks_no_chain(pool: Any) -> None:
    """Details hold what people send: PostgreSQL keeps such numbers as another text."""
    for detail in ({"x": 1e20}, {"x": -0.0}, {"x": 1e-7}, {"x": [1.0, {"b": 1e300, "a": 12345678901234567}]}):
        await audit.append(pool, "ada", "order.resolve", "shop1-1", "why", detail)
    verdict = await audit.verify(pool)
    assert (verdict.links, verdict.broken_at) == (4, None)


@pytest.mark.parametrize(
    "change",
    [
        "update audit set actor = 'eve' where id = $1",
        "update audit set reason = '' where id = $1",
        "update audit set detail = '{}' where id = $1",
        "update audit set at = at - interval '1 second' where id = $1",
        "update audit set hash = previous where id = $1",
        "delete from audit where id = $1",
    ],
)
async def test_any_change_shows(pool: Any, change: str) -> None:
    await filled(pool)
    ids = [row["id"] for row in await pool.fetch("select id from audit order by id")]
    await pool.execute(change, ids[10])
    broken_at = (await audit.verify(pool)).broken_at
    assert broken_at in (ids[10], ids[11])
