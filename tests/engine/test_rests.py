"""A rest that a vendor asks one worker for is kept by all that call it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from crossdock.domain.outcome import RateLimited
from crossdock.engine.world import Linked, World
from crossdock.intake.polling import Run, Tally, run_pages
from crossdock.kit.manifest import Page, Poll, Quota
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import LIVE, Store, StoreUnavailable
from tests.engine.test_courier import Refusing, recording, refusing

QUOTAS = (Quota(), Quota(concurrency=8), Quota(rate_per_s=200.0, burst=400.0), Quota(concurrency=8, rate_per_s=200.0))


class Refused(Exception):
    """As a connector's client raises it."""

    outcome = RateLimited(30.0)


class Polled:
    """A poll of the toy, by a process of its own. ``wait``: the database's clock goes on."""

    def __init__(self, refused: Refusing, answer: Exception | None = None) -> None:
        self.refused, self.answer, self.asked, self.waits = refused, answer, 0, 0
        link = refused.world.links["erp"]
        poll = Poll("toys", self.page)
        with_poll = msgspec.structs.replace(link.connector, polls={"toys": poll})
        self.link = Linked(link.name, with_poll, link.line)
        self.world: World = msgspec.structs.replace(refused.world, worker="w3")
        self.run = Run(self.link, poll, "toys", {}, LIVE, self.wait)

    async def page(self, _client: Any, _cursor: str | None, _options: Mapping[str, Any]) -> Page:
        self.asked += 1
        if self.answer is not None:
            raise self.answer
        return Page((), "end")

    async def wait(self, seconds: float) -> None:
        assert self.asked == 0
        self.waits += 1
        await self.refused.wait(seconds)

    async def __call__(self) -> None:
        await run_pages(self.world, self.run, lambda: self.waits < 100, lambda _: None, Tally())


@pytest.mark.parametrize("quota", QUOTAS)
async def test_one_is_told_and_the_other_worker_sends_nothing_and_no_poll_asks(
    store: PostgresStore, quota: Quota
) -> None:
    async with refusing(store, quota, commands=50) as told:
        other = Refusing(store, quota, worker="w2")
        async with recording(other):
            assert await told.claim()
            assert told.toy.calls
            assert not await other.claim()
            await other.wait(50.0)
            assert not await other.claim()
            assert not other.toy.calls
            polled = Polled(other)
            await polled()
            assert polled.asked == 1
            assert polled.waits >= 2, "ten seconds were left of it"
            other.ahead_s += 70.0
            assert await other.claim()
            assert other.toy.calls


@pytest.mark.parametrize("quota", QUOTAS)
async def test_what_a_poll_is_refused_lets_the_orders_wait_too(store: PostgresStore, quota: Quota) -> None:
    async with refusing(store, quota, commands=5) as courier:
        with pytest.raises(Refused):
            await Polled(courier, Refused())()
        assert 20 < await store.resting_s("erp") <= 30
        assert not await courier.claim()
        assert not courier.toy.calls
        await courier.wait(30.0)
        assert await courier.claim()


async def test_where_each_operation_has_its_limit_a_poll_waits_alone(store: PostgresStore) -> None:
    async with refusing(store, Quota(per_operation=True), commands=5) as courier:
        with pytest.raises(Refused):
            await Polled(courier, Refused())()
        assert await store.resting_s("erp") == 0
        assert await courier.claim()


class Away:
    """A store that cannot be told of a rest."""

    def __init__(self, store: Store) -> None:
        self._store, self.told = store, 0
        self.away = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def rest(self, account: str, for_s: float) -> None:
        self.told += 1
        if self.away:
            raise StoreUnavailable("it is away")
        await self._store.rest(account, for_s)


async def test_calls_that_are_refused_together_write_one_rest_and_what_could_not_be_written_is_kept_here(
    store: PostgresStore,
) -> None:
    away = Away(store)
    async with refusing(away, Quota(), commands=3) as refused:  # type: ignore[arg-type]
        assert await refused.claim()
        assert away.told >= 1
        assert refused.courier._quota.resting_s > 50
        assert await store.resting_s("erp") == 0
        away.away, before = False, away.told
        for _ in range(5):
            await refused.courier._quota.throttle(60.0)
        assert away.told == before + 1
        assert await store.resting_s("erp") > 50
