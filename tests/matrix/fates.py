"""What goes wrong on the way of one order, drawn from a seed: requests struck by the network, processes killed.

A strike names a command's purpose and which of its requests; a kill, the moment before or after a command's first
request has had its effect. Engines are replaced as soon as they die. What was drawn is told where a test fails.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import msgspec

from crossdock.intake.polls import OWNERSHIP
from tests.process.house import Engine, House
from tests.process.test_lost_answers import FAULTS
from tests.support.in_process_http import Served, Strike

STRUCK = 0.7  # of the purposes
MOST_KILLS = 2


class Fates(msgspec.Struct, frozen=True):
    """One draw. ``kills``: (purpose, whether after the effect)."""

    strikes: tuple[Strike, ...]
    kills: tuple[tuple[str, bool], ...]

    def __str__(self) -> str:
        struck = ", ".join(f"{one.fault} at request {one.nth} of {one.purpose}" for one in self.strikes)
        killed = ", ".join(f"killed {'after' if after else 'before'} {purpose}" for purpose, after in self.kills)
        return "; ".join(filter(None, (struck, killed))) or "calm"


def draw(seed: str, purposes: Sequence[str]) -> Fates:
    """Equal seeds are equal fates. The first request of at least one purpose is always struck."""
    random = Random(seed)
    strikes = [
        Strike(random.choice(FAULTS), "", purpose, random.choice((1, 1, 2)))
        for purpose in purposes
        if random.random() < STRUCK
    ]
    if purposes and not any(one.nth == 1 for one in strikes):
        strikes = [Strike(random.choice(FAULTS), "", purposes[0], 1), *strikes[1:]]
    kills = {random.choice(purposes): random.random() < 0.5 for _ in range(random.randint(0, MOST_KILLS)) if purposes}
    return Fates(tuple(strikes), tuple(kills.items()))


class Fate:
    """Strikes and kills while ``living``; ``killed`` counts the engines that died."""

    def __init__(self, house: House, fates: Fates) -> None:
        self._house = house
        self._left = dict(fates.kills)
        self._falls = asyncio.Event()
        self.killed = 0
        house.http.strikes = list(fates.strikes)
        house.http.attend = self._attend

    async def _attend(self, served: Served, done: bool) -> None:
        if self._left.get(served.purpose) is done and served.nth == 1:
            del self._left[served.purpose]
            self._falls.set()
            await asyncio.Event().wait()  # until the process is dead

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """An engine is there, and after its death another one."""
        ends = asyncio.Event()
        task = asyncio.create_task(self._engines(ends))
        try:
            yield
        finally:
            ends.set()
            await task

    async def _engines(self, ends: asyncio.Event) -> None:
        number = 0
        while not ends.is_set():
            number += 1
            engine = await Engine.start(self._house, f"w{number}")
            waits = [asyncio.create_task(self._falls.wait()), asyncio.create_task(ends.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in waits:
                each.cancel()
            if self._falls.is_set():
                self._falls.clear()
                self.killed += 1
                await engine.kill()
                # Its lease on the polls would end by itself after half a minute; the product waits, the table need not.
                await self._house.store.release_slots(OWNERSHIP, f"w{number}")
            else:
                await engine.stop()
