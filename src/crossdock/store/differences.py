"""What reconciliation keeps: differences as long as they stand, and how each route's newest round went.

Beside the engine's own protocol, as retention and contacts are: the simulation has no use for it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from crossdock.domain.reconciling import Difference
from crossdock.domain.state import OrderState, decode_state
from crossdock.store.decisions import clean
from crossdock.store.errors import translated
from crossdock.store.named import Statements
from crossdock.store.pool import Pool, transaction
from crossdock.store.reading import plain

_SQL = Statements("differences")


class Standing(msgspec.Struct, frozen=True):
    """A difference that stands. ``told``: what differed when a person was told; None: nobody was."""

    id: int
    order_key: str
    kind: str
    state: str  # suspected, open
    expected: str
    found: str
    looks: int
    repairs: int
    repaired_at: datetime | None
    told: str | None
    found_at: datetime
    age_s: float
    since_repair_s: float | None


class Seen(msgspec.Struct, frozen=True):
    """A difference and the order it is about."""

    order_key: str
    difference: Difference


class Walked(msgspec.Struct, frozen=True):
    """A slice of a channel's orders, oldest first. ``at``: where the next slice begins; 0: it was the last."""

    keys: tuple[str, ...]
    at: int


class Differences:
    """All statements about differences. Raises ``StoreUnavailable``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def clock(self) -> datetime:
        """The database's clock, which windows go by."""
        with translated("read the clock"):
            now: datetime = await self._pool.fetchval(_SQL.clock)
        return now

    async def states(self, keys: Sequence[str]) -> dict[str, OrderState]:
        """Our orders of these keys, as last decided."""
        with translated("read orders to compare"):
            rows = await self._pool.fetch(_SQL.views, list(keys))
        return {row["key"]: decode_state(plain(row["state"])) for row in rows if row["state"] is not None}

    async def walk(self, channel: str, after: int, limit: int) -> Walked:
        """Which orders come next when all are looked at in turn."""
        with translated("walk over the orders"):
            rows = await self._pool.fetch(_SQL.walk, after, limit)
        keys = tuple(row["key"] for row in rows if row["kind"] == "order" and row["channel"] == channel)
        return Walked(keys, rows[-1]["id"] if len(rows) == limit else 0)

    async def standing_keys(self, channel: str, limit: int) -> list[str]:
        """Orders whose differences are to be looked at again."""
        with translated("list standing differences"):
            return [row["order_key"] for row in await self._pool.fetch(_SQL.standing_keys, channel, limit)]

    async def standing_among(self, keys: Sequence[str], kinds: Iterable[str]) -> set[str]:
        """Those of these orders that have a difference of such a kind."""
        wanted = frozenset(kinds)
        with translated("list standing differences"):
            rows = await self._pool.fetch(_SQL.standing, list(keys))
        return {row["order_key"] for row in rows if row["kind"] in wanted}

    async def note(
        self, channel: str, erp: str, looked: Sequence[str], seen: Sequence[Seen], settle_s: float
    ) -> tuple[list[Standing], list[Standing]]:
        """Keep what was seen of the orders looked at. Gives what stands now, and what stood open and is no more.

        A difference seen first less than ``settle_s`` ago is suspected only.
        """
        async with transaction(self._pool, "keep differences") as db:
            before = [Standing(**dict(row)) for row in await db.fetch(_SQL.standing, list(looked))]
            now = [Standing(**dict(row)) for row in await db.fetch(_SQL.found, channel, erp, *_columns(seen, settle_s))]
            there = {(one.order_key, one.kind) for one in now}
            gone = [one for one in before if (one.order_key, one.kind) not in there]
            await db.execute(_SQL.settle, [one.id for one in gone])
            await db.execute(_SQL.forget, [one.id for one in gone])
        return now, [one for one in gone if one.state == "open"]

    async def repaired(self, ids: Sequence[int]) -> None:
        """A repair of these was asked for just now."""
        with translated("note repairs"):
            await self._pool.execute(_SQL.repaired, list(ids))

    async def told(self, told: Sequence[tuple[int, str]]) -> None:
        """A person was told of these: (id, what differed)."""
        with translated("note who was told"):
            await self._pool.execute(_SQL.told, [one for one, _ in told], [what for _, what in told])

    async def sweep(self, days: int, limit: int = 1_000) -> None:
        """Let go of what was settled more than ``days`` ago; certificates keep what they counted."""
        with translated("sweep differences"):
            await self._pool.execute(_SQL.sweep, days, limit)

    async def round(
        self, channel: str, erp: str, took_s: float, looked: int, differing: int, error: str | None
    ) -> None:
        """How a route's newest round went."""
        with translated("note a round"):
            said = None if error is None else clean(error)
            await self._pool.execute(_SQL.round, channel, erp, took_s, looked, differing, said)


def _columns(seen: Sequence[Seen], settle_s: float) -> list[object]:
    found = [one.difference for one in seen]
    return [
        [one.order_key for one in seen],
        [one.kind for one in found],
        [one.severity for one in found],
        [clean(one.cause) for one in found],
        [clean(one.expected) for one in found],
        [clean(one.found) for one in found],
        settle_s,
        [one.explained for one in found],
        [one.repair for one in found],
    ]
