"""When a courier may send what it holds."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from crossdock.domain.commands import Payload
from crossdock.domain.outcome import Done, RateLimited, RetryLater
from crossdock.engine import courier
from crossdock.engine.courier import Courier
from crossdock.engine.deciding import DecideLoop
from crossdock.engine.delivering import DeliverLoop
from crossdock.engine.health import Health
from crossdock.engine.recording import Recorder
from crossdock.kit.manifest import Call, Quota, Repeat, Result
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import BACKFILL, LIVE, ConnectionRow, LeasedCommand
from tests.engine.toy import ToySystem, arrival, connector, world
from tests.support.heard import Heard

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


@pytest.mark.parametrize("repeat", [Repeat.SEARCHABLE, Repeat.UNIQUE])
async def test_a_write_that_settles_leaves_only_while_it_can_settle_before_the_lease_ends(
    store: PostgresStore, repeat: Repeat
) -> None:
    """Else who takes over after a crash would search too early, find nothing and write a second time; or repeat an
    upsert, and what came after it would be undone by the first one."""
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
    assert len(slow.leased_at) == 2
    assert left_s[0] >= SETTLE_S


class Refusing:
    """A courier whose system refuses every call for a minute, and a stopwatch that a test puts forward."""

    def __init__(self, store: PostgresStore, quota: Quota, worker: str = "w1") -> None:
        self.store, self.toy, self.ahead_s = store, ToySystem(), 0.0
        self.toy.answer = self.refuse
        there = world(store, connector(self.toy, Repeat.UNIQUE, quota=quota), worker=worker)
        self.heard = Heard()
        self.world = msgspec.structs.replace(
            there, stopwatch=lambda: time.monotonic() + self.ahead_s, signals=self.heard
        )
        self.health, self.recorder = Health(self.world), Recorder(self.world)
        self.courier = Courier(self.world, self.world.links["erp"], self.recorder, self.health, lambda: None)

    async def refuse(self, nth: int, payload: Payload, call: Call) -> Result:
        return Result(RateLimited(60.0))

    async def known(self, nth: int, payload: Payload, call: Call) -> Result:
        return Result(Done(repeated=True))

    async def busy(self, nth: int, payload: Payload, call: Call) -> Result:
        return Result(RetryLater("busy"))

    async def wait(self, seconds: float) -> None:
        """So much later, here and by the database's clock."""
        self.ahead_s += seconds
        sooner = "update quotas set rest_until = rest_until - make_interval(secs => $1)"
        await self.store.pool.execute(sooner, seconds)

    async def claim(self) -> bool:
        await self.health.refresh()
        claimed = await self.courier.claim()
        await self.courier.come_home()
        await self.recorder.drained()
        return claimed


@asynccontextmanager
async def refusing(store: PostgresStore, quota: Quota, commands: int) -> AsyncIterator[Refusing]:
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    await store.accept([arrival(f"k{n}") for n in range(commands)])
    refused = Refusing(store, quota)
    while await DecideLoop(refused.world).round():
        pass
    async with recording(refused):
        yield refused


