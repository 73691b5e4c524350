"""The figures of this moment, read once for all who watch, and remembered for the little curves."""

import asyncio
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from crossdock.api.desk import Desk
from crossdock.kit.pausing import pause
from crossdock.store import origin, reading_connections, reading_now
from crossdock.store.origin import Doubt
from crossdock.store.reading import Count, Database
from crossdock.store.reading_connections import ConnectionHealth
from crossdock.store.reading_now import History, Lag, Lane, Outbound, Rates, Worker

FRESH_S = 1.5
REST = 8  # reading takes at most a ninth of the time, however long the queues have grown
KEPT = 720
WINDOW_S = 60.0


class Now(msgspec.Struct, frozen=True):
    """Everything on the Now page. Rates are per minute; ``None``: not known yet."""

    at: datetime
    lanes: list[Lane]
    outbound: list[Outbound]
    waiting_messages: Count
    waiting_commands: Count
    oldest_s: float
    accepted_per_min: int
    decided_per_min: float | None
    delivered_per_min: int
    exceptions: Count
    causes: int
    orders: Mapping[str, Count]
    orders_estimate: int
    lag: list[Lag]
    connections: list[ConnectionHealth]
    workers: list[Worker]
    doubt: Doubt | None = None  # the database lost time; else none


class Beat(msgspec.Struct, frozen=True):
    """What is remembered of one reading. ``clock_s`` is the process's stopwatch."""

    at: datetime
    clock_s: float
    messages: int
    commands: int
    oldest_s: float
    decisions: int
    accepted: int
    delivered: int
    exceptions: int


class _Felt(msgspec.Struct, frozen=True):
    """What one beat is made of."""

    rates: Rates
    lanes: list[Lane]
    outbound: list[Outbound]
    exceptions: tuple[Count, int]  # open ones, and their causes

    @property
    def messages(self) -> Count:
        return _total([lane.depth for lane in self.lanes])

    @property
    def commands(self) -> Count:
        return _total([out.depth for out in self.outbound])

    @property
    def oldest_s(self) -> float:
        return max((lane.oldest_s for lane in self.lanes), default=0.0)


class Pulse:
    """Reads the figures at most every ``FRESH_S`` seconds however many pages ask, less often while that is slow."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = asyncio.Lock()
        self._latest: tuple[float, Now] | None = None
        self._cost_s = 0.0
        self._history: tuple[float, History] | None = None
        self.beats: deque[Beat] = deque(maxlen=KEPT)

    async def now(self) -> Now:
        """The latest figures, at most ``FRESH_S`` old; older while reading them is slow."""
        async with self._lock:
            clock = self._desk.stopwatch()
            if self._latest is None or clock - self._latest[0] > max(FRESH_S, REST * self._cost_s):
                self._latest = clock, await self._read(clock)
                self._cost_s = self._desk.stopwatch() - clock
            return self._latest[1]

    async def history(self) -> History:
        """Arrivals and calls per minute over the last hour, at most 10 s old."""
        async with self._lock:
            clock = self._desk.stopwatch()
            if self._history is None or clock - self._history[0] > 10:
                self._history = clock, await reading_now.history(self._desk.pool)
            return self._history[1]

    async def run(self, stop: asyncio.Event, every_s: float = 5.0) -> None:
        """Keep the curves going while nobody watches; what is only shown, not remembered, is then not read."""
        while not stop.is_set():
            try:
                await self._keep_beating(every_s)
            except Exception as error:  # noqa: BLE001 - the database may be away: say so and go on
                self._desk.signals.log.warning("console.figures_unread", error=type(error).__name__)
            await pause(stop, every_s)

    async def _keep_beating(self, every_s: float) -> None:
        async with self._lock, self._desk.pool.acquire() as database:
            clock = self._desk.stopwatch()
            if not self.beats or clock - self.beats[-1].clock_s >= every_s / 2:
                await self._beat(database, clock)

    async def _beat(self, database: Database, clock: float) -> _Felt:
        rates = await reading_now.rates(database)
        felt = _Felt(
            rates,
            lanes=await reading_now.lanes(database, rates.at),
            outbound=await reading_now.outbound(database, rates.at),
            exceptions=await reading_now.exceptions_open(database),
        )
        self.beats.append(
            Beat(
                at=rates.at,
                clock_s=clock,
                messages=felt.messages.n,
                commands=felt.commands.n,
                oldest_s=felt.oldest_s,
                decisions=await reading_now.decisions_ever(database),
                accepted=rates.accepted,
                delivered=rates.delivered,
                exceptions=felt.exceptions[0].n,
            )
        )
        return felt

    async def _read(self, clock: float) -> Now:
        async with self._desk.pool.acquire() as database:
            felt = await self._beat(database, clock)
            exceptions, causes = felt.exceptions
            return Now(
                at=felt.rates.at,
                lanes=felt.lanes,
                outbound=felt.outbound,
                waiting_messages=felt.messages,
                waiting_commands=felt.commands,
                oldest_s=felt.oldest_s,
                accepted_per_min=felt.rates.accepted,
                decided_per_min=self._decided_per_min(),
                delivered_per_min=felt.rates.delivered,
                exceptions=exceptions,
                causes=causes,
                orders=await reading_now.orders_by_status(database),
                orders_estimate=await reading_now.orders_estimate(database),
                lag=await reading_now.lag(database, felt.rates.at),
                connections=await reading_connections.connections(database),
                workers=await reading_now.workers(database),
                doubt=await origin.standing(database),
            )

    def _decided_per_min(self) -> float | None:
        newest = self.beats[-1]
        base = next((beat for beat in self.beats if newest.clock_s - beat.clock_s <= WINDOW_S), newest)
        passed = newest.clock_s - base.clock_s
        return max(0, newest.decisions - base.decisions) * 60 / passed if passed > 0 else None


def _total(counts: list[Count]) -> Count:
    return Count(sum(count.n for count in counts), any(count.capped for count in counts))


def pulse_of(connection: Any) -> Pulse:
    pulse: Pulse = connection.app.state.pulse
    return pulse
