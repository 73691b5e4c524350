"""What has been kept long enough goes: months of messages, decisions and calls as whole partitions, delivery ids row
by row. Nothing of an unfinished stream goes, however old: its month stays, and is said to stay."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import msgspec

from crossdock.store.errors import translated
from crossdock.store.named import Statements
from crossdock.store.partitions import PARTITIONED, Partition, partitions
from crossdock.store.pool import Connection, Pool, transaction
from crossdock.store.protocol import StoreUnavailable

PATIENCE_S = 65.0  # a little more than ``patience`` lets a statement take
PAGES = 256  # of ``deliveries`` per transaction: 2 MB, some 25,000 ids at most
_SQL = Statements("retention")
_OURS = re.compile(rf"({'|'.join(PARTITIONED)})_\d{{4}}_\d\d(_\d\d_\d{{4}})?")  # what somebody attached stays


class Swept(msgspec.Struct):
    """What one sweep did. ``needed``: old months that stay because an unfinished stream has rows in them;
    ``busy``: months that somebody was reading, left to the next sweep."""

    dropped: list[str] = []
    needed: list[str] = []
    busy: list[str] = []


async def sweep(pool: Pool, keep_days: Mapping[str, int]) -> Swept:
    """Drop the months of ``messages``, ``journal`` and ``attempts`` that are older than so many days. A month goes
    when its last day is that old. Raises ``StoreUnavailable``."""
    swept = Swept()
    with translated("look for old partitions"):
        async with pool.acquire() as database:
            today = await database.fetchval(_SQL.today)
            there = await partitions(database)
    for month in there:
        if _OURS.fullmatch(month.name) and month.ends <= today - timedelta(days=keep_days[month.parent]):
            await _drop(pool, month, swept)
    return swept


async def _drop(pool: Pool, month: Partition, swept: Swept) -> None:
    try:
        async with _alone(pool, "drop an old partition") as database:
            if database is None:
                return
            await database.execute(_SQL.patience)
            needed = getattr(_SQL, f"{month.parent}_needed")
            if await database.fetchval(needed, month.starts, month.ends, timeout=PATIENCE_S):
                swept.needed.append(month.name)
                return
            await database.execute(f"drop table {month.name}", timeout=PATIENCE_S)  # a name that the catalogue gave
            swept.dropped.append(month.name)
    except StoreUnavailable as error:
        if not isinstance(error.__cause__, asyncpg.LockNotAvailableError):
            raise
        swept.busy.append(month.name)


async def forget_deliveries(pool: Pool, keep_days: int, page: int) -> int | None:
    """Forget the delivery ids in the next pages of their table, from ``page`` on, that are older than so many days.
    Returns the page to go on with, None after the last one. Raises ``StoreUnavailable``.

    Page after page, because no index tells their age: one on it would cost every message, for what is done once a day.
    """
    async with _alone(pool, "forget old delivery ids") as database:
        if database is None:
            return None
        await database.execute(_SQL.patience)
        await database.execute(_SQL.forget_deliveries, keep_days, page, PAGES, timeout=PATIENCE_S)
        last: int = await database.fetchval(_SQL.delivery_pages)
    return page + PAGES if page + PAGES < last else None


@asynccontextmanager
async def _alone(pool: Pool, doing: str) -> AsyncIterator[Connection | None]:
    """A transaction for one process at a time; None for the others."""
    async with transaction(pool, doing) as database:
        yield database if await database.fetchval(_SQL.only_one) else None
