"""Claims streams for a decider: lock, load, take; and what becomes of them on leaving."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from crossdock.domain.decision import StreamRef
from crossdock.store import decisions
from crossdock.store.core import Core
from crossdock.store.errors import attributable, translated
from crossdock.store.named import Statements
from crossdock.store.pool import Connection, transaction
from crossdock.store.protocol import LIVE, ClaimedStream, StoredMessage, StreamPark, StreamWrite

_SQL = Statements("claims")
_START = datetime(1970, 1, 1, tzinfo=UTC)
_LATE_COMMITS = timedelta(seconds=2)  # a row becomes visible at most this long after its transaction began
_SWEEP_S = 10.0
_ALL = 2**40  # more rows than any stream has waiting
_MESSAGE = 8  # where a message's columns begin in what ``load`` gives
_ROUNDS = 3  # how often to claim again when only parked streams were found


class Positions:
    """Where each lane was last served: claims begin there, not at the dead rows of everything served before.

    Every 10 s a claim sweeps from the very beginning, for rows that committed late or were walked past.
    """

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self._stopwatch = stopwatch
        self._last: dict[int, datetime] = {}
        self._swept: dict[int, float] = {}
        self.quiet: set[int] = set()  # lanes whose last claim found nothing

    def start(self, lane: int) -> datetime:
        now = self._stopwatch()
        if lane not in self._last or now - self._swept.get(lane, -_SWEEP_S) >= _SWEEP_S:
            self._swept[lane] = now
            return _START
        return self._last[lane] - _LATE_COMMITS

    def served(self, lane: int, up_to: datetime, now: datetime) -> None:
        """``up_to``: when the last row of a committed claim was due; ``now``: the database's clock in that claim."""
        last = self._last.get(lane, up_to)
        if up_to < last - _LATE_COMMITS:
            self._swept.pop(lane, None)  # a sweep found something: there may be more than one batch of it
        # A position in the future: the database's clock was put back, and so is the position.
        self._last[lane] = up_to if last > now else max(up_to, last)


class Batch:
    """Streams locked in an open transaction."""

    def __init__(self, core: Core, connection: Connection) -> None:
        self._core, self._connection = core, connection
        self._places: dict[int, list[Any]] = {}
        self.streams: list[ClaimedStream] = []
        self.now = _START

    async def write(self, writes: Sequence[StreamWrite], parks: Sequence[StreamPark] = ()) -> None:
        """See ``StreamBatch``."""
        with attributable([w.id for w in writes] + [p.id for p in parks]):
            told = {write.id: write.summary.status for write in writes}
            # Parking overwrote the summary: it is written anew, even where nothing follows from what waited.
            before = {s.id: s.version for s in self.streams if not s.version or told.get(s.id) == s.status}
            places = [place for write in writes for place in self._places.pop(write.id, ())]
            if writes:
                await decisions.write(self._core, self._connection, writes, before, places)
            if unmoved := [w.id for w in writes if not (w.version or w.commands or w.opened or w.timers or w.wants)]:
                await self._connection.execute(_SQL.finish_unmoved, unmoved, len(unmoved))
            if parks:
                await self._park(parks)
            await decisions.tell(self._core, self._connection, writes)

    async def _park(self, parks: Sequence[StreamPark]) -> None:
        ids = [park.id for park in parks]
        for one in ids:
            self._places.pop(one, None)
        await self._connection.execute(_SQL.park, ids, _ALL)
        await self._connection.execute(
            _SQL.mark_parked,
            ids,
            [park.problem.key for park in parks],
            [decisions.clean(park.problem.title) for park in parks],
            len(ids),
        )
        await decisions.open_problems(self._connection, [(park.id, park.problem) for park in parks])

    @property
    def left(self) -> bool:
        """Whether messages of these streams stay on the agenda."""
        return bool(self._places) or any(stream.capped for stream in self.streams)

    async def load(self, ids: Sequence[int], cap: int) -> None:
        """Read the locked streams and their messages; what waits for parked streams is parked behind the rest."""
        # One message more than the cap tells whether something is left.
        rows = await self._connection.fetch(_SQL.load, ids, cap + 1)
        if any(row["place"] is not None and row["message_id"] is None for row in rows):
            rows = await self._without_lost(await self._connection.fetch(_SQL.load_old, ids, cap + 1))
        found: dict[int, ClaimedStream] = {}
        for row in rows:
            self.now = row["now"]
            stream = found.get(row["id"])
            if stream is None:
                stream = found[row["id"]] = self._stream(row)
            if stream.status == "parked" or row["place"] is None:
                continue
            if len(stream.messages) == cap:
                stream.capped = True
                continue
            stream.messages.append(await self._message(row))
            self._places.setdefault(stream.id, []).append(row["place"])
        if parked := [one.id for one in found.values() if one.status == "parked"]:
            await self._connection.execute(_SQL.park, parked, _ALL)
        self.streams = [found[one] for one in ids if one in found and found[one].messages]

    async def _without_lost(self, rows: Sequence[Any]) -> list[Any]:
        """What a replay put on the agenda in the moment in which retention dropped its month: there is nothing left to
        decide on, and who met it would fall over it for ever."""
        lost = [row["place"] for row in rows if row["place"] is not None and row["message_id"] is None]
        if lost:
            await self._connection.execute(_SQL.forget_lost, lost)
        return [row for row in rows if row["place"] is None or row["message_id"] is not None]

    def _stream(self, row: Any) -> ClaimedStream:
        state = self._core.squeeze.unpack(row["state"]) if row["state"] is not None else None
        return ClaimedStream(row["id"], StreamRef(row["kind"], row["key"]), row["version"], state, row["status"], [])

    async def _message(self, row: Any) -> StoredMessage:
        message_id, owner, source, topic, received_at, body, trace, headers = row[_MESSAGE:]
        name = await self._core.connection_name(owner, self._connection)
        known = msgspec.json.decode(headers, type=dict[str, str]) if headers else {}
        return StoredMessage(
            message_id, name, source, topic, received_at, self._core.squeeze.unpack(body), trace, known
        )


