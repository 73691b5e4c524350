"""The figures of this moment, read once for all who watch, and remembered for the little curves."""

import asyncio
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from crossdock.api.desk import Desk
from crossdock.kit.pausing import pause
from crossdock.store import reading_connections, reading_now
from crossdock.store.reading import Count
from crossdock.store.reading_connections import ConnectionHealth
from crossdock.store.reading_now import History, Lag, Lane, Outbound, Worker

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
        """Keep the curves going while nobody watches."""
        while not stop.is_set():
            try:
                await self.now()
            except Exception as error:  # noqa: BLE001 - the database may be away: say so and go on
                self._desk.signals.log.warning("console.figures_unread", error=type(error).__name__)
            await pause(stop, every_s)

    async def _read(self, clock: float) -> Now:
        pool = self._desk.pool
        rates = await reading_now.rates(pool)
        lanes, outbound = await reading_now.lanes(pool, rates.at), await reading_now.outbound(pool, rates.at)
        exceptions, causes = await reading_now.exceptions_open(pool)
        messages, commands = _total([lane.depth for lane in lanes]), _total([out.depth for out in outbound])
        oldest = max((lane.oldest_s for lane in lanes), default=0.0)
        self.beats.append(
            Beat(
                at=rates.at,
                clock_s=clock,
                messages=messages.n,
                commands=commands.n,
                oldest_s=oldest,
                decisions=await reading_now.decisions_ever(pool),
                accepted=rates.accepted,
                delivered=rates.delivered,
                exceptions=exceptions.n,
            )
        )
        return Now(
            at=rates.at,
            lanes=lanes,
            outbound=outbound,
            waiting_messages=messages,
            waiting_commands=commands,
            oldest_s=oldest,
            accepted_per_min=rates.accepted,
            decided_per_min=self._decided_per_min(),
            delivered_per_min=rates.delivered,
            exceptions=exceptions,
            causes=causes,
            orders=await reading_now.orders_by_status(pool),
            orders_estimate=await reading_now.orders_estimate(pool),
            lag=await reading_now.lag(pool, rates.at),
            connections=await reading_connections.connections(pool),
            workers=await reading_now.workers(pool),
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
