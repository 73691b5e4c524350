"""Held orders: by rule, and how each stands against a release of many."""

from datetime import datetime
from typing import Any

import msgspec

from crossdock.store.reading import CAP, Database, statements

PREFIX = "order.held:"


class HeldBy(msgspec.Struct, frozen=True):
    """All orders that one rule holds. ``facts`` are those of the newest."""

    rule: str
    n: int
    also_held: int  # by another rule too
    oldest_at: datetime
    newest_at: datetime
    channels: list[str]
    title: str
    owner: str
    facts: dict[str, Any]


class Standing(msgspec.Struct, frozen=True):
    """How one held order stands now. ``seen_at``: when the rule saw the values it holds by."""

    id: int  # the exception's
    stream_id: int
    key: str
    channel: str | None
    status: str
    owner: str
    release_by: tuple[str, ...]
    seen_at: datetime | None
    other_holds: int
    problems: int


class Selection(msgspec.Struct, frozen=True):
    """Which of a rule's holds are meant, as seen at one moment."""

    rule: str
    as_of: datetime
    upto: int  # the newest exception there was
    channel: str | None = None
    older_than_s: float | None = None


async def rules(db: Database) -> list[HeldBy]:
    """Which rules hold orders; over at most ``reading.CAP`` holds."""
    found = []
    for row in map(dict, await db.fetch(statements("reading_holds").rules, CAP)):
        rule = row.pop("fingerprint").removeprefix(PREFIX)
        facts = msgspec.json.decode(row.pop("facts"))
        found.append(HeldBy(rule=rule, facts=facts, channels=row.pop("channels") or [], **row))
    return found


async def moment(db: Database) -> tuple[datetime, int]:
    """The database's clock, and the newest exception there is: what a preview is made as of."""
    row = await db.fetchrow(statements("reading_holds").at)
    return row["as_of"], row["upto"]


async def standing(db: Database, wanted: Selection, after: int, limit: int) -> list[Standing]:
    """The next of the selection after an exception's id."""
    rows = await db.fetch(
        statements("reading_holds").standing, PREFIX + wanted.rule, after, wanted.upto, limit, wanted.channel,
        wanted.older_than_s, wanted.as_of,
    )  # fmt: skip
    return [_standing(dict(row)) for row in rows]


def _standing(row: dict[str, Any]) -> Standing:
    facts = msgspec.json.decode(row.pop("facts"))
    seen_at = facts.get("seen_at")
    return Standing(
        release_by=tuple(facts.get("release_by", ())),
        seen_at=None if seen_at is None else datetime.fromisoformat(seen_at),
        **row,
    )
