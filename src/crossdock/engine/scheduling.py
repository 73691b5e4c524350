"""The schedule role's own work: due timers become messages, and the tables that the engine hammers stay small."""

import asyncio

from crossdock.engine.world import World
from crossdock.kit.pausing import pause
from crossdock.store.protocol import StoreUnavailable

TIMERS_EVERY_S = 0.5
TEND_EVERY_S = 5.0  # an own vacuum this often keeps claims at 0.7 ms whatever autovacuum does (measured)
TIMERS_AT_ONCE = 1000
OLD_SNAPSHOT_S = 60.0  # a reader that stays open this long makes dead rows pile up


class ScheduleLoop:
    """Moves timers and tends the store. Several may run: the store lets each due timer be moved once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tended = float("-inf")
        self._blind = self._doubted = False  # whether it was said

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.round()
            except StoreUnavailable as error:
                self._world.signals.log.warning("store.unavailable", doing="schedule", error=str(error))
            await pause(stop, TIMERS_EVERY_S)

    async def round(self) -> None:
        """Tend when it is time; move everything that is due. Tending first: it makes what moving may lack."""
        if self._world.stopwatch() - self._tended >= TEND_EVERY_S:
            try:
                await self._tend()
            except StoreUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - what cannot be tidied must not end timers, polls and comparing
                self._world.signals.add("crossdock.store.untended")
                self._world.signals.log.error("store.untended", error=repr(error))
            finally:  # from its end on: a vacuum that runs into its time limit every time leaves room for the timers
                self._tended = self._world.stopwatch()
        while moved := await self._world.store.move_timers(TIMERS_AT_ONCE):
            await self._world.store.wake("decide")
            if moved < TIMERS_AT_ONCE:
                break

    async def _tend(self) -> None:
        figures = await self._world.store.tend()
        for name, value in figures.items():
            self._world.signals.set(f"crossdock.store.{name}", value)
        if (blind := "oldest_snapshot_s" not in figures) and not self._blind:
            self._world.signals.log.warning("store.sessions_unseen")
        self._blind = blind
        if figures.get("oldest_snapshot_s", 0.0) > OLD_SNAPSHOT_S:
            self._world.signals.log.warning("store.old_snapshot", seconds=round(figures["oldest_snapshot_s"]))
        doubted = figures.get("doubted_s", 0.0) > 0
        if doubted and not self._doubted:
            self._world.signals.log.warning("store.restored", seconds=round(figures["doubted_s"]))
        self._doubted = doubted
