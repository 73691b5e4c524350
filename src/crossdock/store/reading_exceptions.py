"""Exceptions: one group per cause, its members, and how each stands."""

from datetime import datetime
from typing import Any

import msgspec

from crossdock.store.reading import Database, statements
from crossdock.store.reading_orders import ExceptionRow, exception_row

GROUPS = 200
TOP = 2**62


class Sample(msgspec.Struct, frozen=True):
    stream_id: int
    kind: str
    key: str
    label: str | None


class Group(msgspec.Struct, frozen=True):
    """All open exceptions of one cause. The words are those of the newest."""

    fingerprint: str
    n: int
    streams: int
    seen: int
    first_seen_at: datetime
    last_seen_at: datetime
    klass: str
    code: str
    title: str
    hint: str
    owner: str
    samples: list[Sample]


class Member(msgspec.Struct, frozen=True):
    exception: ExceptionRow
    kind: str
    stream_key: str
    label: str | None
    channel: str | None
    status: str
    amount: str | None
    currency: str | None


class MemberPage(msgspec.Struct, frozen=True):
    members: list[Member]
    below: int | None = None


class Standing(msgspec.Struct, frozen=True):
    """How one member of a cause stands now."""

    stream_id: int
    key: str
    klass: str
    state: str
    kind: str
    stream_key: str
    status: str
    channel: str | None
    finished: bool


async def groups(db: Database, owner: str | None = None) -> list[Group]:
    rows = await db.fetch(statements("reading_exceptions").groups, owner, GROUPS)
    wanted = sorted({stream for row in rows for stream in row["samples"]})
    labels = {
        r["id"]: Sample(r["id"], r["kind"], r["key"], r["label"])
        for r in await db.fetch(statements("reading_exceptions").labels, wanted)
    }
    return [_group(dict(row), labels) for row in rows]


def _group(row: dict[str, Any], labels: dict[int, Sample]) -> Group:
    samples = [labels[stream] for stream in dict.fromkeys(row.pop("samples")) if stream in labels]
    return Group(klass=row.pop("class"), seen=int(row.pop("seen")), samples=samples, **row)


async def members(db: Database, fingerprint: str, *, below: int | None = None, limit: int = 50) -> MemberPage:
    rows = await db.fetch(statements("reading_exceptions").members, fingerprint, below or TOP, limit + 1)
    found = [
        Member(
            exception=exception_row(row),
            kind=row["kind"],
            stream_key=row["stream_key"],
            label=row["label"],
            channel=row["channel"],
            status=row["status"],
            amount=row["amount"],
            currency=row["currency"],
        )
        for row in rows[:limit]
    ]
    return MemberPage(found, below=found[-1].exception.id if len(rows) > limit else None)


async def open_ids(db: Database, fingerprint: str, limit: int) -> list[int]:
    """The newest open exceptions of one cause: what a preview counts and a confirmation names."""
    rows = await db.fetch(statements("reading_exceptions").open_ids, fingerprint, limit)
    return [row["id"] for row in rows]


async def standing(db: Database, fingerprint: str, ids: list[int]) -> list[Standing]:
    """How these members of the cause stand at this moment; those of another cause are left out."""
    rows = await db.fetch(statements("reading_exceptions").standing, fingerprint, len(ids), ids)
    return [Standing(klass=row.pop("class"), **row) for row in map(dict, rows)]
