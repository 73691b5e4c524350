"""What is told of a send: when there is none any more, and what of a vendor's words is kept."""

from collections.abc import Awaitable, Callable

import pytest

from crossdock.engine.deciding import DecideLoop
from crossdock.engine.disposal import MAX_TRIES
from crossdock.engine.world import World
from crossdock.kit.manifest import Repeat
from crossdock.store.postgres import PostgresStore
from tests.engine.test_loops import FINISHED, OPEN, running, toy, until, value
from tests.engine.toy import ToySystem, arrival, connector, world

__all__ = ["running", "toy"]


@pytest.mark.parametrize(("lost", "calls", "reached"), [(MAX_TRIES - 1, 1, FINISHED), (MAX_TRIES, 0, OPEN)])
async def test_a_call_that_none_of_its_workers_survives_goes_to_a_person(
    store: PostgresStore,
    toy: ToySystem,
    running: Callable[[World], Awaitable[None]],
    lost: int,
    calls: int,
    reached: str,
) -> None:
    there = world(store, connector(toy, Repeat.UNIQUE))
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    await store.accept([arrival("k")])
    assert await DecideLoop(there).round()
    for nth in range(lost):  # workers that took it and were gone with it
        assert len(await store.claim_commands("erp", 1, lease_s=0.0, expired=nth > 0)) == 1
    await running(there)
    await until(value(store, reached), 1)
    assert len(toy.calls) == calls
