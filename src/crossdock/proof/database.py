"""A process's way to the database: every call may be refused, may stand without its answer, or be cut short by a kill.

The tables live outside all processes (``tables``). A transaction that a killed process leaves open is
rolled back when the server notices.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from crossdock.proof.consequences import Pace
from crossdock.proof.plan import Scenario
from crossdock.proof.process import Process
from crossdock.proof.tables import Line, at_once
from crossdock.proof.witness import Witness
from crossdock.store.protocol import (
    Arrival,
    CommitUnknown,
    ConnectionRow,
    Grant,
    LeasedCommand,
    Receipt,
    Sent,
    Store,
    StoreUnavailable,
    StreamBatch,
    Turns,
)

T = TypeVar("T")
_NOTICED_S = 0.01  # until a killed client's transaction is rolled back
STALL_S = 9.0  # the longest that the database holds back an answer
_WAY_S = 0.0005  # to the server or back, on average


class Trouble:
    """What strikes the database, for all processes alike. Everything is drawn from the seed."""

    def __init__(self, scenario: Scenario, witness: Witness, seconds: Callable[[], float]) -> None:
        self._rates = dict(scenario.rates)
        self._random = scenario.random("database")
        self._witness, self._seconds = witness, seconds
        self._warm_s = scenario.warm_s
        self.down_until = 0.0
        self.wakes = 0

    def end(self) -> None:
        """The quiet tail begins."""
        self._rates, self.down_until = {}, 0.0

    def seconds(self) -> float:
        """Of simulated time."""
        return self._seconds()

    @property
    def down(self) -> bool:
        return self._seconds() < self.down_until

    def strikes(self, kind: str, who: str, what: str) -> bool:
        rate = self._rates.get(kind, 0.0) if self._seconds() >= self._warm_s else 0.0
        if not rate or self._random.random() >= rate:
            return False
        self._witness.fault(kind, who, what)
        return True

    def stall_s(self) -> float:
        """How long an answer stays away: within what a worker waits for the database."""
        return self._random.uniform(0.5, STALL_S)

    def way_s(self) -> float:
        return round(self._random.expovariate(1 / _WAY_S), 6)  # logarithms differ in their last bit by machine


class ProcessStore:
    """Implements ``Store`` for one process."""

    def __init__(
        self,
        line: Line,
        process: Process,
        trouble: Trouble,
        boundary: Callable[[str], Awaitable[None]],
        pace: Pace,
    ) -> None:
        self._line = line
        self._base: Store = line.store
        self._process, self._trouble, self._boundary = process, trouble, boundary
        self._pace = pace
        self._open: dict[Any, None] = {}  # in order of time, which a set would not keep
        self._forget: list[Callable[[], Awaitable[None]]] = []
        process.on_crash.append(self._cut)

    # -- how a call goes ---------------------------------------------------------------------------------------

    async def _call(self, what: str, effect: Callable[[], Awaitable[T]], *, loses: bool = False) -> T:
        await self._there(what)
        if loses and self._trouble.strikes("commit_doubtful", self._process.name, what):
            raise CommitUnknown(f"the connection was cut before COMMIT was heard ({what})")
        return await self._done(what, effect, lost=loses and self._lost(what))

    def _lost(self, what: str) -> bool:
        return self._trouble.strikes("commit_lost", self._process.name, what)

    async def _done(self, what: str, effect: Callable[[], Awaitable[T]], *, lost: bool) -> T:
        """The effect and its answer, or the effect alone."""
        if lost:
            broken = await self._line.cut(effect, what)
            await self._boundary(f"after {what}")
            raise broken
        answer = await effect()
        await self._boundary(f"after {what}")
        if self._trouble.strikes("store_slow", self._process.name, what):
            await asyncio.sleep(self._trouble.stall_s())
        return answer

    async def _there(self, what: str) -> None:
        await self._boundary(f"before {what}")
        await asyncio.sleep(self._trouble.way_s())
        if self._trouble.down:
            raise StoreUnavailable(f"the database is down ({what})")
        if self._trouble.strikes("store_refused", self._process.name, what):
            raise StoreUnavailable(f"the connection was cut before {what}")

    def _cut(self) -> None:
        for claim in list(self._open):
            asyncio.get_running_loop().call_later(_NOTICED_S, self._roll_back, claim)
        for forget in self._forget:
            at_once(forget())

    def _roll_back(self, claim: Any) -> None:
        self._open.pop(claim, None)
        with contextlib.suppress(StoreUnavailable):
            self._line.lose(claim)

    # -- the store's operations --------------------------------------------------------------------------------

    async def accept(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        return await self._call("accept", lambda: self._base.accept(arrivals), loses=True)

    def claim_streams(
        self, lane: int, limit: int, cap: int, exclude: Sequence[int] = (), only: Sequence[int] = ()
    ) -> AbstractAsyncContextManager[StreamBatch]:
        return self._claim(lane, limit, cap, exclude, only)

    @asynccontextmanager
    async def _claim(
        self, lane: int, limit: int, cap: int, exclude: Sequence[int], only: Sequence[int]
    ) -> AsyncIterator[StreamBatch]:
        if not self._trouble.down and not self._line.waiting("agenda"):
            async with self._base.claim_streams(lane, limit, cap, exclude, only) as batch:
                yield batch
            return
        await self._there("claim streams")
        claim = self._base.claim_streams(lane, limit, cap, exclude, only)
        batch = await claim.__aenter__()
        self._open[claim] = None
        try:
            yield batch
            if batch.streams:
                await self._commit()
        except BaseException as error:
            if claim in self._open:
                self._open.pop(claim, None)
                await claim.__aexit__(type(error), error, error.__traceback__)
            raise
        self._open.pop(claim, None)

        async def committed() -> None:
            await claim.__aexit__(None, None, None)

        if batch.streams:
            await self._done("commit", committed, lost=self._lost("decide"))
        else:
            await committed()

    async def _commit(self) -> None:
        await self._boundary("before commit")
        await asyncio.sleep(self._trouble.way_s())
        if self._trouble.down or self._trouble.strikes("commit_aborted", self._process.name, "decide"):
            raise StoreUnavailable("the transaction was aborted")

    async def claim_commands(
        self, target: str, limit: int, lease_s: float, *, expired: bool = False, younger_s: float | None = None
    ) -> list[LeasedCommand]:
        async def effect() -> list[LeasedCommand]:
            claimed = await self._base.claim_commands(target, limit, lease_s, expired=expired, younger_s=younger_s)
            self._process.leased.update(dict.fromkeys((one.id for one in claimed), self._trouble.seconds()))
            return claimed

        if not self._trouble.down and not self._line.waiting("dispatch", target):
            return await effect()
        claimed = await self._call("claim commands", effect, loses=True)
        self._process.holds.update({one.id: one.fence for one in claimed})
        return claimed

    async def record(self, sent: Sequence[Sent]) -> list[bool]:
        return await self._call("record", lambda: self._base.record(sent), loses=True)

    async def unlease(self, commands: Sequence[tuple[int, int]], in_s: float = 0.0) -> None:
        await self._call("unlease", lambda: self._base.unlease(commands, in_s), loses=True)

    async def move_timers(self, limit: int) -> int:
        if not self._trouble.down and not self._line.waiting("timers"):
            return 0
        return await self._call("move timers", lambda: self._base.move_timers(limit), loses=True)

    async def unpark(self, stream_id: int) -> int:
        return await self._call("unpark", lambda: self._base.unpark(stream_id), loses=True)

    async def book(self, account: str, units: int, rate_per_s: float, burst: float) -> Grant:
        return await self._call("book", lambda: self._base.book(account, units, rate_per_s, burst))

    async def rest(self, account: str, for_s: float) -> None:
        self._pace.told(account, self._process, for_s, self._trouble.seconds())

        async def effect() -> None:
            await self._base.rest(account, for_s)
            self._pace.stands(account, for_s, self._trouble.seconds())

        await self._call("rest", effect, loses=True)

    async def resting_s(self, account: str) -> float:
        if self._trouble.down:  # not struck by itself: asked before each page, it would make every seed another run
            raise StoreUnavailable("the database is down")
        return await self._base.resting_s(account)

    async def acquire_slots(
        self,
        account: str,
        worker: str,
        want: int,
        limit: int,
        lease_s: float,
        *,
        using: int = 0,
        turns: Turns | None = None,
    ) -> int:
        return await self._quiet(
            lambda: self._base.acquire_slots(account, worker, want, limit, lease_s, using=using, turns=turns)
        )

    async def release_slots(self, account: str, worker: str) -> None:
        await self._quiet(lambda: self._base.release_slots(account, worker))

    async def restored(self, doubt_s: float) -> None:
        await self._quiet(lambda: self._base.restored(doubt_s))

    async def connections(self) -> dict[str, ConnectionRow]:
        return await self._quiet(self._base.connections)

    async def trip(self, connection: str, *, failures: int, breaker: str, for_s: float | None) -> None:
        await self._call(
            "trip", lambda: self._base.trip(connection, failures=failures, breaker=breaker, for_s=for_s), loses=True
        )

    async def pause(self, connection: str, reason: str | None) -> None:
        await self._call("pause", lambda: self._base.pause(connection, reason), loses=True)

    async def load_masters(self, connection: str, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        return await self._quiet(lambda: self._base.load_masters(connection, kind, keys))

    async def save_masters(self, connection: str, kind: str, rows: Sequence[tuple[str, bytes]]) -> None:
        await self._call("save masters", lambda: self._base.save_masters(connection, kind, rows), loses=True)

    async def load_customers(self, connection: str, keys: Sequence[str]) -> list[tuple[str, bytes]]:
        return await self._quiet(lambda: self._base.load_customers(connection, keys))

    async def save_customers(self, connection: str, rows: Sequence[tuple[str, str, bytes]]) -> None:
        await self._call("save customers", lambda: self._base.save_customers(connection, rows), loses=True)

    async def links(self, channel: str, erp: str, ids: Sequence[str]) -> dict[str, str]:
        return await self._quiet(lambda: self._base.links(channel, erp, ids))

    async def save_values(self, connection: str, kind: str, rows: Sequence[tuple[str, str]]) -> None:
        await self._quiet(lambda: self._base.save_values(connection, kind, rows))

    async def masters_listed(self, connection: str, kind: str) -> bool:
        return await self._quiet(lambda: self._base.masters_listed(connection, kind))

    async def note_listed(self, connection: str, kind: str) -> None:
        await self._quiet(lambda: self._base.note_listed(connection, kind))

    async def look_again(
        self, connection: str, kind: str, keys: Sequence[str] | None, limit: int, trace: str = ""
    ) -> int:
        if not self._trouble.down and not self._line.waiting("wanted"):
            return 0
        return await self._call(
            "look again", lambda: self._base.look_again(connection, kind, keys, limit, trace), loses=True
        )

    async def cursor(self, connection: str, name: str) -> str | None:
        return await self._quiet(lambda: self._base.cursor(connection, name))

    async def save_cursor(self, connection: str, name: str, value: str) -> None:
        await self._call("save cursor", lambda: self._base.save_cursor(connection, name, value), loses=True)

    async def wake(self, channel: str) -> None:
        if self._trouble.down:
            raise StoreUnavailable("the database is down (wake)")
        if self._trouble.strikes("store_refused", self._process.name, f"wake {channel}"):
            raise StoreUnavailable("the connection was cut before the wake-up")
        if not self._trouble.strikes("wake_lost", self._process.name, channel):
            self._trouble.wakes += 1
            await self._base.wake(channel)

    async def listen(self, channel: str, on_wake: Callable[[], None]) -> Callable[[], Awaitable[None]]:
        if self._trouble.down:
            raise StoreUnavailable("the database is down (listen)")
        forget = await self._base.listen(channel, on_wake)
        self._forget.append(forget)

        async def once() -> None:
            if forget in self._forget:
                self._forget.remove(forget)
                await forget()

        return once

    async def tend(self) -> dict[str, float]:
        return await self._quiet(self._base.tend)

    async def _quiet(self, effect: Callable[[], Awaitable[T]]) -> T:
        """A call that is repeated for ever by itself, or brings what the next one brings again: refused like any other,
        but no place worth killing at, and never without its answer (docs/explanation/proof.md says which)."""
        if self._trouble.down:
            raise StoreUnavailable("the database is down")
        if self._trouble.strikes("store_refused", self._process.name, "a quiet call"):
            raise StoreUnavailable("the connection was cut")
        return await effect()
