"""Keys of the partner API. A key belongs to one connection, opens what its scopes name, and is shown once.

Stored is its SHA-256. It is 256 random bits, so that there is nothing to guess; argon2id, which passwords need, would
cost each request 50 ms and 64 MB for nothing.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import cache
from secrets import token_urlsafe
from typing import Any

import msgspec

from crossdock.store.named import Statements
from crossdock.store.pool import Pool

PLACED = "order.placed"  # the topic of connectors that are given orders by this API: their connections may have keys
LONGEST_DAYS = 3_650
PREFIX = "cdk_"  # so that scanners for leaked secrets, and people, know one when they see it
SCOPES = (
    "orders:write",
    "orders:read",
    "customers:read",
    "products:read",
    "prices:read",
    "stock:read",
    "returns:write",
)


class KeyRefused(Exception):
    """No key was made or taken away; the text says why and what to do."""


class Partner(msgspec.Struct, frozen=True):
    """Who is asking."""

    name: str
    connection: str
    scopes: frozenset[str]


class KeyRow(msgspec.Struct, frozen=True):
    """A key for people, without what opens the door."""

    id: int
    connection: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    state: str  # open, expired, revoked


@cache
def _sql() -> Statements:
    return Statements("partner")


async def make(
    pool: Pool,
    connection: str,
    name: str,
    scopes: list[str],
    *,
    days: int | None = None,
    token: Callable[[], str] = token_urlsafe,
) -> str:
    """A new key, told this once; ``days``: how long it opens, None: until it is revoked. Raises ``KeyRefused``."""
    name = name.strip()
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise KeyRefused("A key's name has 1 to 80 printable characters.")
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise KeyRefused(f"There is no scope {', '.join(unknown)}. Scopes: {', '.join(SCOPES)}.")
    if not scopes:
        raise KeyRefused(f"A key without a scope opens nothing. Scopes: {', '.join(SCOPES)}.")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise KeyRefused(f"A key opens for 1 to {LONGEST_DAYS} days, or until it is revoked.")
    key = PREFIX + token()
    if await pool.fetchval(_sql().make_key, connection, name, sorted(set(scopes)), _hash(key), days) is None:
        raise KeyRefused(f"There is no connection '{connection}', or it has a key '{name}' already: revoke that first.")
    return key


async def find(pool: Pool, key: str) -> Partner | None:
    """Whom a key belongs to; None: unknown, revoked or run out, which nobody is told apart."""
    if not key.startswith(PREFIX) or len(key) > 200:
        return None
    row: Any = await pool.fetchrow(_sql().key, _hash(key))
    return Partner(row["name"], row["connection"], frozenset(row["scopes"])) if row else None


async def listed(pool: Pool) -> list[KeyRow]:
    """All keys, revoked ones too."""
    return [KeyRow(**dict(row)) for row in await pool.fetch(_sql().keys)]


async def revoke(pool: Pool, connection: str, name: str) -> tuple[str, str]:
    """Take a key away; the next request with it is refused. Whose it was. Raises ``KeyRefused``."""
    if await pool.fetchval(_sql().revoke, connection, name) is None:
        raise KeyRefused(f"'{connection}' has no key '{name}' that still opens. See: crossdock partner-key list")
    return connection, name


async def revoke_one(pool: Pool, id_: int) -> tuple[str, str]:
    """The same by its number; whose key it was. Raises ``KeyRefused``."""
    row: Any = await pool.fetchrow(_sql().revoke_one, id_)
    if row is None:
        raise KeyRefused(f"There is no key {id_} that was not revoked yet.")
    return row["connection"], row["name"]


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
