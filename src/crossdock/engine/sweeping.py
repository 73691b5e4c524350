"""The schedule role's sweep: once an hour, a little at a time, what has been kept long enough goes."""

import asyncio
from collections.abc import Mapping

from crossdock.kit.pausing import pause
from crossdock.observe.signals import Signals
from crossdock.store import bulk
from crossdock.store.errors import translated
from crossdock.store.pool import Pool
from crossdock.store.protocol import StoreUnavailable
from crossdock.store.retention import AT_ONCE, Swept, forget_deliveries, sweep

EVERY_S = 3600.0
BETWEEN_S = 0.5  # between two lots of delivery ids: at most 4,000 a second


class SweepLoop:
    """A ``Loop``. Several may run: one at a time does the work. Says what stays for an unfinished stream once."""

    def __init__(self, pool: Pool, keep_days: Mapping[str, int], signals: Signals) -> None:
        self._pool, self._keep_days, self._signals = pool, keep_days, signals
        self._said: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            wait_s = EVERY_S
            try:
                if not await self.round():
                    wait_s = BETWEEN_S
            except StoreUnavailable as error:
                self._signals.log.warning("store.unavailable", doing="sweep", error=str(error))
            await pause(stop, wait_s)

    async def round(self) -> bool:
        """One lot of delivery ids, and the old months when none are left. True: all is swept for now."""
        if await forget_deliveries(self._pool, self._keep_days["deliveries"]) >= AT_ONCE:
            return False
        self._tell(await sweep(self._pool, self._keep_days))
        with translated("forget old acts"):
            await bulk.forget(self._pool, self._keep_days["journal"])
        return True

    def _tell(self, swept: Swept) -> None:
        for name in swept.dropped:
            self._signals.log.info("keep.dropped", name=name)
        for name in swept.needed:
            if name not in self._said:
                self._signals.log.warning("keep.needed", name=name)
        self._said = set(swept.needed)
