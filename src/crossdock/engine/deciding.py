"""The decide role: claim streams, decide on their messages, write everything in one transaction.

Order of a round: claim (locks), translate, load masters, decide (pure), write, commit, wake the deliverers. A crash
anywhere before the commit leaves everything as it was.
"""

import asyncio

from crossdock.domain.decision import Problem
from crossdock.engine.masters import MasterCache
from crossdock.engine.verdict import Verdict, decide_stream, translate_stream
from crossdock.engine.wakeups import Wake
from crossdock.engine.world import World
from crossdock.store.protocol import (
    BACKFILL,
    INVENTORY,
    LIVE,
    ClaimedStream,
    PoisonedBatch,
    StoreUnavailable,
    StreamPark,
)

LANES = (LIVE, INVENTORY, BACKFILL)
STREAMS_PER_BATCH = 250  # beyond 200 to 300 the rate no longer rises (measured)
MESSAGES_PER_STREAM = 50  # a hot stream takes turns; at 10 it needs 3 times as long, uncapped it blocks others
HOT_ROUNDS = 3  # rounds that a stream which hit its cap sits out, so that a lone decider serves others


class DecideLoop:
    """Decides until told to stop. Any number of them, on any host, share one store."""

    def __init__(self, world: World, *, batch: int = STREAMS_PER_BATCH, lanes: tuple[int, ...] = LANES) -> None:
        self._world = world
        self._lanes = lanes
        self._largest = batch
        self._limit = batch
        self._masters = MasterCache(world)
        self._sitting_out: dict[int, int] = {}  # hot stream -> rounds left
        self._poison: Problem | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Decide until ``stop`` is set; the round under way is finished."""
        async with Wake(self._world.store, "decide") as wake:
            while not stop.is_set():
                if not await self._served(wake):
                    await wake.wait()

    async def _served(self, wake: Wake) -> bool:
        try:
            return await self.round()
        except PoisonedBatch as error:
            self._narrow(error)
            return True
        except StoreUnavailable as error:
            self._world.signals.log.warning("store.unavailable", doing="decide", error=str(error))
            await asyncio.sleep(0.2)
            return False

    async def round(self) -> bool:
        """One claim over the lanes, most urgent first; True when something was decided."""
        for lane in self._lanes:
            if await self._lane(lane):
                return True
        return False

    async def _lane(self, lane: int) -> bool:
        started = self._world.stopwatch()
        store = self._world.store
        exclude = list(self._sitting_out)
        async with store.claim_streams(lane, self._limit, MESSAGES_PER_STREAM, exclude) as batch:
            if not batch.streams:
                self._cool(())
                return False
            parks = self._park_poison(batch.streams)
            work = [translate_stream(self._world, s) for s in batch.streams] if not parks else []
            masters = await self._masters.gather(work)
            verdicts = [decide_stream(self._world, w, batch.now, masters) for w in work]
            await batch.write([v.write for v in verdicts if v.write], [*parks, *(v.park for v in verdicts if v.park)])
        self._poison = None
        self._limit = min(self._largest, self._limit * 2)
        self._cool([s.id for s in batch.streams if s.capped])
        await self._afterwards(verdicts, self._world.stopwatch() - started)
        return True

    async def _afterwards(self, verdicts: list[Verdict], took_s: float) -> None:
        signals = self._world.signals
        signals.record("crossdock.decide.batch.duration", took_s)
        for verdict in verdicts:
            verdict.tell(signals)
        try:
            if any(v.write and (v.write.commands or v.write.again) for v in verdicts):
                await self._world.store.wake("deliver")
        except StoreUnavailable:
            return  # the deliverers' poll finds the work

    def _cool(self, hot: list[int] | tuple[()]) -> None:
        self._sitting_out = {s: n - 1 for s, n in self._sitting_out.items() if n > 1}
        self._sitting_out.update(dict.fromkeys(hot, HOT_ROUNDS))

    def _narrow(self, error: PoisonedBatch) -> None:
        """The database refused the batch: narrow it until the stream at fault stands alone, then park that one."""
        if self._limit == 1:
            self._poison = poison_problem(error)
        self._limit = max(1, self._limit // 4)

    def _park_poison(self, streams: list[ClaimedStream]) -> list[StreamPark]:
        if self._poison is None:
            return []
        return [StreamPark(s.id, s.messages[0].id, self._poison) for s in streams]


def poison_problem(error: PoisonedBatch) -> Problem:
    """The exception for a stream whose decision the database will not take."""
    return Problem(
        key="parked",
        klass="bug",
        code="decision_not_storable",
        title="The database refused to store what was decided",
        hint="Look at the facts, mend the mapping or the message's source, then retry.",
        fingerprint=f"decision_not_storable/{type(error.__cause__).__name__}",
        owner="integration",
        facts={"error": str(error)[:500]},
    )
