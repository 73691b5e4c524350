"""A campaign: rounds of trade while things break, then quiet, then the books."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from random import Random

import msgspec

from chaos import plan, watching
from chaos.breaking import Breaking
from chaos.house import House
from chaos.judge import Judgement, judge
from chaos.plan import Round
from chaos.trade import trade
from chaos.watching import Measured, Settled
from crossdock.demo.plan import SHOP, WAREHOUSE

TRADE_S = 20.0  # a round's orders come within this; while things still break after that, some more
WEBHOOKS = {"duplicate_webhooks": 0.1, "shuffled_webhooks": 0.1}

Say = Callable[[str], None]


class RoundReport(msgspec.Struct, frozen=True):
    """One round: what broke, how it settled, what the books said then (they go on over all rounds)."""

    number: int
    broken: list[str]
    settled: Settled
    judgement: Judgement
    seconds: float

    @property
    def holds(self) -> bool:
        return not _wrong(self)


class Campaign(msgspec.Struct, frozen=True):
    """All of it."""

    seed: int
    rounds: list[RoundReport]
    faults: dict[str, int]  # kind -> how often it happened
    struck: dict[str, dict[str, int]]  # line -> fault -> how often
    recoveries: list[Measured]
    resumes: list[Measured]
    fenced: int  # late outcomes that were refused
    stand_ins: list[str]
    never: list[str]  # what was to happen and did not
    seconds: float

    @property
    def void(self) -> bool:
        """Something that was to be survived never happened."""
        return bool(self.never)

    @property
    def holds(self) -> bool:
        """Every bar is met, as far as anything happened."""
        return not self.broken_bars()

    def broken_bars(self) -> list[str]:
        """What was promised and did not hold."""
        found = [f"round {one.number}: {why}" for one in self.rounds for why in _wrong(one)]
        found += _too_slow(self.recoveries, watching.RECOVERY_BAR_S)
        return found + _too_slow(self.resumes, watching.RESUME_BAR_S)


def _wrong(one: RoundReport) -> list[str]:
    return watching.unsettled(one.settled) + one.judgement.complaints()


def _too_slow(found: list[Measured], bar_s: float) -> list[str]:
    """While lines are broken there is no bar, but what never works again is broken whatever else was."""
    limits = [(one, watching.GIVEN_UP_S if one.troubled else bar_s) for one in found]
    return [
        f"{one.kind}: {one.what}, {one.seconds:.1f} s (bar {limit_s:g} s)"
        for one, limit_s in limits
        if one.seconds >= limit_s
    ]


async def campaign(house: House, rounds: list[Round], orders: int, say: Say) -> Campaign:
    """Run all rounds; ``orders`` in all, at least."""
    began = time.monotonic()
    breaking = Breaking(house, Random(house.seed), say)
    for name in (SHOP, WAREHOUSE):
        await house.vendors.faults(name, **WEBHOOKS)
    reports = []
    for one in rounds:
        say(f"round {one.number} of {len(rounds)}")
        reports.append(await _round(house, breaking, one, -(-orders // len(rounds)), say))
    wanted = {act.kind for one in rounds for act in (*one.processes, *one.network)}
    never = sorted(kind for kind in wanted if not breaking.counts[kind])
    if "pause-deliver" in wanted and not breaking.fenced:
        never.append("a late outcome that is fenced off")
    return Campaign(
        house.seed,
        reports,
        {kind: breaking.counts[kind] for kind in plan.KINDS if kind in wanted},
        {line: dict(struck) for line, struck in breaking.struck().items()},
        breaking.recoveries,
        breaking.resumes,
        breaking.fenced,
        sorted(breaking.stand_ins),
        never,
        round(time.monotonic() - began, 1),
    )


async def _round(house: House, breaking: Breaking, one: Round, orders: int, say: Say) -> RoundReport:
    began, before = time.monotonic(), Counter(breaking.counts)
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(trade(house, orders, over, TRADE_S))
        group.create_task(_break(breaking, one, over))
    breaking.calm()
    settled = await watching.settle(house)
    books = await judge(house)
    broken = breaking.counts - before
    report = RoundReport(
        one.number, [f"{kind} x {n}" for kind, n in broken.items()], settled, books, time.monotonic() - began
    )
    say(_line(report))
    return report


async def _break(breaking: Breaking, one: Round, over: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        troubles = [group.create_task(_later(breaking, act)) for act in one.network]
        if one.apart and troubles:
            await asyncio.wait(troubles)
            await breaking.lines_well()
        for act in one.processes:
            await asyncio.sleep(act.after_s)
            await breaking.break_process(act)
    over.set()


async def _later(breaking: Breaking, act: plan.Act) -> None:
    await asyncio.sleep(act.after_s)
    await breaking.break_line(act)


def _line(report: RoundReport) -> str:
    books, settled = report.judgement, report.settled
    said = "holds" if report.holds else "DOES NOT HOLD: " + "; ".join(_wrong(report)[:5])
    return (
        f"  {books.placed} orders so far, {books.acknowledged} acknowledged, {books.booked} booked, "
        f"{sum(books.exceptions.values())} with a person {books.exceptions or ''}; "
        f"quiet after {settled.seconds:.1f} s, longest still {settled.stuck_s:.1f} s; {said}"
    )
