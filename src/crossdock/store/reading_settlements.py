"""Settlements: the list, and which stream one is."""

import msgspec

from crossdock.store.reading import Database, statements
from crossdock.store.reading_orders import OrderRow

_NEWEST = 2**62


class SettlementPage(msgspec.Struct, frozen=True):
    """``below`` is the cursor of the next page. A row's ``label`` is the source's id, its ``amount`` the deposit."""

    settlements: list[OrderRow]
    below: int | None = None


async def page(
    db: Database, *, channel: str | None = None, below: int | None = None, limit: int = 50
) -> SettlementPage:
    """Newest first."""
    rows = await db.fetch(statements("reading_settlements").page, below or _NEWEST, channel, limit + 1)
    found = [OrderRow(**dict(row)) for row in rows[:limit]]
    return SettlementPage(found, found[-1].id if len(rows) > limit else None)


async def stream_id(db: Database, name: str) -> int | None:
    """By its key (``shop1-4711``) or by the id that its source gives it."""
    found = await db.fetchval(statements("reading_settlements").named, name)
    return None if found is None else int(found)
