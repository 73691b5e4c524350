"""Monthly partitions of the tables that only grow, made ahead of time so that no midnight finds one missing.

There is no default partition: it would have to be searched and moved. Partitions are attached instead of created in
place, because that does not block writers. Months are UTC's. Releases that began them at the server's own midnight left
bounds that stay as they are: only what no partition covers is made.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import msgspec

from crossdock.store.named import Statements
from crossdock.store.pool import Connection

PARTITIONED = {"messages": "received_at", "journal": "at", "attempts": "started_at"}
MONTHS_AHEAD = 3
_SQL = Statements("partitions")


class Partition(msgspec.Struct, frozen=True):
    """Of ``parent``, for [starts, ends)."""

    parent: str
    name: str
    starts: datetime
    ends: datetime


def months(now: datetime, behind: int = 1, ahead: int = MONTHS_AHEAD) -> list[tuple[datetime, datetime]]:
    """The month of ``now``, those before and those after, each as [start, end)."""
    first = now.year * 12 + now.month - 1
    starts = [datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(first - behind, first + ahead + 2)]
    return list(pairwise(starts))


async def partitions(connection: Connection) -> list[Partition]:
    """All there are, by table and time."""
    return [Partition(*row) for row in await connection.fetch(_SQL.bounds, list(PARTITIONED))]


def missing(there: Sequence[Partition], now: datetime) -> list[Partition]:
    """What no partition covers of the months around ``now``. One that is not a whole month's, beside one that has the
    month's name, is called by its beginning."""
    taken = {one.name for one in there}
    found = []
    for table in PARTITIONED:
        own = [one for one in there if one.parent == table]
        for month, end in months(now):
            for start, until in _uncovered(month, end, own):
                name = f"{table}_{month:%Y_%m}"
                if name in taken:
                    name = f"{table}_{start:%Y_%m_%d_%H%M}"
                taken.add(name)
                found.append(Partition(table, name, start, until))
    return found


def _uncovered(start: datetime, end: datetime, there: Sequence[Partition]) -> Iterator[tuple[datetime, datetime]]:
    for one in there:
        if start < (until := min(one.starts, end)):
            yield start, until
        start = max(start, one.ends)
    if start < end:
        yield start, end


async def make_partitions(connection: Connection) -> list[str]:
    """Make the missing partitions on the database's clock; returns their names."""
    now = (await connection.fetchval("select now()")).astimezone(UTC)
    lacking = missing(await partitions(connection), now)
    return [one.name for one in lacking if await _make(connection, one, now)]


async def _make(connection: Connection, one: Partition, now: datetime) -> bool:
    """False when another process was faster."""
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(hashtext('crossdock partitions'))")
        if one not in missing(await partitions(connection), now):
            return False
        await connection.execute(
            f"create table if not exists {one.name} "
            f"(like {one.parent} including defaults including storage including constraints)"
        )
        await connection.execute(
            f"alter table {one.parent} attach partition {one.name} "
            f"for values from ('{one.starts.isoformat()}') to ('{one.ends.isoformat()}')"
        )
    return True
