"""An outcome that the database refuses ends as an exception; every other one is recorded as if it were not there."""

from collections.abc import Awaitable, Callable

import msgspec

from crossdock.domain.commands import Payload, ReadBack
from crossdock.domain.events import SignalSeen
from crossdock.engine.world import World
from crossdock.kit.manifest import Call, Follow, Repeat, Result
from crossdock.store.postgres import PostgresStore
from tests.engine.test_loops import OPEN, running, send, toy, until, value
from tests.engine.toy import ToySystem, arrival, connector, world

__all__ = ["running", "toy"]
UNSTORABLE = Follow("toy", "k" * 300, SignalSeen("erp", "toy", "x"))  # a stream's key has at most 200 characters


async def test_one_outcome_that_cannot_be_stored_harms_only_its_own_command(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    async def answer(nth: int, payload: Payload, call: Call) -> Result:
        assert isinstance(payload, ReadBack)
        done = toy.effect(payload)
        return msgspec.structs.replace(done, follows=(UNSTORABLE,)) if payload.external_id == "bad" else done

    toy.answer = answer
    await running(world(store, connector(toy, Repeat.UNIQUE)))
    await send(store, [arrival("before"), arrival("bad"), *(arrival(f"with{n}") for n in range(9))])
    await until(value(store, "select count(*) from dispatch where state = 'leased'"), 0)
    await send(store, [arrival("after")])
    await until(value(store, "select count(*) from streams where status = 'done'"), 12)
    await until(value(store, "select count(*) from attempts where outcome = 'done'"), 12)
    assert await value(store, OPEN)() == 1
    assert toy.effects["bad"] == 1
    details = await store.pool.fetch("select detail from attempts where detail <> ''")
    assert [row["detail"].split(":")[0] for row in details] == ["outcome_not_storable"]
