"""The primary is killed in the middle of trade, its synchronous standby takes over, and Crossdock follows."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from chaos import watching
from chaos.house import House
from chaos.judge import Judgement, judge
from chaos.trade import trade
from chaos.watching import Settled
from crossdock.store import leftovers

BEFORE_S, AFTER_S = 5.0, 5.0  # of trade

Say = Callable[[str], None]


class Failover(msgspec.Struct, frozen=True):
    """``promoted_s``: from the kill until the standby took writes; ``resumed_s``: from then until work went on."""

    seed: int
    acknowledged_before: int
    promoted_s: float
    resumed_s: float
    settled: Settled
    judgement: Judgement
    seconds: float

    def broken_bars(self) -> list[str]:
        """What was promised and did not hold."""
        found = watching.unsettled(self.settled) + self.judgement.complaints()
        if self.resumed_s >= watching.RESUME_BAR_S:
            found.append(f"work resumed {self.resumed_s:.1f} s after the standby took writes")
        if not self.acknowledged_before:
            found.append("nothing was acknowledged before the primary was killed: void")
        return found


async def failover(house: House, orders: int, say: Say) -> Failover:
    """Trade, kill, promote, trade on. The house needs a standby."""
    began = time.monotonic()
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(trade(house, orders, over, BEFORE_S + AFTER_S))
        before, promoted_s = await _lose_the_primary(house, say)
        resumed_s = await watching.resumed(house)
        say(f"work resumed {resumed_s:.1f} s after the standby took writes")
        await asyncio.sleep(AFTER_S)
        over.set()
    settled = await watching.settle(house)
    return Failover(
        house.seed, before, promoted_s, resumed_s, settled, await judge(house), round(time.monotonic() - began, 1)
    )


async def _lose_the_primary(house: House, say: Say) -> tuple[int, float]:
    """How many orders were acknowledged by then, and how long it took until the standby was the primary."""
    await asyncio.sleep(BEFORE_S)
    first, second = house.servers
    before, killed = len(await house.acknowledged()), time.monotonic()
    for pid in leftovers.alive(first.cluster):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    house.server = second
    say(f"the primary is killed with {before} orders acknowledged; its standby is promoted")
    if not await house.ask("select pg_promote()"):
        raise AssertionError("the standby did not become the primary")
    return before, round(time.monotonic() - killed, 2)
