"""Monthly partitions of the tables that only grow, made ahead of time so that no midnight finds one missing.

There is no default partition: it would have to be searched and moved. Partitions are attached instead of created in
place, because that does not block writers.
"""

from datetime import UTC, datetime
from itertools import pairwise

from crossdock.store.pool import Connection

PARTITIONED = {"messages": "received_at", "journal": "at", "attempts": "started_at"}
MONTHS_AHEAD = 3


def months(now: datetime, behind: int = 1, ahead: int = MONTHS_AHEAD) -> list[tuple[datetime, datetime]]:
    """The month of ``now``, those before and those after, each as [start, end)."""
    first = now.year * 12 + now.month - 1
    starts = [datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(first - behind, first + ahead + 2)]
    return list(pairwise(starts))


async def make_partitions(connection: Connection) -> list[str]:
    """Make the missing partitions on the database's clock; returns their names."""
    now = (await connection.fetchval("select now()")).astimezone(UTC)
    wanted = {f"{table}_{start:%Y_%m}": (table, start, end) for table in PARTITIONED for start, end in months(now)}
    there = await connection.fetch(
        "select relname from pg_class c join pg_inherits i on i.inhrelid = c.oid where relname = any($1)", list(wanted)
    )
    missing = sorted(set(wanted) - {row["relname"] for row in there})
    for name in missing:
        await _make(connection, name, *wanted[name])
    return missing


async def _make(connection: Connection, name: str, table: str, start: datetime, end: datetime) -> None:
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(hashtext('crossdock partitions'))")
        await connection.execute(
            f"create table if not exists {name} "
            f"(like {table} including defaults including storage including constraints)"
        )
        attached = await connection.fetchval("select 1 from pg_inherits where inhrelid = $1::text::regclass", name)
        if not attached:
            await connection.execute(
                f"alter table {table} attach partition {name} "
                f"for values from ('{start:%Y-%m-%d}') to ('{end:%Y-%m-%d}')"
            )
