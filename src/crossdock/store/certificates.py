"""Day closes as kept: never changed, each one naming the one it replaces. And what a day's list is made from."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from crossdock.domain.state import OrderState, decode_state
from crossdock.store.errors import translated
from crossdock.store.named import Statements
from crossdock.store.reading import Database, plain, statements
from crossdock.store.squeeze import Squeeze

_SQL = Statements("certificates")
TOP = 2**62


class AlreadyClosed(Exception):
    """Somebody else closed or corrected this date meanwhile; the text says so."""


class Kept(msgspec.Struct, frozen=True):
    """The certificate that stands for a date."""

    id: int
    serial: str
    digest: str
    file: bytes
    listed: bytes


class CertificateRow(msgspec.Struct, frozen=True):
    """A certificate in a list. ``replaces``: the serial of the one it corrects."""

    id: int
    business_date: date
    time_zone: str
    serial: str
    digest: str
    replaces: str | None
    made_by: str
    made_at: datetime
    replaced: bool


class Whole(msgspec.Struct, frozen=True):
    """One certificate's file, and the list it was made from."""

    id: int
    business_date: date
    file: bytes
    listed: bytes


class New(msgspec.Struct, frozen=True):
    """A certificate to be kept."""

    business_date: date
    time_zone: str
    serial: str
    digest: str
    file: bytes
    listed: bytes
    replaces: int | None
    made_by: str


async def keep(db: Database, new: New) -> int:
    """Keep it; its number. Raises ``AlreadyClosed`` when the date, or the one it replaces, has another already."""
    packed = Squeeze().pack(new.listed)
    with translated("keep a certificate"):
        try:
            kept: int = await db.fetchval(
                _SQL.keep, new.business_date, new.time_zone, new.serial, new.digest, new.file, packed, new.replaces,
                new.made_by,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            detail = f"{new.business_date} was closed by somebody else meanwhile: look at that certificate first."
            raise AlreadyClosed(detail) from error
    return kept


async def newest(db: Database, day: date) -> Kept | None:
    """The certificate that stands for a date."""
    row = await db.fetchrow(statements("reading_differences").newest, day)
    return None if row is None else Kept(row["id"], row["serial"], row["digest"], row["body"], plain(row["list"]))


async def page(db: Database, below: int | None = None, limit: int = 50) -> list[CertificateRow]:
    """Newest first."""
    rows = await db.fetch(statements("reading_differences").certificates, below or TOP, limit)
    return [CertificateRow(**dict(row)) for row in rows]


async def whole(db: Database, certificate: int) -> Whole | None:
    row = await db.fetchrow(statements("reading_differences").certificate, certificate)
    return None if row is None else Whole(row["id"], row["business_date"], row["body"], plain(row["list"]))


class Placed(msgspec.Struct, frozen=True):
    """One of our orders that was placed in a day."""

    id: int
    key: str
    state: OrderState


async def placed(
    db: Database, channel: str, came_since: datetime, since: datetime, until: datetime, after: int, limit: int
) -> Sequence[Placed]:
    """Our orders of a channel placed in [since, until), in the order they came in, after stream ``after``."""
    sql = statements("reading_differences").placed
    rows = await db.fetch(sql, channel, came_since, since, until, after, limit)
    return [Placed(row["id"], row["key"], decode_state(plain(row["state"]))) for row in rows if row["state"]]
