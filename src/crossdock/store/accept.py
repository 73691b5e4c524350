"""Makes arrivals durable: delivery ids, messages, streams and agenda in one transaction."""

from collections.abc import Mapping, Sequence

import asyncpg
import msgspec

from crossdock.store.core import Core
from crossdock.store.errors import UnknownConnection, is_collision
from crossdock.store.named import Statements
from crossdock.store.partitions import make_partitions
from crossdock.store.pool import Connection, transaction
from crossdock.store.protocol import Arrival, Receipt

_SQL = Statements("accept")
_DUPLICATE = Receipt(None)
_TRIES = 5
_LIMITS = {"delivery_id": 500, "topic": 300, "trace": 200}


class BadArrival(ValueError):
    """An arrival that the database would refuse. ``position`` is its index; nothing of the group was stored."""

    def __init__(self, position: int, arrival: Arrival, why: str) -> None:
        super().__init__(f"arrival {arrival.delivery_id[:80]!r} of {arrival.connection!r} cannot be stored: {why}")
        self.position = position


def defect(arrival: Arrival) -> str | None:
    """Why the database would refuse this arrival, or None. Intake asks before it lets it into a group."""
    if len(arrival.stream.key) > 200 or len(arrival.stream.kind) > 40:
        return f"stream key longer than 200 characters ({len(arrival.stream.key)})"
    for name, limit in _LIMITS.items():
        if len(getattr(arrival, name)) > limit:
            return f"{name} longer than {limit} characters"
    if any(len(content_id) > _LIMITS["delivery_id"] for content_id in arrival.also_ids):
        return f"content id longer than {_LIMITS['delivery_id']} characters"
    text = "".join((arrival.delivery_id, arrival.topic, arrival.trace, arrival.stream.kind, arrival.stream.key))
    if "\0" in text or any("\0" in content_id for content_id in arrival.also_ids):
        return "NUL in an id, topic or key"
    return None


async def accept(core: Core, arrivals: Sequence[Arrival]) -> list[Receipt]:
    """One transaction for the whole group; repeated when it met another one or a partition was missing."""
    for position, arrival in enumerate(arrivals):
        if why := defect(arrival):
            raise BadArrival(position, arrival, why)
    for attempt in range(1, _TRIES + 1):
        try:
            return await _accept_once(core, arrivals)
        except Exception as error:
            met = is_collision(error.__cause__ or error)
            if attempt == _TRIES or not (met or await _partition_missing(core, error)):
                raise
    raise AssertionError("unreachable")


async def _partition_missing(core: Core, error: Exception) -> bool:
    """Housekeeping slept for months: make the partition now rather than refuse the order."""
    if not isinstance(error, asyncpg.CheckViolationError) or "no partition" not in str(error):
        return False
    async with core.pool.acquire() as connection:
        await make_partitions(connection)
    return True


async def _accept_once(core: Core, arrivals: Sequence[Arrival]) -> list[Receipt]:
    async with transaction(core.pool, "accept messages") as connection:
        ids = await core.know([arrival.connection for arrival in arrivals], connection)
        fresh = await _note(connection, arrivals, ids)
        if not fresh:
            return [_DUPLICATE] * len(arrivals)
        return await _keep(core, connection, arrivals, fresh, ids)


async def _note(connection: Connection, arrivals: Sequence[Arrival], ids: Mapping[str, int]) -> list[int]:
    """Note the delivery ids; returns the positions of those that are new, the first of equals within the group."""
    first: dict[tuple[int, str], int] = {}
    seen: set[tuple[int, str]] = set()
    for position, arrival in enumerate(arrivals):
        if arrival.connection not in ids:
            raise UnknownConnection(arrival.connection)
        owner = ids[arrival.connection]
        if (owner, arrival.delivery_id) in seen:
            continue
        first[owner, arrival.delivery_id] = position
        seen.add((owner, arrival.delivery_id))
        seen.update((owner, content_id) for content_id in arrival.also_ids)
    # Sorted: two groups that share ids wait for each other in one direction only.
    keys = sorted(first)
    streams = sorted({(arrivals[position].stream.kind, arrivals[position].stream.key) for position in first.values()})
    rows = await connection.fetch(
        _SQL.note,
        [owner for owner, _ in keys],
        [delivery_id for _, delivery_id in keys],
        [kind for kind, _ in streams],
        [key for _, key in streams],
    )
    return sorted(first[row[0], row[1]] for row in rows)


async def _keep(
    core: Core, connection: Connection, arrivals: Sequence[Arrival], fresh: Sequence[int], ids: Mapping[str, int]
) -> list[Receipt]:
    kept = [arrivals[position] for position in fresh]
    also = sorted({(ids[arrival.connection], content_id) for arrival in kept for content_id in arrival.also_ids})
    pack = core.squeeze.pack
    rows = await connection.fetch(
        _SQL.keep,
        [ids[arrival.connection] for arrival in kept],
        [arrival.delivery_id for arrival in kept],
        [arrival.stream.kind for arrival in kept],
        [arrival.stream.key for arrival in kept],
        [arrival.source for arrival in kept],
        [arrival.topic for arrival in kept],
        [pack(arrival.body) for arrival in kept],
        [msgspec.json.encode(arrival.headers) if arrival.headers else None for arrival in kept],
        [arrival.trace for arrival in kept],
        [arrival.priority for arrival in kept],
        [owner for owner, _ in also],
        [content_id for _, content_id in also],
    )
    receipts = [_DUPLICATE] * len(arrivals)
    for row in rows:
        receipts[fresh[row[0] - 1]] = Receipt(row[1])
    return receipts
