"""Differences as people read them: by kind and age, one by one, and how each route stands."""

from datetime import datetime

import msgspec

from crossdock.store.reading import CAP, Database, statements

TOP = 2**62
STATES = ("open", "suspected", "settled")


class DifferenceRow(msgspec.Struct, frozen=True):
    """One difference. ``stream_id`` and ``label``: our order, where we have it."""

    id: int
    channel: str
    erp: str
    order_key: str
    kind: str
    severity: str
    cause: str
    expected: str
    found: str
    explained: bool
    repair: str
    state: str
    looks: int
    repairs: int
    repaired_at: datetime | None
    told: bool
    found_at: datetime
    last_seen_at: datetime
    settled_at: datetime | None
    stream_id: int | None
    label: str | None


class DifferencePage(msgspec.Struct, frozen=True):
    differences: list[DifferenceRow]
    below: int | None = None


class KindRow(msgspec.Struct, frozen=True):
    """Open differences of one kind, by age: under an hour, a day, a week, older."""

    kind: str
    severity: str
    n: int
    oldest_at: datetime
    hour: int
    day: int
    week: int
    older: int


class RouteRow(msgspec.Struct, frozen=True):
    """A route's newest round."""

    channel: str
    erp: str
    began_at: datetime
    ended_at: datetime
    looked: int
    differing: int
    succeeded_at: datetime | None
    error: str | None


async def page(
    db: Database,
    *,
    state: str = "open",
    kind: str | None = None,
    channel: str | None = None,
    severity: str | None = None,
    older_s: float = 0.0,
    below: int | None = None,
    limit: int = 50,
) -> DifferencePage:
    """Newest first."""
    sql = statements("reading_differences").page
    rows = await db.fetch(sql, below or TOP, kind, channel, severity, older_s, state, limit + 1)
    found = [DifferenceRow(**dict(row)) for row in rows[:limit]]
    return DifferencePage(found, found[-1].id if len(rows) > limit else None)


async def kinds(db: Database, channel: str | None = None) -> list[KindRow]:
    """Open differences by kind, the most first; at most ``CAP`` are counted."""
    rows = await db.fetch(statements("reading_differences").kinds, channel, CAP)
    return [KindRow(**dict(row)) for row in rows]


async def routes(db: Database) -> list[RouteRow]:
    """How reconciliation stands for each route."""
    return [RouteRow(**dict(row)) for row in await db.fetch(statements("reading_differences").routes)]