@contextlib.asynccontextmanager
async def claim(
    core: Core, positions: Positions, lane: int, limit: int, cap: int, exclude: Sequence[int], only: Sequence[int]
) -> AsyncIterator[Batch]:
    """See ``Store.claim_streams``."""
    served: datetime | None = None
    start = _START if only else positions.start(lane)
    if lane in positions.quiet and not only and not await _due(core, lane, start):
        yield Batch(core, None)
        return
    async with transaction(core.pool, "decide") as connection:
        batch = Batch(core, connection)
        for _ in range(_ROUNDS):
            if only:
                rows = await connection.fetch(_SQL.claim_only, only)
            else:
                rows = await connection.fetch(_SQL.claim, limit, lane, start, exclude)
            if not rows:
                break
            served = rows[-1]["due_at"]
            await batch.load(list(dict.fromkeys(row["id"] for row in rows)), cap)
            if batch.streams or only:
                break
        yield batch
    if not only and lane != LIVE:  # live orders never wait for a look ahead
        (positions.quiet.discard if served else positions.quiet.add)(lane)
    # Only what is committed counts as served, and a stream that has more waiting must be found where it stands.
    if served and not only and not exclude and not batch.left:
        positions.served(lane, served, batch.now)


async def _due(core: Core, lane: int, start: datetime) -> bool:
    """One round trip instead of a transaction's three, for lanes that are mostly empty."""
    with translated("look for work"):
        due: bool = await core.pool.fetchval(_SQL.peek, lane, start)
    return due


async def unpark(core: Core, stream_id: int) -> int:
    """See ``Store.unpark``."""
    async with transaction(core.pool, "open a parked stream") as connection:
        stream = await connection.fetchrow(_SQL.lock_parked, stream_id)
        if stream is None:
            return 0
        if stream["step"]:
            await decisions.settle_problems(connection, [(stream_id, stream["step"])], "retry")
        await connection.execute(_SQL.mark_open, stream_id)
        moved = await connection.execute(_SQL.unpark, stream_id)
        return int(moved.rsplit(" ", 1)[1])
