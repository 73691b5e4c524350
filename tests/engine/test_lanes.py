"""How much of the lanes behind the live one is decided at a time."""

import msgspec

from crossdock.engine.deciding import AMID_LIVE_PER_BATCH, AMID_LIVE_S, BEHIND_PER_BATCH, DecideLoop
from crossdock.kit.manifest import Repeat
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import BACKFILL, LIVE, Arrival
from tests.engine.toy import ToySystem, arrival, connector, world

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
