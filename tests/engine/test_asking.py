"""How often a courier asks for commands: when there may be some, and no later than there is room for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from crossdock.domain.commands import Payload
from crossdock.engine.deciding import DecideLoop
from crossdock.engine.delivering import DeliverLoop
from crossdock.engine.quota import DEFAULT_CONCURRENCY
from crossdock.engine.wakeups import POLL_S
from crossdock.kit.manifest import Call, Quota, Repeat, Result
from crossdock.store.memory import MemoryStore
from crossdock.store.protocol import LeasedCommand
from tests.engine.toy import ToySystem, arrival, connector, world

SOON_S = POLL_S / 2  # sooner than a poll would find it


class Asked:
    """A store that counts how often it is asked for commands, and a system that answers when it is told."""

    def __init__(self) -> None:
        self._store = MemoryStore(lambda: datetime.now(UTC))
        self.times = 0
        self.toy = ToySystem()
        self.toy.answer = self.answer
        self.go_on = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim_commands(self, *arguments: Any, **named: Any) -> list[LeasedCommand]:
        self.times += 1
        return await self._store.claim_commands(*arguments, **named)

    async def answer(self, nth: int, payload: Payload, call: Call) -> Result:
        number = len(self.toy.calls)
        await self.go_on.wait()
        await asyncio.sleep(0.02 * number)  # one comes home after the other
        return self.toy.effect(payload)

    async def open(self, first: int, many: int) -> None:
        """Commands, and the wake-up for them."""
        await self._store.accept([arrival(f"k{number}") for number in range(first, first + many)])
        await DecideLoop(world(self, connector(self.toy, Repeat.UNIQUE))).round()  # type: ignore[arg-type]

    async def called(self, many: int) -> None:
        async with asyncio.timeout(SOON_S):
            while len(self.toy.calls) < many:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def delivering(quota: Quota | None = None) -> AsyncIterator[Asked]:
    store, stop = Asked(), asyncio.Event()
    await store.register("erp", "toy")
    there = world(store, connector(store.toy, Repeat.UNIQUE, quota=quota))  # type: ignore[arg-type]
    loop = asyncio.create_task(DeliverLoop(there).run(stop))
    await asyncio.sleep(0.05)
    try:
        yield store
    finally:
        store.go_on.set()
        stop.set()
        await loop


async def test_a_call_that_comes_home_asks_for_nothing_where_nothing_waits() -> None:
    async with delivering() as store:
        await store.open(0, 3)
        await store.called(3)
        for number in range(3, 6):  # each finds those before it still under way
            await store.open(number, 1)
            await store.called(number + 1)
        asked = store.times
        store.go_on.set()
        await asyncio.sleep(SOON_S / 2)
        assert len(store.toy.effects) == 6
        assert store.times - asked <= 1  # the poll may fall into it


async def test_what_waits_for_room_is_sent_when_a_call_comes_home() -> None:
    async with delivering(Quota(concurrency=2)) as store:  # one for the polls
        await store.open(0, 3)
        await store.called(1)
        store.go_on.set()
        await store.called(3)


@pytest.mark.parametrize("flying", [DEFAULT_CONCURRENCY - 4, DEFAULT_CONCURRENCY])
async def test_what_came_while_claims_were_gathered_is_sent_when_a_call_comes_home(flying: int) -> None:
    async with delivering() as store:
        await store.open(0, flying)
        await store.called(flying)
        await store.open(flying, 1)  # within the moment in which a claim would be too small
        await asyncio.sleep(0)
        store.go_on.set()
        await store.called(flying + 1)
