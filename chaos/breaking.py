"""Breaks what the plan says, for real, and counts it only when it was seen to have happened."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

from chaos import watching
from chaos.clock import Clock
from chaos.house import DATABASE, House, Serve
from chaos.plan import ROLES, Act
from chaos.proxy import Trouble
from chaos.watching import LEASE_S, Measured
from crossdock.demo.plan import ERP
from crossdock.store import asked
from crossdock.store.pool import COMMAND_S

JUMP_S = 7200.0
PAUSES_S = {"intake": 7.0, "decide": 8.0, "deliver": LEASE_S + 4.0}
FULL_S = 8.0
SILENT = ("eat", "garble")  # after which a database connection is there and says nothing
SILENT_S = 2 * COMMAND_S + 1.0
SEEN_S = 20.0  # how soon what was broken must show
FENCED = "select count(*) from attempts where fenced_out"

Say = Callable[[str], None]


class Breaking:
    """``counts``: what happened, by kind. ``recoveries``, ``resumes``: how long it took to work again."""

    def __init__(self, house: House, random: Random, say: Say) -> None:
        self._house, self._random, self._say = house, random, say
        self.counts: Counter[str] = Counter()
        self.recoveries: list[Measured] = []
        self.resumes: list[Measured] = []
        self.fenced = 0
        self.stand_ins: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self._begun = self._open = 0  # troubles on lines: ever, and now
        self._well_at = 0.0
        self._net_before: Counter[str] = Counter()

    async def break_process(self, act: Act) -> None:
        """Let it happen and wait until what it took down works again."""
        self._say(f"  {act.kind} ({act.where})")
        doings: dict[str, Callable[[Act], Awaitable[None]]] = {
            **{f"kill-{role}": self._kill_role for role in ROLES},
            **{f"pause-{role}": self._pause for role in PAUSES_S},
            "kill-serve": self._kill_serve,
            "kill-parent": self._kill_serve,
            "kill-backend": self._kill_backend,
            "kill-postmaster": self._kill_postmaster,
            "disk-full": self._fill_disk,
            "clock-ahead": self._jump,
            "clock-back": self._jump,
            "database-clock": self._jump_database,
        }
        await doings[act.kind](act)

    async def break_line(self, act: Act) -> None:
        """Trouble on one line for a while, and until it has struck; troubles of one line wait for each other."""
        fault = act.kind.removeprefix("net-")
        async with self._alone(act.where):
            proxies = self._house.lines[act.where]
            before = sum(proxy.struck[fault] for proxy in proxies)

            async def struck() -> bool:
                return sum(proxy.struck[fault] for proxy in proxies) > before

            self._begun, self._open = self._begun + 1, self._open + 1
            for proxy in proxies:
                proxy.turn(Trouble(fault, act.share))
            await asyncio.sleep(act.lasts_s)
            await self._until(struck, f"{fault} to strike on the line {act.where}")
            for proxy in proxies:
                proxy.calm()
            self._open -= 1
            if act.where == DATABASE and fault in SILENT:
                self._well_at = time.monotonic() + SILENT_S

    async def lines_well(self) -> None:
        """Wait until nobody waits any more for an answer that a line has lost."""
        await asyncio.sleep(max(0.0, self._well_at - time.monotonic()))

    def _lines(self) -> Callable[[], bool]:
        """Asked later: whether lines were broken at any time since now."""
        begun, ill = self._begun, self._open > 0 or time.monotonic() < self._well_at
        return lambda: ill or self._begun != begun

    def calm(self) -> None:
        """Everything that was turned is turned back, and what the lines did is counted."""
        for proxies in self._house.lines.values():
            for proxy in proxies:
                proxy.calm()
        if self._house.clock:
            self._house.clock.jump(0)
        for line, struck in self.struck().items():
            for fault, times in struck.items():
                self.counts[f"net-{fault}"] += times - self._net_before[f"{line} {fault}"]
                self._net_before[f"{line} {fault}"] = times

    def struck(self) -> dict[str, Counter[str]]:
        """By line, how often each fault struck so far."""
        return {
            line: sum((proxy.struck for proxy in proxies), Counter()) for line, proxies in self._house.lines.items()
        }

    def _alone(self, line: str) -> asyncio.Lock:
        return self._locks.setdefault(line, asyncio.Lock())

    def _serve(self, act: Act) -> Serve:
        return next(one for one in self._house.serves if one.name == act.where)

    async def _child(self, serve: Serve, role: str) -> tuple[str, int]:
        """One that lives, by name and process id."""
        async with asyncio.timeout(watching.GIVEN_UP_S):
            while True:
                there = [(name, pid) for name, pid in serve.children.items() if name.rpartition("-")[0] == role]
                if there:
                    return self._random.choice(sorted(there))
                await asyncio.sleep(0.1)

    async def _kill_role(self, act: Act) -> None:
        serve, role = self._serve(act), act.kind.removeprefix("kill-")
        child, pid = await self._child(serve, role)
        done, troubled = watching.work_done(serve.sheet(child), role), self._lines()
        os.kill(pid, signal.SIGKILL)
        self.counts[act.kind] += 1
        took_s = await watching.recovered(serve, child, pid, done)
        self._recovered(act, f"{child} of {serve.name}", took_s, troubled())

    async def _kill_serve(self, act: Act) -> None:
        serve = self._serve(act)
        before, troubled = (
            {child: pid for role in ROLES for child, pid in [await self._child(serve, role)]},
            self._lines(),
        )
        if act.kind == "kill-serve":
            serve.kill_all()
        else:
            serve.kill()
        self.counts[act.kind] += 1
        took = await asyncio.gather(
            *(watching.recovered(serve, child, pid, 0.0) for child, pid in before.items() if child != "schedule-0")
        )
        self._recovered(act, f"all of {serve.name}", max(took), troubled())

    async def _pause(self, act: Act) -> None:
        serve, role = self._serve(act), act.kind.removeprefix("pause-")
        _, pid = await self._child(serve, role)
        fenced = await self._house.ask(FENCED) or 0
        if role == "deliver":
            await self._stop_with_calls_in_flight(pid)
        else:
            os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(PAUSES_S[role])
        finally:
            os.kill(pid, signal.SIGCONT)
        self.counts[act.kind] += 1
        if role == "deliver":
            await self._until(lambda: self._fenced_since(fenced), "a late outcome to be fenced off")

    async def _stop_with_calls_in_flight(self, pid: int) -> None:
        """The ERP's answers take so long that every courier waits for some when this one is stopped."""
        async with self._alone(ERP):
            for proxy in self._house.lines[ERP]:
                proxy.turn(Trouble("delay", 1.0, 3.0))
            await asyncio.sleep(2.0)
            os.kill(pid, signal.SIGSTOP)
            for proxy in self._house.lines[ERP]:
                proxy.calm()

    async def _fenced_since(self, before: int) -> bool:
        now = await self._house.ask(FENCED) or 0
        self.fenced += max(0, now - before)
        return bool(now > before)

    async def _kill_backend(self, act: Act) -> None:
        query = "select pid from pg_stat_activity where application_name = 'crossdock engine' order by random() limit 1"
        os.kill(await self._found(query), signal.SIGKILL)
        self.counts[act.kind] += 1
        await self._resumed(act)

    async def _found(self, query: str) -> int:
        async with asyncio.timeout(watching.GIVEN_UP_S):
            while not (pid := await self._house.ask(query)):
                await asyncio.sleep(0.1)
        return int(pid)

    async def _kill_postmaster(self, act: Act) -> None:
        pid = asked.listener_pid(self._house.server.socket)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.counts[act.kind] += 1
        await asyncio.sleep(1.0)
        await self._house.ensure_postgres()
        await self._resumed(act)

    async def _fill_disk(self, act: Act) -> None:
        disk = self._house.disk
        if not disk.bounded:
            await self._no_disk(act)
            return
        before, until = self._house.refusals(), time.monotonic() + FULL_S
        while time.monotonic() < until:
            disk.fill()
            await asyncio.sleep(0.2)
        if self._house.refusals() > before:
            self.counts[act.kind] += 1
        disk.free()
        await self._house.ensure_postgres()
        await self._resumed(act)

    async def _no_disk(self, act: Act) -> None:
        """No file system of our own: every request to the database fails instead, which counts for nothing."""
        self.stand_ins.add("disk-full: mounting is not permitted here, PostgreSQL's lines were cut instead")
        for proxy in self._house.lines[DATABASE]:
            proxy.turn(Trouble("cut-before"))
            proxy.reset()
        await asyncio.sleep(FULL_S)
        for proxy in self._house.lines[DATABASE]:
            proxy.calm()
        await self._resumed(act)

    async def _jump(self, act: Act) -> None:
        """The first serve's, whose processes were started with it. One that comes new with the wrong time signs in to
        the vendors with it. ``calm`` sets the clock right again: the second jump."""
        if self._house.clock is None:
            return
        seconds = JUMP_S if act.kind == "clock-ahead" else -JUMP_S
        self._house.clock.jump(seconds)
        self.counts[act.kind] += await self._until(lambda: self._sees(seconds), "the first serve to see its clock jump")
        await self._kill_role(Act("kill-deliver", self._house.serves[0].name, 0.0))

    async def _sees(self, seconds: float) -> bool:
        serve = self._house.serves[0]
        sheets = [sheet for child in serve.children if (sheet := serve.sheet(child))]
        return any(abs(sheet.written_at - time.time() - seconds) < 60 for sheet in sheets)

    async def _jump_database(self, act: Act) -> None:
        """PostgreSQL is started again with a clock that can be moved, works, and then its clock moves, for good."""
        clock = self._house.database_clock
        if clock is None:
            return
        self._house.postgres_environment.update(clock.environment)
        await asyncio.to_thread(self._house.server.stop)
        await self._house.ensure_postgres()
        await self._resumed(act)
        await self._move(act, clock)

    async def _move(self, act: Act, clock: Clock) -> None:
        clock.jump(JUMP_S)

        async def moved() -> bool:
            now = await self._house.ask("select extract(epoch from clock_timestamp())::float8")
            return now is not None and now - time.time() > JUMP_S / 2

        self.counts[act.kind] += await self._until(moved, "PostgreSQL to see its clock jump")
        await self._resumed(act)

    async def _until(self, reached: Callable[[], Awaitable[bool]], what: str) -> bool:
        """Whether it came: what nobody saw has not happened."""
        try:
            await self._house.until(reached, what, SEEN_S)
        except AssertionError:
            self._say(f"  waited {SEEN_S:g} s for {what}: it did not come")
            return False
        return True

    def _recovered(self, act: Act, what: str, seconds: float, troubled: bool) -> None:
        self.recoveries.append(Measured(act.kind, what, round(seconds, 2), troubled))
        self._say(f"  {what} works again after {seconds:.1f} s")

    async def _resumed(self, act: Act) -> None:
        troubled = self._lines()
        seconds = await watching.resumed(self._house)
        self.resumes.append(Measured(act.kind, "work resumed", round(seconds, 2), troubled()))
        self._say(f"  work resumed {seconds:.1f} s after PostgreSQL answered")
