"""How much of the lanes behind the live one is decided at a time."""

import asyncio
import time

import msgspec

from crossdock.domain.decision import Context, Decision, StreamRef
from crossdock.domain.events import Event
from crossdock.engine.deciding import AMID_LIVE_PER_BATCH, BEHIND_PER_BATCH, DecideLoop
from crossdock.engine.deciding import MESSAGES_PER_STREAM as CAP
from crossdock.engine.wakeups import POLL_S
from crossdock.kit.manifest import Repeat
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import AMID_LIVE_S, BACKFILL, LIVE, Arrival
from tests.engine.toy import ToyDecider, ToyState, ToySystem, arrival, connector, world

OLD = 3 * BEHIND_PER_BATCH


def old(number: int) -> Arrival:
    return msgspec.structs.replace(arrival(f"old-{number}"), priority=BACKFILL)


async def test_while_live_orders_come_in_less_of_a_backlog_is_decided_at_a_time(store: PostgresStore) -> None:
    """What is being decided when a live order arrives is what the order waits for."""
    clock = [0.0]
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    there = msgspec.structs.replace(world(store, connector(ToySystem(), Repeat.UNIQUE)), stopwatch=lambda: clock[0])
    decider = DecideLoop(there)
    await store.accept([old(number) for number in range(OLD)])

    async def served(lane: int) -> int:
        left: int = await store.pool.fetchval("select count(*) from agenda where priority = $1", lane)
        assert await decider.round()
        return left - int(await store.pool.fetchval("select count(*) from agenda where priority = $1", lane))

    assert await served(BACKFILL) == BEHIND_PER_BATCH
    await store.accept([arrival("live")])
    assert await served(LIVE) == 1
    assert await served(BACKFILL) == AMID_LIVE_PER_BATCH
    clock[0] += AMID_LIVE_S
    assert await served(BACKFILL) == BEHIND_PER_BATCH


class Toilsome(ToyDecider):
    """Every decision takes a second, as an order of thousands of lines may."""

    def __init__(self, clock: list[float]) -> None:
        self._clock = clock

    def decide(self, state: ToyState, event: Event, context: Context) -> Decision:
        self._clock[0] += 1.0
        return super().decide(state, event, context)


async def test_no_more_is_decided_at_once_than_a_session_may_be_silent_for(store: PostgresStore) -> None:
    """PostgreSQL ends a session that is silent for 5 s in a transaction; the same batch would be claimed for ever."""
    clock = [0.0]
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    plain = world(store, connector(ToySystem(), Repeat.UNIQUE))
    there = msgspec.structs.replace(plain, stopwatch=lambda: clock[0], deciders={"toy": Toilsome(clock)})
    decider = DecideLoop(there)
    await store.accept([arrival(f"large-{number}") for number in range(7)])
    left = []
    for _ in range(3):  # one after the other: what was left is not waited for
        assert await decider.round()
        left.append(await store.pool.fetchval("select count(*) from agenda"))
    assert left == [4, 1, 0]


async def test_a_hot_stream_that_is_alone_is_served_without_a_pause(store: PostgresStore) -> None:
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    same = [msgspec.structs.replace(arrival(f"m{n}"), stream=StreamRef("toy", "hot")) for n in range(4 * CAP + 1)]
    await store.accept(same)
    stop = asyncio.Event()
    deciding = asyncio.create_task(DecideLoop(world(store, connector(ToySystem(), Repeat.UNIQUE))).run(stop))
    began = time.monotonic()
    async with asyncio.timeout(20):
        while await store.pool.fetchval("select count(*) from agenda"):
            await asyncio.sleep(0.02)
    took_s = time.monotonic() - began
    stop.set()
    await deciding
    assert took_s < 2 * POLL_S
