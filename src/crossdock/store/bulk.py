"""Acts on many orders: what they were for and how far they are. Everything about them is idempotent by the act's id."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from crossdock.store.reading import Database, statements
from crossdock.store.reading_holds import Selection


class BulkAct(msgspec.Struct, frozen=True):
    """One act. ``told``: orders that were told to go on; ``changed`` and ``refused`` were left alone."""

    id: str
    action: str
    rule: str
    actor: str
    role: str
    reason: str
    channel: str | None
    older_than_s: float | None
    as_of: datetime
    upto: int
    reached: int
    told: int
    changed: int
    refused: int
    began_at: datetime
    finished_at: datetime | None
    undone_by: str | None
    undone_at: datetime | None

    @property
    def selection(self) -> Selection:
        return Selection(self.rule, self.as_of, self.upto, self.channel, self.older_than_s)


class Lot(msgspec.Struct, frozen=True):
    """One lot of an act: whom it told, up to which exception it is done."""

    before: int
    reached: int
    streams: Sequence[int] = ()
    changed: int = 0
    refused: int = 0
    last: bool = False


class Member(msgspec.Struct, frozen=True):
    stream_id: int
    key: str
    channel: str | None


async def begin(db: Database, act_id: str, wanted: Selection, actor: str, role: str, reason: str) -> bool:
    """Note a new act; False when there is one of that id."""
    made = await db.fetchval(
        statements("bulk").begin, act_id, wanted.rule, actor, role, reason, wanted.channel, wanted.older_than_s,
        wanted.as_of, wanted.upto,
    )  # fmt: skip
    return made is not None


async def act(db: Database, act_id: str) -> BulkAct | None:
    row = await db.fetchrow(statements("bulk").act, act_id)
    return None if row is None else BulkAct(**row)


async def recent(db: Database, limit: int) -> list[BulkAct]:
    """The newest acts first."""
    return [BulkAct(**row) for row in await db.fetch(statements("bulk").recent, limit)]


async def advance(db: Database, act_id: str, lot: Lot) -> None:
    """Note one lot, unless somebody who served the same act did already."""
    await db.fetch(
        statements("bulk").advance, act_id, lot.before, lot.reached, len(lot.streams), lot.changed, lot.refused,
        lot.last, list(lot.streams),
    )  # fmt: skip


async def members(db: Database, act_id: str, after: int, limit: int) -> list[Member]:
    """Whom an act told, by stream."""
    return [Member(**row) for row in await db.fetch(statements("bulk").members, act_id, after, limit)]


async def held_now(db: Database, act_id: str, rule: str) -> tuple[int, int]:
    """(orders of the act that its rule holds at this moment, orders that have not been decided on yet)."""
    row = await db.fetchrow(statements("bulk").held_now, act_id, f"hold/{rule}")
    return row["held"], row["waiting"]


async def undo(db: Database, act_id: str, actor: str) -> bool:
    """Note that it is taken back; False when it was already."""
    return await db.fetchval(statements("bulk").undo, act_id, actor) is not None


async def forget(db: Database, keep_days: int) -> None:
    """Forget acts that are older than so many days: what they released is booked or ended long since."""
    await db.fetch(statements("bulk").forget, keep_days)
