"""The primary is killed in the middle of trade, its standby takes over, and Crossdock follows.

A synchronous standby has all that was acknowledged. One that is ``behind`` has not: the database that goes on has
forgotten orders that were taken, and calls that were made.
"""

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
CALLS = "select count(*) from attempts where outcome = 'done'"

Say = Callable[[str], None]


class Failover(msgspec.Struct, frozen=True):
    """``promoted_s``: from the kill until the standby took writes; ``resumed_s``: from then until work went on.
    ``behind_s``: of what the standby did not know; ``forgotten``: commands that had left in that time."""

    seed: int
    acknowledged_before: int
    behind_s: float
    forgotten: int
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
        if self.behind_s and not self.forgotten:
            found.append("nothing had left in the time that was lost: void")
        return found


async def failover(house: House, orders: int, behind_s: float, say: Say) -> Failover:
    """Trade, kill, promote, trade on. The house needs a standby, which is left ``behind_s`` behind."""
    began = time.monotonic()
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(trade(house, orders, over, BEFORE_S + behind_s + AFTER_S))
        await asyncio.sleep(BEFORE_S)
        known = await _leave_behind(house, behind_s, say) if behind_s else None
        before, promoted_s, forgotten = await _lose_the_primary(house, known, say)
        resumed_s = await watching.resumed(house)
        say(f"work resumed {resumed_s:.1f} s after the standby took writes")
        await asyncio.sleep(AFTER_S)
        over.set()
    settled = await watching.settle(house)
    return Failover(
        house.seed, before, behind_s, forgotten, promoted_s, resumed_s, settled, await judge(house),
        round(time.monotonic() - began, 1),
    )  # fmt: skip


async def _leave_behind(house: House, behind_s: float, say: Say) -> int:
    """Trade on without the standby for so long. Returns how many calls had been made before."""
    await house.ask("alter system set synchronous_standby_names = ''")
    await house.ask("select pg_reload_conf()")
    await asyncio.to_thread(house.servers[1].stop)
    known = int(await house.ask(CALLS))
    say(f"the standby stands still, {known} calls were made; trade goes on for {behind_s:g} s")
    await asyncio.sleep(behind_s)
    return known


async def _lose_the_primary(house: House, known: int | None, say: Say) -> tuple[int, float, int]:
    """How many orders were acknowledged by then, how long it took until the standby was the primary, and how many
    calls had been made since ``known``, when the standby was left behind."""
    first, second = house.servers
    forgotten = int(await house.ask(CALLS)) - known if known is not None else 0
    before, killed = len(await house.acknowledged()), time.monotonic()
    for pid in leftovers.alive(first.cluster):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    house.server = second
    await house.ensure_postgres()
    say(f"the primary is killed with {before} orders acknowledged; its standby is promoted")
    if not await house.ask("select pg_promote()"):
        raise AssertionError("the standby did not become the primary")
    return before, round(time.monotonic() - killed, 2), forgotten
