"""Makes arrivals durable: delivery ids, messages, streams and agenda in one statement."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from crossdock.store.core import Core
from crossdock.store.errors import UnknownConnection, committing, is_collision, is_partition_missing, translated
from crossdock.store.named import Statements
from crossdock.store.partitions import make_partitions
from crossdock.store.protocol import Arrival, Receipt

_SQL = Statements("accept")
_DUPLICATE = Receipt(None)
_TRIES = 20  # each repetition means that another group with the same ids has committed: there are never many
_encode = msgspec.json.Encoder().encode
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
            met = is_collision(error.__cause__ or error) or isinstance(error, asyncpg.UniqueViolationError)
            if attempt == _TRIES or not (met or await _partition_missing(core, error)):
                raise
    raise AssertionError("unreachable")


async def _partition_missing(core: Core, error: Exception) -> bool:
    """Housekeeping slept for months: make the partition now rather than refuse the order."""
    if not is_partition_missing(error.__cause__):
        return False
    async with core.pool.acquire() as connection:
        await make_partitions(connection)
    return True


async def _accept_once(core: Core, arrivals: Sequence[Arrival]) -> list[Receipt]:
    """One statement, which is the transaction: one round trip instead of four spares 15 of 65 µs per message."""
    with translated("accept messages"):
        async with core.pool.acquire() as connection:
            ids = await core.know([arrival.connection for arrival in arrivals], connection)
            arguments = _arguments(arrivals, ids, core.squeeze.pack)
            with committing("accept messages"):
                rows = await connection.fetch(_SQL.accept, *arguments)
    receipts = [_DUPLICATE] * len(arrivals)
    for turn, id in rows:  # noqa: A001  (it is one)
        receipts[turn - 1] = Receipt(id)
    return receipts


class _Numbers(dict[Any, int]):
    """Numbers whatever it is asked for, from 1 on: what repeats within a group is sent once."""

    def __missing__(self, key: Any) -> int:
        self[key] = number = len(self) + 1
        return number


def _arguments(arrivals: Sequence[Arrival], ids: Mapping[str, int], pack: Callable[[bytes], bytes]) -> list[Any]:
    """What the statement takes: few and short arrays, for asyncpg inspects every element before it encodes it."""
    first = _first_of_equals(arrivals, ids)
    # Sorted: two groups that share ids or streams wait for each other in one direction only.
    keys = sorted(first)
    turns = [first[key] for key in keys]
    rows = [arrivals[turn] for turn in turns]
    streams = sorted({(row.stream.kind, row.stream.key) for row in rows})
    place = {stream: number for number, stream in enumerate(streams, 1)}
    families = _Numbers()
    family = [families[owner, row.source, row.topic, row.priority] for (owner, _), row in zip(keys, rows, strict=True)]
    also = sorted(
        (owner, content_id, number)
        for number, ((owner, _), row) in enumerate(zip(keys, rows, strict=True), 1)
        for content_id in row.also_ids
        if (owner, content_id) not in first
    )
    return [
        *([part[column] for part in families] for column in range(4)),
        [kind for kind, _ in streams],
        [key for _, key in streams],
        [turn + 1 for turn in turns],
        family,
        [place[row.stream.kind, row.stream.key] for row in rows],
        [delivery_id for _, delivery_id in keys],
        [pack(row.body) for row in rows],
        [_encode(row.headers) if row.headers else None for row in rows],
        [row.trace for row in rows],
        len(arrivals),
        [number for _, _, number in also],
        [owner for owner, _, _ in also],
        [content_id for _, content_id, _ in also],
    ]


def _first_of_equals(arrivals: Sequence[Arrival], ids: Mapping[str, int]) -> dict[tuple[int, str], int]:
    """Position of each delivery that no earlier one of the group has named, as its own id or as a content id."""
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
    return first
