"""What goes out after the database lost time: looked for first, and only once it could be found."""

import asyncio

from crossdock.engine.courier import Courier
from crossdock.engine.deciding import DecideLoop
from crossdock.engine.health import Health
from crossdock.engine.recording import Recorder
from crossdock.kit.manifest import Repeat
from crossdock.store.postgres import PostgresStore
from tests.engine.toy import ToySystem, arrival, connector, world

SETTLE_S = 20.0


class Sending:
    """A courier on a store that lost time, with one command that it never sent, as far as it knows."""

    def __init__(self, store: PostgresStore) -> None:
        self.toy, self._store = ToySystem(), store
        self._world = world(store, connector(self.toy, Repeat.SEARCHABLE, settle_s=SETTLE_S))

    async def begin(self) -> None:
        await self._store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
        await self._store.accept([arrival("k")])
        assert await DecideLoop(self._world).round()
        await self._store.restored(3600.0)

    async def round(self) -> None:
        """Claim what is due, and see it home."""
        health, recorder = Health(self._world), Recorder(self._world)
        courier = Courier(self._world, self._world.links["erp"], recorder, health, lambda: None)
        recording = asyncio.create_task(recorder.run())
        await health.refresh()
        await courier.claim()
        await courier.come_home()
        await recorder.drained()
        recording.cancel()
        await asyncio.wait([recording])

    async def later(self, seconds: float) -> None:
        """So much later, as the database sees it."""
        for row in ("origin set restored_at = restored_at", "dispatch set due_at = due_at"):
            await self._store.pool.execute(f"update {row} - make_interval(secs => $1)", seconds)


async def test_what_was_sent_in_the_lost_time_is_found_and_not_sent_again(store: PostgresStore) -> None:
    sending = Sending(store)
    await sending.begin()
    sending.toy.effects["k"] = 1
    await sending.round()
    assert (sending.toy.looked, sending.toy.calls) == ([], []), "the vendor might not show it yet"
    assert [tuple(row) for row in await store.pool.fetch("select state, tries, due_at > now() from dispatch")] == [
        ("ready", 0, True)
    ]
    await sending.later(SETTLE_S - 1)
    await sending.round()
    assert sending.toy.looked == []
    await sending.later(2)
    await sending.round()
    assert (sending.toy.looked, sending.toy.calls) == (["toy/k"], [])
    assert await store.pool.fetchval("select count(*) from dispatch") == 0


async def test_what_was_not_sent_in_the_lost_time_is_sent_now(store: PostgresStore) -> None:
    sending = Sending(store)
    await sending.begin()
    await sending.later(SETTLE_S + 1)
    await sending.round()
    assert (sending.toy.looked, sending.toy.calls) == (["toy/k"], ["toy/k"])
    assert sending.toy.effects["k"] == 1


async def test_nothing_is_looked_for_once_that_is_made_up_for(store: PostgresStore) -> None:
    sending = Sending(store)
    await sending.begin()
    await store.restored(0.0)
    await sending.round()
    assert (sending.toy.looked, sending.toy.calls) == ([], ["toy/k"])
