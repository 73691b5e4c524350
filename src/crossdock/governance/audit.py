"""Who did what and why: an append-only chain. Each link's hash covers the link before it, so that a change shows."""

import functools
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from crossdock.store.named import Statements
from crossdock.store.pool import Connection, Pool

_START = b"\0" * 32
_PAGE = 1000
_NEWEST = 2**62


@functools.cache
def _sql() -> Statements:
    return Statements("audit")


class Act(msgspec.Struct, frozen=True):
    """One recorded act."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    reason: str
    detail: dict[str, Any]


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What ``verify`` found. ``broken_at`` is the id of the first link that does not fit; None: the chain holds.

    Keep ``head`` somewhere else: links cut off the end show only against a remembered head. ``cut_off``: the one that
    was remembered is not there."""

    links: int
    head: str
    broken_at: int | None = None
    cut_off: bool = False


async def append(
    pool: Pool,
    actor: str,
    action: str,
    subject: str,
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Record an act; returns its id. ``detail`` holds ids and settings, never personal data or secrets."""
    async with pool.acquire() as connection, connection.transaction():
        return await append_within(connection, actor, action, subject, reason, detail)


async def append_within(
    connection: Connection,
    actor: str,
    action: str,
    subject: str,
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> int:
    """The same in the transaction that does what is recorded: both or neither. Last in it, as others wait for it."""
    text = _canonical(detail or {})
    await connection.execute(_sql().lock)
    head = await connection.fetchrow(_sql().head, text)
    previous = head["previous"] or _START
    kept = _canonical(msgspec.json.decode(head["detail"]))
    hashed = _hash(previous, head["at"], actor, action, subject, reason, kept)
    link: int = await connection.fetchval(
        _sql().append, head["at"], actor, action, subject, reason, text, previous, hashed
    )
    return link


async def verify(pool: Pool, remembered: str = "") -> Verdict:
    """Walk the whole chain and compute every hash again. ``remembered``: the head of an earlier walk."""
    previous, last, links, passed = _START, 0, 0, not remembered
    while rows := await pool.fetch(_sql().page, last, _PAGE):
        for row in rows:
            detail = _canonical(msgspec.json.decode(row["detail"]))
            expected = _hash(previous, row["at"], row["actor"], row["action"], row["subject"], row["reason"], detail)
            if row["previous"] != previous or row["hash"] != expected:
                return Verdict(links, previous.hex(), row["id"])
            previous, last, links = row["hash"], row["id"], links + 1
            passed = passed or previous.hex() == remembered
    return Verdict(links, previous.hex(), cut_off=not passed)


async def recent(pool: Pool, limit: int = 100, before: int = _NEWEST) -> list[Act]:
    """The newest acts first; ``before`` is the id to go on from."""
    rows = await pool.fetch(_sql().recent, before, limit)
    return [Act(**{**row, "detail": msgspec.json.decode(row["detail"])}) for row in rows]


def _canonical(detail: Mapping[str, Any]) -> str:
    return msgspec.json.encode(detail, order="sorted").decode()


def _hash(previous: bytes, at: datetime, *texts: str) -> bytes:
    parts = [at.astimezone(UTC).isoformat(), *texts]
    return hashlib.sha256(previous + msgspec.json.encode(parts)).digest()
