"""Connections: health, what waits for them, how much of the quota is booked."""

from datetime import datetime
from typing import Any

import msgspec

from crossdock.store.reading import CAP, Count, Database, counted, statements

RECENT_CALLS = 20_000
THROTTLED_S = 3600.0  # a limit that has refused a command for this long will not let it through by itself


class FailingPoll(msgspec.Struct, frozen=True):
    since: datetime
    error: str


class ConnectionHealth(msgspec.Struct, frozen=True):
    """One configured account as the store knows it. Durations in the unit their name says."""

    id: int
    name: str
    system: str
    role: str
    region: str | None
    api_version: str
    mapping_version: str
    paused_at: datetime | None
    paused_reason: str | None
    breaker: str
    breaker_until: datetime | None
    failures: int
    last_ok_at: datetime | None
    last_error_at: datetime | None
    last_error: str | None
    ends: dict[str, datetime]  # its credentials, by name
    failing_polls: dict[str, FailingPoll]
    waiting: Count
    due: int
    in_flight: int
    oldest_at: datetime | None
    booked_s: float | None  # how far ahead of the clock the quota is booked
    slots_held: int | None
    rests_until: datetime | None  # its vendor asked all of us to leave it alone
    throttled: Count  # commands that its limit has refused for an hour and longer
    throttled_at: datetime | None  # since when it has refused the first of them
    calls: int = 0  # in the last hour
    done: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None

    @property
    def health(self) -> str:
        """paused, down (breaker open), trying (half open), failing, throttled, fine, or idle (never called)."""
        if self.paused_at:
            return "paused"
        if self.breaker != "closed":
            return "down" if self.breaker == "open" else "trying"
        if self.failures or self.failing_polls:
            return "failing"
        if self.throttled_at:
            return "throttled"
        return "fine" if self.last_ok_at or self.done else "idle"


async def connections(db: Database) -> list[ConnectionHealth]:
    sql = statements("reading_connections")
    recent = {row["name"]: row for row in await db.fetch(sql.recent, RECENT_CALLS)}
    return [_health(dict(row), recent.get(row["name"])) for row in await db.fetch(sql.connections, CAP, THROTTLED_S)]


def _health(row: dict[str, Any], recent: Any) -> ConnectionHealth:
    return ConnectionHealth(
        waiting=counted(row.pop("waiting")),
        throttled=counted(row.pop("throttled")),
        in_flight=row.pop("leased"),
        slots_held=row.pop("held"),
        failing_polls=msgspec.json.decode(row.pop("failing_polls"), type=dict[str, FailingPoll]),
        ends=msgspec.json.decode(row.pop("ends"), type=dict[str, datetime]),
        calls=recent["n"] if recent else 0,
        done=recent["done"] if recent else 0,
        p50_ms=recent["p50_ms"] if recent else None,
        p95_ms=recent["p95_ms"] if recent else None,
        **row,
    )