@asynccontextmanager
async def recording(refused: Refusing) -> AsyncIterator[None]:
    running = asyncio.create_task(refused.recorder.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_rest_that_the_vendor_asked_for_is_kept_by_all_commands_of_the_connection(store: PostgresStore) -> None:
    async with refusing(store, Quota(), commands=100) as refused:
        assert await refused.claim()
        assert (called := len(refused.toy.calls)) < 10
        await refused.wait(50.0)
        assert not await refused.claim()
        assert len(refused.toy.calls) == called
        await refused.wait(20.0)
        assert await refused.claim()
        assert len(refused.toy.calls) > called


async def test_since_when_a_limit_refuses_a_command_is_known_until_it_answers_otherwise(store: PostgresStore) -> None:
    """Such a refusal costs no try: without it nobody would ever be told."""
    since = "select throttled_at from dispatch"
    async with refusing(store, Quota(), commands=1) as refused:
        assert await store.pool.fetchval(since) is None
        assert await refused.claim()
        first = await store.pool.fetchval(since)
        assert first is not None
        await refused.wait(70.0)
        await store.pool.execute("update dispatch set due_at = now()")
        assert await refused.claim()
        assert await store.pool.fetchval(since) == first
        await refused.wait(70.0)
        refused.toy.answer = refused.busy
        await store.pool.execute("update dispatch set due_at = now()")
        assert await refused.claim()
        assert await store.pool.fetchval(since) is None


async def test_what_was_claimed_when_a_rest_began_is_given_back_and_not_held(store: PostgresStore) -> None:
    async with refusing(store, Quota(rate_per_s=2.0, burst=1.0), commands=4) as refused:
        assert await refused.claim()
        assert len(refused.toy.calls) == 1, "the others waited for the rate, then learnt of the rest"
        rows = await store.pool.fetch("select state, tries from dispatch")
        assert [tuple(row) for row in rows] == [("ready", 0)] * 4


async def test_how_long_calls_wait_for_the_rate_is_measured(store: PostgresStore) -> None:
    waits = ("crossdock.target.throttle.wait", (("target", "erp"),))
    async with refusing(store, Quota(rate_per_s=4.0, burst=1.0), commands=2) as refused:
        refused.toy.answer = refused.known
        assert await refused.claim()
        assert len(refused.toy.calls) == 2
        assert all(0.01 <= waited < 20 for waited in refused.heard.measured[waits])
        assert 1 <= len(refused.heard.measured[waits]) <= 2, "the first may leave at once"
        assert refused.heard.counted["crossdock.duplicates.prevented", (("where", "target"),)] == 2


async def test_where_there_is_no_rate_nothing_waits_for_it(store: PostgresStore) -> None:
    async with refusing(store, Quota(), commands=1) as refused:
        assert await refused.claim()
        assert not [name for name, _ in refused.heard.measured if name == "crossdock.target.throttle.wait"]


class OpenEnded:
    """A store with nothing to send, whose answer to who asks for the oldest is on its way."""

    def __init__(self, slots: int) -> None:
        self.slots, self.clock = slots, 0.0
        self.asked: list[int] = []
        self.waiting = 0
        self.answered = asyncio.Event()

    async def connections(self) -> dict[str, ConnectionRow]:
        return {"erp": ConnectionRow(1, "erp", "toy", False, None, "closed", None, 0)}

    async def acquire_slots(self, *_: Any, **named: Any) -> int:
        return self.slots

    async def release_slots(self, *_: Any) -> None: ...

    async def claim_commands(
        self, target: str, limit: int, lease_s: float, *, expired: bool = False, younger_s: float | None = None
    ) -> list[LeasedCommand]:
        self.asked.append(limit + self.waiting)
        if not expired and younger_s is None:
            self.waiting += limit
            await self.answered.wait()
            self.waiting -= limit
        return []


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("slots", [1, 2, 5])
async def test_what_is_being_asked_for_aside_is_as_good_as_under_way(slots: int, begun: bool) -> None:
    """Else a vendor that takes one call at a time is sent two: one of the backlog, and what fell due meanwhile."""
    store = OpenEnded(slots)
    there = world(store, connector(ToySystem(), Repeat.UNIQUE, quota=Quota(concurrency=slots + 1)))  # type: ignore[arg-type]
    there = msgspec.structs.replace(there, stopwatch=lambda: store.clock)
    health = Health(there)
    courier = Courier(there, there.links["erp"], Recorder(there), health, lambda: None)
    await health.refresh()
    courier._behind = True
    await courier.claim()
    if begun:
        await asyncio.sleep(0)
    store.clock += 2.0
    await courier.claim()
    await asyncio.sleep(0)
    assert store.waiting > 0
    assert max(store.asked) <= slots
    store.answered.set()
    await courier.come_home()


async def test_live_orders_pass_a_backlog_and_what_comes_of_a_backlog_lets_them_pass(store: PostgresStore) -> None:
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    toy, open_up = ToySystem(), asyncio.Event()

    async def answer(nth: int, payload: Payload, call: Call) -> Result:
        await open_up.wait()
        return toy.effect(payload)

    toy.answer = answer
    there = world(store, connector(toy, Repeat.UNIQUE, quota=Quota(concurrency=9)))  # one is left for polls
    await store.accept([arrival(f"old{n}") for n in range(20)])
    assert await DecideLoop(there).round()
    await store.pool.execute("update dispatch set due_at = now() - interval '1 minute'")
    stop = asyncio.Event()
    delivering = asyncio.create_task(DeliverLoop(there).run(stop))
    async with asyncio.timeout(20):
        while len(toy.calls) < 4:
            await asyncio.sleep(0.01)
        await store.accept([arrival(f"new{n}") for n in range(3)])
        assert await DecideLoop(there).round()
        while sum("new" in key for key in toy.calls) < 3:
            await asyncio.sleep(0.01)
        assert sum("old" in key for key in toy.calls) == 4, "half of the slots, although all the others were free"
        open_up.set()
        while await store.pool.fetchval("select exists(select 1 from dispatch)"):
            await asyncio.sleep(0.01)
    stop.set()
    await delivering
    lanes = await store.pool.fetch(
        "select s.key, a.priority from agenda a join streams s on s.id = a.stream_id order by a.priority"
    )
    assert {("old" in row["key"], row["priority"]) for row in lanes} == {(False, LIVE), (True, BACKFILL)}
    while await DecideLoop(there).round():
        pass
    assert await store.pool.fetchval("select count(*) from agenda") == 0


async def test_a_backlog_makes_way_for_as_long_as_its_own_commands_took_while_live_orders_come_in(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where calls return at once its share of the slots would be the whole machine."""
    monkeypatch.setattr(courier, "DRAIN_PACE_S", 30.0)
    async with refusing(store, Quota(concurrency=9), commands=40) as there:
        there.toy.answer = there.toy.obey
        await store.pool.execute("update dispatch set due_at = now() - interval '1 minute'")

        async def calls() -> int:
            before = len(there.toy.calls)
            await there.claim()
            return len(there.toy.calls) - before

        assert await calls() > 0, "the look back, which learns of the backlog"
        assert await calls() == 4, "nothing live is known of"
        await store.accept([arrival("new")])
        assert await DecideLoop(there.world).round()
        assert await calls() == 1, "the live order passes"
        assert await calls() == 0, "others may follow it"
        there.ahead_s = 2.0
        assert await calls() == 4, "none did"
        await store.accept([arrival("newer")])
        assert await DecideLoop(there.world).round()
        assert await calls() == 1
        there.ahead_s = 2.0 + 4 * 30.0
        await store.accept([arrival("newest")])
        assert await DecideLoop(there.world).round()
        assert await calls() == 5, "its turn again"


async def test_a_backlog_of_which_none_can_be_claimed_is_not_asked_for_without_end() -> None:
    """What comes home asks again; a nudge of its own each time would be a circle that never rests."""
    store, nudges = OpenEnded(5), list[float]()
    store.answered.set()
    there = world(store, connector(ToySystem(), Repeat.UNIQUE, quota=Quota(concurrency=6)))  # type: ignore[arg-type]
    health = Health(there)
    courier = Courier(there, there.links["erp"], Recorder(there), health, lambda: nudges.append(store.clock))
    await health.refresh()
    courier._behind = True
    await courier.claim()
    await asyncio.sleep(0.02)
    assert nudges == []
    await courier.come_home()
