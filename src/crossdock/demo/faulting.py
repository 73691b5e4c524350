"""Breaks things on purpose, on a schedule, and counts what was broken."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from random import Random

from crossdock.demo.control import Vendors
from crossdock.demo.plan import ERP, SHOP, WAREHOUSE
from crossdock.kit.pausing import pause
from crossdock.supervise import Supervisor

OUTAGE_S = 6.0
BURST_S = 3.0
WEBHOOKS = {"duplicate_webhooks": 0.2, "shuffled_webhooks": 0.2, "dropped_webhooks": 0.03}
CALM = {
    "down": False, "rate_limited": 0.0, "lost_response": 0.0, "late_commit": 0.0, "error_503": 0.0,
    "html_200": 0.0, "duplicate_webhooks": 0.0, "shuffled_webhooks": 0.0, "dropped_webhooks": 0.0,
}  # fmt: skip


class Faulting:
    """While orders come in: webhooks twice and out of order all the time, the rest in turns."""

    def __init__(
        self, vendors: Vendors, supervisor: Callable[[], Supervisor | None], random: Random, say: Callable[[str], None]
    ) -> None:
        self._vendors, self._supervisor, self._random, self._say = vendors, supervisor, random, say
        self.counts: Counter[str] = Counter()

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop; every switch is off afterwards."""
        await self._vendors.faults(SHOP, **WEBHOOKS)
        await self._vendors.faults(WAREHOUSE, **WEBHOOKS)
        self.counts["webhooks lost, twice and out of order, all the time"] += 1
        turns = (self._lost_answers, self._worker_killed, self._burst, self._outage, self._late)
        try:
            while not stop.is_set():
                for turn in turns:
                    await turn(stop)
                    await pause(stop, 1.0)
        finally:
            for name in (SHOP, ERP, WAREHOUSE):
                await self._vendors.faults(name, **CALM)

    async def once(self) -> None:
        """One round of everything: for runs that are shorter than a round."""
        stop = asyncio.Event()
        for turn in (self._lost_answers, self._worker_killed, self._burst, self._outage):
            if not self.counts[_NAMES[turn.__name__]]:
                await turn(stop)

    async def _lost_answers(self, stop: asyncio.Event) -> None:
        self._note("_lost_answers")
        await self._vendors.faults(ERP, lost_response=0.3)
        await pause(stop, BURST_S)
        await self._vendors.faults(ERP, lost_response=0.0)

    async def _burst(self, stop: asyncio.Event) -> None:
        self._note("_burst")
        for name in (ERP, SHOP):
            await self._vendors.faults(name, rate_limited=0.5)
        await pause(stop, BURST_S)
        for name in (ERP, SHOP):
            await self._vendors.faults(name, rate_limited=0.0)

    async def _outage(self, stop: asyncio.Event) -> None:
        self._note("_outage")
        await self._vendors.faults(ERP, down=True)
        await pause(stop, OUTAGE_S)
        await self._vendors.faults(ERP, down=False)

    async def _late(self, stop: asyncio.Event) -> None:
        self._note("_late")
        await self._vendors.faults(ERP, late_commit=0.1, html_200=0.1)
        await pause(stop, BURST_S)
        await self._vendors.faults(ERP, late_commit=0.0, html_200=0.0)

    async def _worker_killed(self, stop: asyncio.Event) -> None:
        supervisor = self._supervisor()
        alive = [c for c in supervisor.children if c.pid and c.spec.role in ("decide", "deliver")] if supervisor else []
        if alive and not stop.is_set():
            child = self._random.choice(alive)
            self._note("_worker_killed")
            self._say(f"killed {child.name} (process {child.pid}) with -9")
            os.kill(child.pid, signal.SIGKILL)

    def _note(self, turn: str) -> None:
        self.counts[_NAMES[turn]] += 1
        self._say(f"fault: {_NAMES[turn]}")


_NAMES = {
    "_lost_answers": "ERP answers lost",
    "_burst": "429 bursts at ERP and shop",
    "_outage": "ERP outage",
    "_late": "ERP saves late, or answers with a gateway's page",
    "_worker_killed": "worker killed with -9",
}
