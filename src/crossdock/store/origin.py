"""Notices that another PostgreSQL serves the database than before: a restored backup, or a standby that took over.

Such a database may have lost time, and with it the memory of what was sent. Business keys find those effects again, but
only where somebody looks: so for ``DOUBT_S``, every first send looks before it writes. It is noticed on each new
connection, before anything else is asked on it.
"""

from datetime import datetime

import asyncpg
import msgspec

from crossdock.store.errors import translated
from crossdock.store.named import Statements
from crossdock.store.pool import Connection, Pool
from crossdock.store.protocol import LOST_FENCES

DOUBT_S = 7 * 86400.0  # what was lost comes up again within it: by polls in minutes, by people's acts in days
_SQL = Statements("origin")
_UNTOLD = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.FeatureNotSupportedError,
    asyncpg.UndefinedFunctionError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # a standby: it serves nothing that writes
)


class Doubt(msgspec.Struct, frozen=True):
    """The database lost time. Until ``doubted_until``, first sends look before they write."""

    restored_at: datetime
    doubted_until: datetime


async def notice(connection: Connection) -> None:
    """Compare with what was noted. A service that does not tell which PostgreSQL it is goes unnoticed: the how-to for
    backups says what to do then."""
    try:
        now = await connection.fetchrow(_SQL.serving)
    except _UNTOLD:
        return
    if now["moved"]:
        await connection.execute(_SQL.note, now["system_identifier"], now["timeline"], DOUBT_S, LOST_FENCES)


async def restored(pool: Pool, doubt_s: float) -> None:
    """See ``Store.restored``."""
    with translated("note that the database lost time"):
        await pool.execute(_SQL.doubt, doubt_s, LOST_FENCES)


async def standing(pool: Pool) -> Doubt | None:
    """The doubt, while it lasts."""
    row = await pool.fetchrow(_SQL.standing)
    return None if row is None else Doubt(*row)
