"""Recording outcomes in groups: while one group commits, the next gathers."""

import asyncio

from crossdock.engine.world import World
from crossdock.store.protocol import Sent, StoreUnavailable

LARGEST_GROUP = 500
BUSY_GROUP = 8  # a group this large says that more is coming: waiting a moment saves a commit
GATHER_S = 0.003


class Recorder:
    """Accepts ``Sent`` from many calls and records them together. Never drops one: it retries until the store is back.

    A record that comes too late (its lease was taken over) is refused by the fence, so retrying is always safe.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: list[Sent] = []
        self._there_is = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, sent: Sent) -> None:
        """Take over one outcome."""
        self._waiting.append(sent)
        self._idle.clear()
        self._there_is.set()

    async def drained(self) -> None:
        """Wait until everything taken over is durable."""
        await self._idle.wait()

    async def run(self) -> None:
        """Record for ever; cancel it after ``drained``."""
        while True:
            await self._there_is.wait()
            self._there_is.clear()
            while self._waiting:
                group = self._waiting[:LARGEST_GROUP]
                await self._record(group)
                del self._waiting[: len(group)]
                if len(group) >= BUSY_GROUP:
                    await asyncio.sleep(GATHER_S)
            self._idle.set()

    async def _record(self, group: list[Sent]) -> None:
        pause_s = 0.1
        while True:
            try:
                held = await self._world.store.record(group)
                break
            except StoreUnavailable as error:
                self._world.signals.log.warning("store.unavailable", doing="record outcomes", error=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, 2.0)
        lost = held.count(False)
        if lost:
            self._world.signals.add("crossdock.fence.rejected", lost)
        if any(sent.settled is not None or sent.tells for sent in group):
            await self._wake()

    async def _wake(self) -> None:
        try:
            await self._world.store.wake("decide")
        except StoreUnavailable:
            return  # the deciders' poll finds it
