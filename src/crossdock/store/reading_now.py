"""What is going on at this moment: queues, rates, health."""

from datetime import datetime
from typing import Any

import msgspec

from crossdock.store.reading import CAP, Count, Database, counted, statements

HISTORY_ROWS = 60_000  # newest rows that a look back over minutes reads
RATE_ROWS = 30_000
LANES = {0: "live", 1: "inventory", 2: "backfill"}


class Lane(msgspec.Struct, frozen=True):
    name: str
    depth: Count
    oldest_s: float


class Outbound(msgspec.Struct, frozen=True):
    """Commands waiting for one connection."""

    connection: str
    depth: Count
    due: int
    in_flight: int
    oldest_s: float


class Lag(msgspec.Struct, frozen=True):
    """How far behind one channel and region is. Seconds; ``None`` where nothing was booked in the last hour."""

    channel: str
    region: str
    on_their_way: int
    oldest_s: float
    booked: int
    p50_s: float | None
    p95_s: float | None


class Worker(msgspec.Struct, frozen=True):
    id: str
    host: str
    pid: int
    roles: str
    version: str
    started_at: datetime
    seen_at: datetime
    silent: bool
    figures: dict[str, Any]


class Rates(msgspec.Struct, frozen=True):
    """Per minute, over the last minute."""

    at: datetime
    accepted: int
    delivered: int


class Minute(msgspec.Struct, frozen=True):
    at: datetime
    n: int
    failed: int = 0


class History(msgspec.Struct, frozen=True):
    """Per minute; when traffic is high, fewer minutes than asked for."""

    accepted: list[Minute]
    calls: list[Minute]


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


async def lanes(db: Database, now: datetime) -> list[Lane]:
    rows = await db.fetch(statements("reading_now").lanes, CAP)
    return [Lane(LANES[row["priority"]], counted(row["depth"]), _age(row["due_at"], now)) for row in rows]


async def outbound(db: Database, now: datetime) -> list[Outbound]:
    rows = await db.fetch(statements("reading_now").dispatch, CAP)
    return [
        Outbound(row["name"], counted(row["depth"]), row["due"], row["leased"], _age(row["oldest_at"], now))
        for row in rows
    ]


async def rates(db: Database) -> Rates:
    row = await db.fetchrow(statements("reading_now").rates, RATE_ROWS)
    return Rates(row["at"], row["accepted"], row["delivered"])


async def decisions_ever(db: Database) -> int:
    """A counter that only grows (but for retention): rates are made of its differences."""
    return int(await db.fetchval(statements("reading_now").decisions_ever))


async def history(db: Database, minutes: int = 60) -> History:
    arrivals = await db.fetch(statements("reading_now").arrivals, minutes, HISTORY_ROWS)
    calls = await db.fetch(statements("reading_now").calls, minutes, HISTORY_ROWS)
    return History(
        [Minute(row["minute"], row["n"]) for row in arrivals],
        [Minute(row["minute"], row["n"], row["failed"]) for row in calls],
    )


async def orders_by_status(db: Database) -> dict[str, Count]:
    rows = await db.fetch(statements("reading_now").statuses, CAP)
    return {row["status"]: Count(row["n"], row["capped"]) for row in rows}


async def orders_estimate(db: Database) -> int:
    """About how many orders (and other streams) there are in all."""
    return int(await db.fetchval(statements("reading_now").streams_estimate))


async def exceptions_open(db: Database) -> tuple[Count, int]:
    """Open exceptions, and how many causes they have."""
    row = await db.fetchrow(statements("reading_now").exceptions_open, CAP)
    return counted(row["n"]), row["causes"]


async def lag(db: Database, now: datetime) -> list[Lag]:
    waiting = {(r["channel"], r["region"]): r for r in await db.fetch(statements("reading_now").lag_open, CAP)}
    booked = {(r["channel"], r["region"]): r for r in await db.fetch(statements("reading_now").lag_booked, CAP // 5)}
    return [_lag(place, waiting.get(place), booked.get(place), now) for place in sorted({*waiting, *booked})]


def _lag(place: tuple[str, str], waiting: Any, booked: Any, now: datetime) -> Lag:
    return Lag(
        channel=place[0],
        region=place[1],
        on_their_way=waiting["n"] if waiting else 0,
        oldest_s=_age(waiting["oldest_at"], now) if waiting else 0.0,
        booked=booked["n"] if booked else 0,
        p50_s=booked["p50_s"] if booked else None,
        p95_s=booked["p95_s"] if booked else None,
    )


async def workers(db: Database) -> list[Worker]:
    rows = await db.fetch(statements("reading_now").workers)
    return [
        Worker(
            id=row["id"],
            host=row["host"],
            pid=row["pid"],
            roles=row["roles"],
            version=row["version"],
            started_at=row["started_at"],
            seen_at=row["seen_at"],
            silent=row["silent"],
            figures=msgspec.json.decode(row["figures"], type=dict[str, Any]),
        )
        for row in rows
    ]
