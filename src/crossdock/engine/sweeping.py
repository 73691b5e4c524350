"""The schedule role's sweep: what has been kept long enough goes. Months are looked at once an hour, delivery ids
once a day, a little at a time."""

import asyncio
import time
from collections.abc import Callable, Mapping

from crossdock.kit.pausing import pause
from crossdock.observe.signals import Signals
from crossdock.store import bulk
from crossdock.store.errors import translated
from crossdock.store.pool import Pool
from crossdock.store.protocol import StoreUnavailable
from crossdock.store.retention import Swept, forget_deliveries, sweep

EVERY_S = 3600.0
FORGET_EVERY_S = 86_400.0  # from the end of one walk through the delivery ids to the beginning of the next
BETWEEN_S = 0.5  # between two lots of them: reads 4 MB a second


class SweepLoop:
    """A ``Loop``. Several may run: one at a time does the work. Says what stays for an unfinished stream once.

    Neither half waits for the other to succeed: a month that is not dropped is what fills the disk.
    """

    def __init__(
        self,
        pool: Pool,
        keep_days: Mapping[str, int],
        signals: Signals,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool, self._keep_days, self._signals, self._stopwatch = pool, keep_days, signals, stopwatch
        self._said: set[str] = set()
        self._page = 0  # of the delivery ids, where the walk goes on
        self._months_at = self._page_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await pause(stop, await self.round())

    async def round(self) -> float:
        """Whatever is due of the two. In how many seconds something is again."""
        if self._stopwatch() >= self._months_at:
            self._months_at = self._stopwatch() + EVERY_S
            try:
                await self._months()
            except StoreUnavailable as error:
                self._signals.log.warning("store.unavailable", doing="drop old months", error=str(error))
        if self._stopwatch() >= self._page_at:
            self._page_at = self._stopwatch() + EVERY_S
            try:
                await self._deliveries()
            except StoreUnavailable as error:
                self._signals.log.warning("store.unavailable", doing="forget delivery ids", error=str(error))
        return max(min(self._months_at, self._page_at) - self._stopwatch(), 0.0)

    async def _months(self) -> None:
        self._tell(await sweep(self._pool, self._keep_days))
        with translated("forget old acts"):
            await bulk.forget(self._pool, self._keep_days["journal"])

    async def _deliveries(self) -> None:
        further = await forget_deliveries(self._pool, self._keep_days["deliveries"], self._page)
        self._page = further or 0
        self._page_at = self._stopwatch() + (BETWEEN_S if further else FORGET_EVERY_S)

    def _tell(self, swept: Swept) -> None:
        for name in swept.dropped:
            self._signals.log.info("keep.dropped", name=name)
        for name in swept.needed:
            if name not in self._said:
                self._signals.log.warning("keep.needed", name=name)
        self._said = set(swept.needed)
