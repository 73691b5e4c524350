"""Filling the tables straight: a million waiting messages, a million timers, a reader that stays open."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import asyncpg
import zstandard

from benchmarks import load

if TYPE_CHECKING:
    from benchmarks.house import House

BATCH = 20_000


async def messages(here: "House", count: int) -> None:
    """Put that many new orders on the agenda as intake would leave them, by COPY."""
    for size in _batches(count):
        first = here.next_number
        here.next_number += size  # before the copy: one that is cancelled may have been committed all the same
        await _copy(here.pool, first, list(islice(load.orders(first, here.lines), size)), here)


def _batches(count: int) -> Iterator[int]:
    while count > 0:
        yield min(count, BATCH)
        count -= BATCH


async def _copy(pool: Any, first: int, orders: list[tuple[str, bytes]], here: "House") -> None:
    pack = zstandard.ZstdCompressor(level=1).compress
    now = datetime.now(UTC)
    async with pool.acquire() as db, db.transaction():
        shop = await db.fetchval("select id from connections where name = 'shop1'")
        # One by one: a sequence that is set while others take from it gives numbers twice.
        streams = await _numbers(db, "streams_id_seq", len(orders))
        ids = await _numbers(db, "messages_id_seq", len(orders))
        await db.copy_records_to_table(
            "streams",
            columns=["id", "kind", "key"],
            records=[(stream, "order", here.key(first + n)) for n, stream in enumerate(streams)],
        )
        await db.copy_records_to_table(
            "messages",
            columns=["id", "received_at", "connection_id", "stream_id", "source", "topic", "delivery_id", "body"],
            records=[
                (place, now, shop, stream, "webhook", "orders/create", name, pack(body))
                for place, stream, (name, body) in zip(ids, streams, orders, strict=True)
            ],
        )
        await db.copy_records_to_table(
            "agenda",
            columns=["stream_id", "message_id", "priority", "due_at"],
            records=[(stream, place, 0, now) for place, stream in zip(ids, streams, strict=True)],
        )
    await pool.execute("select pg_notify('crossdock_decide', '')")


async def _numbers(db: Any, sequence: str, count: int) -> list[int]:
    found = await db.fetch("select nextval($1::text::regclass) as id from generate_series(1, $2)", sequence, count)
    return [row["id"] for row in found]


async def timers(pool: Any, count: int) -> None:
    """That many alarms, all tomorrow or later."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await pool.copy_records_to_table(
        "timers",
        columns=["stream_id", "name", "due_at"],
        records=[(-n, "edit_window", tomorrow + timedelta(seconds=n % 86_400)) for n in range(1, count + 1)],
    )


@asynccontextmanager
async def idle_reader(url: str) -> AsyncIterator[None]:
    """A session that holds a snapshot open, as a report or a forgotten psql does."""
    reader = await asyncpg.connect(url)
    await reader.execute("begin isolation level repeatable read; select count(*) from connections")
    try:
        yield
    finally:
        await reader.close()
