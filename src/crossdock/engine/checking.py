"""The schedule role looks at the invariants once a day: what no foreign key watches over is told."""

import asyncio
from collections.abc import Awaitable, Callable

from crossdock.kit.pausing import pause
from crossdock.observe.signals import Signals
from crossdock.store import invariants
from crossdock.store.pool import Pool
from crossdock.store.protocol import StoreUnavailable

FIRST_S = 300.0  # after a start: a process that dies again and again does not look each time
EVERY_S = 86_400.0
AGAIN_S = 900.0  # when the database gave no answer


class InvariantLoop:
    """A ``Loop``. ``reading`` opens a reading pool for the length of one look: the engine's connections plan otherwise,
    and are not kept waiting. Several may run: they only read."""

    def __init__(self, reading: Callable[[], Awaitable[Pool]], signals: Signals, *, first_s: float = FIRST_S) -> None:
        self._reading, self._signals, self._first_s = reading, signals, first_s

    async def run(self, stop: asyncio.Event) -> None:
        await pause(stop, self._first_s)
        while not stop.is_set():
            await pause(stop, await self.round())

    async def round(self) -> float:
        """Look once and tell. In how many seconds to look again."""
        try:
            checked = await self._look()
        except StoreUnavailable as error:
            self._signals.log.warning("store.unavailable", doing="check invariants", error=str(error))
            return AGAIN_S
        for one in checked:
            self._tell(one)
        return EVERY_S

    async def _look(self) -> list[invariants.Checked]:
        pool = await self._reading()
        try:
            return await invariants.check(pool)
        finally:
            await pool.close()

    def _tell(self, one: invariants.Checked) -> None:
        name = one.invariant.name
        if one.count is None:
            self._signals.log.warning("invariant.unread", name=name, reason=one.unread)
            return
        self._signals.set("crossdock.invariant.violations", one.count.n, invariant=name)
        if not one.holds:
            ids = " ".join(str(row.id) for row in one.broken)
            self._signals.log.error("invariant.broken", name=name, count=one.count.n, kind=one.invariant.of, ids=ids)
