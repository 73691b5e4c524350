"""The decide role: claim streams, decide on their messages, write everything in one transaction.

Order of a round: claim (locks), translate, load masters, decide (pure), write, commit, wake the deliverers. A crash
anywhere before the commit leaves everything as it was.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from crossdock.domain.decision import Problem
from crossdock.engine.masters import MasterCache
from crossdock.engine.verdict import Verdict, decide_stream, translate_stream
from crossdock.engine.wakeups import Wake
from crossdock.engine.world import World
from crossdock.store.protocol import (
    AMID_LIVE_S,
    BACKFILL,
    INVENTORY,
    LIVE,
    PoisonedBatch,
    StoreUnavailable,
    StreamBatch,
    StreamPark,
)

T = TypeVar("T")
R = TypeVar("R")

LANES = (LIVE, INVENTORY, BACKFILL)
STREAMS_PER_BATCH = 250  # beyond 200 to 300 the rate no longer rises (measured)
MESSAGES_PER_STREAM = 50  # a hot stream takes turns; at 10 it needs 3 times as long, uncapped it blocks others
BEHIND_PER_BATCH = 40  # of lanes behind the live one: what a live order may have to wait for …
AMID_LIVE_PER_BATCH = 10  # … and while live orders come in: each of them may have to (p99 41 to 26 ms, measured)
BUSY_BATCH = 8  # a batch this large, but not full, says that more is coming: waiting a moment saves a commit
GATHER_S = 0.003
TRANSLATE_S, DECIDE_S = 1.0, 2.5  # since the claim: after 5 s PostgreSQL ends the session (``pool.SESSION``), in vain
HOT_ROUNDS = 3  # rounds that a stream which hit its cap sits out, so that a lone decider serves others


class DecideLoop:
    """Decides until told to stop. Any number of them, on any host, share one store."""

    def __init__(self, world: World, *, batch: int = STREAMS_PER_BATCH, lanes: tuple[int, ...] = LANES) -> None:
        self._world = world
        self._lanes = lanes
        self._batch = batch
        self._masters = MasterCache(world)
        self._sitting_out: dict[int, int] = {}  # hot stream -> rounds left
        self._gather = False
        self._live_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Decide until ``stop`` is set; the round under way is finished."""
        async with Wake(self._world.store, "decide").attend(stop) as wake:
            while not stop.is_set():
                resting = bool(self._sitting_out)
                try:
                    served = await self.round()
                except StoreUnavailable as error:
                    self._world.signals.log.warning("store.unavailable", doing="decide", error=str(error))
                    await asyncio.sleep(0.2)
                    continue
                if not served and not resting:  # a hot stream that sat out alone is served on
                    await wake.wait()
                elif self._gather:
                    await asyncio.sleep(GATHER_S)

    async def round(self) -> bool:
        """One claim over the lanes, most urgent first; True when something was decided."""
        for lane in self._lanes:
            try:
                if await self._decide(lane):
                    return True
            except PoisonedBatch as error:
                await self._bisect(lane, error)
                return True
        return False

    async def _bisect(self, lane: int, error: PoisonedBatch) -> None:
        """The database refused something in the batch: decide its halves, until the stream at fault is alone."""
        if len(error.stream_ids) == 1:
            await self._park(lane, error)
            return
        middle = len(error.stream_ids) // 2
        for half in (error.stream_ids[:middle], error.stream_ids[middle:]):
            try:
                await self._decide(lane, only=half)
            except PoisonedBatch as smaller:
                await self._bisect(lane, smaller)

    async def _park(self, lane: int, error: PoisonedBatch) -> None:
        async with self._world.store.claim_streams(lane, 1, 1, only=error.stream_ids) as batch:
            parks = [StreamPark(s.id, s.messages[0].id, poison_problem(error)) for s in batch.streams]
            await batch.write([], parks)

    async def _decide(self, lane: int, only: Sequence[int] = ()) -> bool:
        started = self._world.stopwatch()
        limit = len(only) or self._limit(lane, started)
        claim = self._world.store.claim_streams(lane, limit, MESSAGES_PER_STREAM, list(self._sitting_out), only)
        async with claim as batch:
            if batch.streams:
                verdicts = await self._write(batch)
        self._cool([s.id for s in batch.streams if s.capped])
        if not batch.streams:
            return False
        if lane == LIVE:
            self._live_at = started
        self._gather = BUSY_BATCH <= len(batch.streams) < limit
        self._world.signals.record("crossdock.decide.batch.duration", self._world.stopwatch() - started)
        await self._afterwards(verdicts)
        return True

    def _limit(self, lane: int, now: float) -> int:
        if lane == LIVE:
            return self._batch
        amid_live = now - self._live_at < AMID_LIVE_S
        return min(self._batch, AMID_LIVE_PER_BATCH if amid_live else BEHIND_PER_BATCH)

    async def _write(self, batch: StreamBatch) -> list[Verdict]:
        began = self._world.stopwatch()
        work = self._in_time(began + TRANSLATE_S, batch.streams, partial(translate_stream, self._world))
        masters = await self._masters.gather(work)
        decide = partial(decide_stream, self._world, now=batch.now, masters=masters)
        verdicts = self._in_time(began + DECIDE_S, work, decide)
        await batch.write([v.write for v in verdicts if v.write], [v.park for v in verdicts if v.park])
        return verdicts

    def _in_time(self, ends: float, streams: Sequence[T], do: Callable[[T], R]) -> list[R]:
        """Do it for one after the other, at least for the first; those for whom no time is left stay on the agenda."""
        done: list[R] = []
        for stream in streams:
            if done and self._world.stopwatch() > ends:
                break
            done.append(do(stream))
        return done

    async def _afterwards(self, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            verdict.tell(self._world.signals)
        if any(v.write and (v.write.commands or v.write.again) for v in verdicts):
            try:
                await self._world.store.wake("deliver")
            except StoreUnavailable:
                return  # the deliverers' poll finds the work

    def _cool(self, hot: list[int]) -> None:
        self._sitting_out = {stream: n - 1 for stream, n in self._sitting_out.items() if n > 1}
        self._sitting_out.update(dict.fromkeys(hot, HOT_ROUNDS))


def poison_problem(error: PoisonedBatch) -> Problem:
    """The exception for a stream whose decision the database will not take."""
    return Problem(
        key="parked",
        klass="bug",
        code="decision_not_storable",
        title="The database refused to store what was decided",
        hint="Look at the facts, mend the mapping or the message's source, then retry.",
        fingerprint="decision_not_storable",
        owner="integration",
        facts={"error": error.detail[:500]},
    )
