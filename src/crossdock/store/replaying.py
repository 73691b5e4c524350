"""Puts stored messages back on the agenda. Deciding them again has no effect twice: business keys are unique."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from crossdock.store.errors import translated
from crossdock.store.named import Statements
from crossdock.store.pool import Pool, transaction

LONG_S = 35.0  # counting a year takes its time; a little more than the server lets a statement take
_SQL = Statements("replay")


class Selection(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which messages from outside (webhook, poll, api, file). Everything named must hold; nothing named: all."""

    since: datetime | None = None
    until: datetime | None = None
    ids: Sequence[int] | None = None
    connection: str | None = None

    @property
    def filters(self) -> tuple[object, ...]:
        return self.since, self.until, list(self.ids) if self.ids is not None else None, self.connection


class Batch(msgspec.Struct, frozen=True):
    last_id: int | None  # None: nothing is left
    looked: int
    added: int


async def count(pool: Pool, selection: Selection) -> tuple[int, int]:
    """(messages, streams) that match."""
    with translated("count messages"):
        async with pool.acquire() as connection:
            row = await connection.fetchrow(_SQL.count, *selection.filters, timeout=LONG_S)
    return row["messages"], row["streams"]


async def again(pool: Pool, selection: Selection, after_id: int, limit: int) -> Batch:
    """Put the next matching messages on the agenda, in message order."""
    async with transaction(pool, "replay messages") as connection:
        row = await connection.fetchrow(_SQL.again, *selection.filters, after_id, limit, timeout=LONG_S)
    return Batch(row["last_id"], row["looked"], row["added"])
