"""The figures that the curves remember while nobody watches, and those that are read for somebody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from crossdock.api.desk import Desk
from crossdock.api.pulse import Pulse


class Listening:
    """A reading pool that keeps what it was asked."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.asked: list[str] = []

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["Listening"]:
        async with self._pool.acquire() as connection:
            heard = Listening(connection)
            heard.asked = self.asked
            yield heard

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._pool, name)

        async def ask(query: str, *arguments: Any, **named: Any) -> Any:
            self.asked.append(query)
            return await method(query, *arguments, **named)

        return ask


async def _unwatched(pulse: Pulse, beats: int) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(pulse.run(stop, every_s=0.01))
    async with asyncio.timeout(20):
        while len(pulse.beats) < beats:
            await asyncio.sleep(0.01)
    stop.set()
    await running


async def test_the_curves_go_on_while_nobody_watches_and_nothing_else_is_read(desk: Desk) -> None:
    pool = Listening(desk.pool)
    pulse = Pulse(msgspec.structs.replace(desk, pool=pool))
    await _unwatched(pulse, 3)
    beaten = " ".join(pool.asked)
    pool.asked.clear()
    now = await pulse.now()
    watched = " ".join(pool.asked)
    for costly in ("percentile_cont", "from workers", "status, counted.n", "reltuples"):
        assert costly not in beaten
        assert costly in watched
    assert now.orders
    assert now.connections
    assert (pulse.beats[-1].at, pulse.beats[-1].exceptions) == (now.at, now.exceptions.n)
    assert len({beat.at for beat in pulse.beats}) == len(pulse.beats), "each is a reading of its own"
