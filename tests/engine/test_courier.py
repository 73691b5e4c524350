"""When a courier may send what it holds."""

import asyncio
import time
from typing import Any

import pytest

from crossdock.domain.commands import Payload
from crossdock.engine.deciding import DecideLoop
from crossdock.engine.delivering import DeliverLoop
from crossdock.kit.manifest import Call, Repeat, Result
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import LeasedCommand
from tests.engine.toy import ToySystem, arrival, connector, world

LEASE_S, SETTLE_S, SLOW_S = 4.0, 2.5, 1.7


class SlowToAnswer:
    """A store whose first lease takes a while to arrive: so much of it has passed already."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self.leased_at: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim_commands(self, *arguments: Any, **named: Any) -> list[LeasedCommand]:
        began = time.monotonic()
        found = await self._store.claim_commands(*arguments, **named)
        if found:
            self.leased_at.append(began)
            await asyncio.sleep(SLOW_S if len(self.leased_at) == 1 else 0)
        return found


@pytest.mark.parametrize(("repeat", "leases"), [(Repeat.SEARCHABLE, 2), (Repeat.UNIQUE, 1)])
async def test_a_searchable_write_leaves_only_while_its_effect_can_show_before_the_lease_ends(
    store: PostgresStore, repeat: Repeat, leases: int
) -> None:
    """Else who takes over after a crash would search too early, find nothing and write a second time."""
    toy, slow, left_s = ToySystem(), SlowToAnswer(store), []

    async def answer(nth: int, payload: Payload, call: Call) -> Result:
        left_s.append(slow.leased_at[-1] + LEASE_S - time.monotonic())
        return toy.effect(payload)

    toy.answer = answer
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    there = world(slow, connector(toy, repeat, lease_s=LEASE_S, settle_s=SETTLE_S))
    await store.accept([arrival("k")])
    assert await DecideLoop(there).round()
    stop = asyncio.Event()
    delivering = asyncio.create_task(DeliverLoop(there).run(stop))
    async with asyncio.timeout(20):
        while not left_s:
            await asyncio.sleep(0.02)
    stop.set()
    await delivering
    assert len(slow.leased_at) == leases
    if repeat is Repeat.SEARCHABLE:
        assert left_s[0] >= SETTLE_S
