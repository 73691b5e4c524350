"""The decide and deliver loops over real PostgreSQL, with the smallest possible stream kind and system."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crossdock.domain.commands import Payload
from crossdock.domain.events import OperatorActed, encode_event
from crossdock.domain.outcome import Done, Misconfigured, Outcome, OutcomeUnknown, Rejected, RetryLater
from crossdock.engine.deciding import MESSAGES_PER_STREAM, DecideLoop
from crossdock.engine.delivering import DeliverLoop
from crossdock.engine.disposal import MAX_TRIES, Settle, dispose
from crossdock.engine.scheduling import ScheduleLoop
from crossdock.engine.world import World
from crossdock.kit.http import AnswerLost, NotSent
from crossdock.kit.manifest import Call, Quota, Repeat, Result
from crossdock.store.contacts import Contacts
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import Arrival, StoreUnavailable
from tests.engine.toy import ToySystem, arrival, connector, world

DEADLINE_S = 20.0


@pytest.fixture
def toy() -> ToySystem:
    return ToySystem()


@pytest.fixture
async def running(store: PostgresStore) -> AsyncIterator[Callable[[World], Awaitable[None]]]:
    """Starts decide, deliver and schedule for a world; stops them at the end, as SIGTERM would."""
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    stop = asyncio.Event()
    loops: list[asyncio.Task[None]] = []

    async def start(world: World) -> None:
        for loop in (DecideLoop(world), DeliverLoop(world), ScheduleLoop(world)):
            loops.append(asyncio.create_task(loop.run(stop)))

    yield start
    stop.set()
    await asyncio.gather(*loops)


async def until(what: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Wait until a query answers what is wanted."""
    seen = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE_S):
            while (seen := await what()) != wanted:
                await asyncio.sleep(0.01)
    assert seen == wanted


def value(store: PostgresStore, sql: str, *arguments: Any) -> Callable[[], Awaitable[Any]]:
    async def ask() -> Any:
        return await store.pool.fetchval(sql, *arguments)

    return ask


FINISHED = "select count(*) from streams where status = 'done'"
OPEN = "select count(*) from exceptions where state = 'open'"


async def send(store: PostgresStore, arrivals: list[Arrival]) -> None:
    await store.accept(arrivals)
    await store.wake("decide")


async def test_a_message_becomes_one_effect_and_its_outcome_is_decided(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    await running(world(store, connector(toy, Repeat.UNIQUE)))
    await send(store, [arrival("a"), arrival("b"), arrival("a")])
    await until(value(store, FINISHED), 2)
    assert toy.effects == {"a": 1, "b": 1}
    assert await store.pool.fetchval("select count(*) from agenda") == 0
    assert await store.pool.fetchval("select count(*) from dispatch") == 0
    assert await store.pool.fetchval("select count(*) from journal") == 4
    assert await store.pool.fetchval("select array_agg(distinct outcome) from attempts") == ["done"]


async def test_a_lost_answer_of_a_searchable_write_is_looked_up_and_never_repeated(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    async def lose(nth: int, payload: Payload, call: Call) -> Result:
        toy.effect(payload)
        raise AnswerLost("the line was cut")

    toy.answer = lose
    await running(world(store, connector(toy, Repeat.SEARCHABLE, settle_s=0.2)))
    await send(store, [arrival("a")])
    await until(value(store, FINISHED), 1)
    assert toy.effects == {"a": 1}
    assert toy.looked == ["toy/a"]
    outcomes = await store.pool.fetch("select outcome from attempts order by id")
    assert [row["outcome"] for row in outcomes] == ["unknown", "done"]


async def test_a_lost_answer_of_an_unsafe_write_goes_to_a_person(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    async def lose(nth: int, payload: Payload, call: Call) -> Result:
        toy.effect(payload)
        raise AnswerLost("the line was cut")

    toy.answer = lose
    await running(world(store, connector(toy, Repeat.UNSAFE)))
    await send(store, [arrival("a")])
    await until(value(store, OPEN), 1)
    assert toy.effects == {"a": 1}
    assert len(toy.calls) == 1


async def test_what_was_provably_not_sent_is_simply_sent_again(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    async def refuse_once(nth: int, payload: Payload, call: Call) -> Result:
        if nth == 1:
            raise NotSent("connection refused")
        return toy.effect(payload)

    toy.answer = refuse_once
    await running(world(store, connector(toy, Repeat.UNSAFE)))
    await send(store, [arrival("a")])
    await until(value(store, FINISHED), 1)
    assert toy.effects == {"a": 1}


async def test_a_connectors_bug_is_never_a_success(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    async def crash_once(nth: int, payload: Payload, call: Call) -> Result:
        if nth == 1:
            raise KeyError("a field nobody expected to be missing")
        return toy.effect(payload)

    toy.answer = crash_once
    await running(world(store, connector(toy, Repeat.UNIQUE)))
    await send(store, [arrival("a")])
    await until(value(store, FINISHED), 1)
    details = await store.pool.fetch("select outcome, detail from attempts order by id")
    assert details[0]["outcome"] == "retry_later"
    assert "KeyError" in details[0]["detail"]


async def test_an_unreadable_message_parks_its_own_stream_only_and_a_retry_resumes_in_order(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    await running(world(store, connector(toy, Repeat.UNIQUE)))
    await send(store, [arrival("bad", "unreadable"), arrival("bad", "later"), arrival("good")])
    await until(value(store, FINISHED), 1)
    await until(value(store, "select status from streams where key = 'bad'"), "parked")
    assert await store.pool.fetchval("select facts->>'field' from exceptions where state = 'open'") == "body"
    assert toy.effects == {"good": 1}
    await send(store, [arrival("bad", "even later")])
    await until(value(store, "select count(*) from parked"), 3)
    stream = await store.pool.fetchval("select id from streams where key = 'bad'")
    # the message is mended at its source: here, in the store
    await store.pool.execute(
        "update messages set body = (select body from messages where delivery_id = 'd-bad-later')"
        " where delivery_id = 'd-bad-unreadable'"
    )
    assert await store.unpark(stream) == 3
    await store.wake("decide")
    await until(value(store, FINISHED), 2)
    assert toy.effects == {"good": 1, "later": 1, "even later": 1}
    assert await value(store, OPEN)() == 0


async def test_a_bug_in_deciding_parks_its_own_stream_only(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    await running(world(store, connector(toy, Repeat.UNIQUE)))
    await send(store, [arrival("a"), arrival("explode"), arrival("b")])
    await until(value(store, FINISHED), 2)
    await until(value(store, "select status from streams where key = 'explode'"), "parked")
    facts = await store.pool.fetchval("select facts->>'detail' from exceptions where state = 'open'")
    assert "a bug in the decider" in facts


async def test_wrong_credentials_pause_the_connection_and_resuming_goes_on(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    mended = False

    async def refuse(nth: int, payload: Payload, call: Call) -> Result:
        return toy.effect(payload) if mended else Result(Misconfigured("the token was revoked"))

    toy.answer = refuse
    await running(world(store, connector(toy, Repeat.UNIQUE)))
    await send(store, [arrival("a")])
    await until(value(store, "select paused_reason is not null from connections"), True)
    assert await value(store, OPEN)() == 0
    mended = True
    await store.pause("erp", None)
    await until(value(store, FINISHED), 1)
    assert toy.effects == {"a": 1}


async def test_an_outage_opens_the_breaker_and_its_end_is_found_by_a_probe(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    away = True

    async def answer(nth: int, payload: Payload, call: Call) -> Result:
        return Result(RetryLater("503", after_s=0.05)) if away else toy.effect(payload)

    toy.answer = answer
    await running(world(store, connector(toy, Repeat.UNIQUE)))
    await send(store, [arrival(f"k{n}") for n in range(8)])
    await until(value(store, "select breaker from connections"), "open")
    away = False
    await until(value(store, FINISHED), 8)
    assert await store.pool.fetchval("select breaker from connections") == "closed"
    assert set(toy.effects.values()) == {1}


async def test_a_worker_whose_clock_is_behind_finds_the_end_of_an_outage_too(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    away = True

    async def answer(nth: int, payload: Payload, call: Call) -> Result:
        return Result(RetryLater("503", after_s=0.05)) if away else toy.effect(payload)

    toy.answer = answer
    behind = world(store, connector(toy, Repeat.UNIQUE), now=lambda: datetime.now(UTC) - timedelta(hours=2))
    await running(behind)
    await send(store, [arrival(f"k{n}") for n in range(8)])
    await until(value(store, "select breaker from connections"), "open")
    away = False
    await until(value(store, FINISHED), 8)


async def test_a_refused_order_opens_an_exception_and_a_persons_retry_sends_it_again(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    async def refuse_once(nth: int, payload: Payload, call: Call) -> Result:
        return Result(Rejected("no", "unknown item")) if nth == 1 else toy.effect(payload)

    toy.answer = refuse_once
    erp = world(store, connector(toy, Repeat.UNIQUE))
    await running(erp)
    await send(store, [arrival("a")])
    await until(value(store, OPEN), 1)
    told = encode_event(OperatorActed("retry", "ada", "the item exists now", {"key": "toy/a"}))
    again = arrival("a")
    await send(store, [Arrival("erp", "op-1", "operator", "retry", again.stream, told)])
    await until(value(store, "select count(*) from attempts where outcome = 'done'"), 1)
    assert toy.effects == {"a": 1}


async def test_a_worker_that_died_with_a_call_in_flight_is_taken_over_when_its_lease_ends(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    lease_s = 0.5
    decide = DecideLoop(world(store, connector(toy, Repeat.UNSAFE, lease_s=lease_s)))
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    await send(store, [arrival("a")])
    assert await decide.round()
    (leased,) = await store.claim_commands("erp", 10, lease_s)  # and then its worker is gone
    await running(world(store, connector(toy, Repeat.UNSAFE, lease_s=lease_s), worker="w2"))
    await until(value(store, OPEN), 1)
    assert toy.calls == [], "an unsafe write of unknown outcome is never repeated"
    fence = await store.pool.fetchval("select max(fence) from attempts")
    assert fence > leased.fence


async def test_stopping_lets_a_call_in_flight_come_home_and_records_it(store: PostgresStore, toy: ToySystem) -> None:
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    called, go_on = asyncio.Event(), asyncio.Event()

    async def slow(nth: int, payload: Payload, call: Call) -> Result:
        called.set()
        await go_on.wait()
        return toy.effect(payload)

    toy.answer = slow
    here = world(store, connector(toy, Repeat.UNIQUE))
    await send(store, [arrival("a")])
    assert await DecideLoop(here).round()
    stop = asyncio.Event()
    delivering = asyncio.create_task(DeliverLoop(here).run(stop))
    async with asyncio.timeout(DEADLINE_S):
        await called.wait()
        stop.set()
        go_on.set()
        await delivering
    assert await store.pool.fetchval("select outcome from attempts") == "done"
    assert await store.pool.fetchval("select count(*) from dispatch") == 0


class AwayAtTheEnd:
    """A store that cannot be reached just when slots are given back."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def release_slots(self, account: str, worker: str) -> None:
        raise StoreUnavailable("could not release slots: the line was cut")


async def test_stopping_records_what_came_home_also_when_slots_cannot_be_given_back(
    store: PostgresStore, toy: ToySystem
) -> None:
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    here = world(AwayAtTheEnd(store), connector(toy, Repeat.UNIQUE, quota=Quota(concurrency=3)))
    await send(store, [arrival("a")])
    assert await DecideLoop(here).round()
    stop = asyncio.Event()
    delivering = asyncio.create_task(DeliverLoop(here).run(stop))
    await until(value(store, "select count(*) from attempts"), 1)
    stop.set()
    await delivering


async def test_what_calls_say_of_a_connection_is_noted_for_people(store: PostgresStore, toy: ToySystem) -> None:
    """Ten calls, an outage and a refusal of one order among them: a few writes, not ten."""
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    answers: dict[str, Outcome] = {"k3": RetryLater("the gateway is away", 60), "k4": Rejected("closed", "period")}
    written: list[tuple[str, str | None]] = []
    contacts = Contacts(store.pool)

    async def answer(nth: int, payload: Payload, call: Call) -> Result:
        return Result(answers.get(call.key.removeprefix("toy/")) or Done())

    async def note(connection: str, error: str | None) -> None:
        written.append((connection, error))
        await contacts.note(connection, error)

    toy.answer = answer
    here = world(store, connector(toy, Repeat.UNIQUE))
    await send(store, [arrival(f"k{n}") for n in range(10)])
    assert await DecideLoop(here).round()
    stop = asyncio.Event()
    delivering = asyncio.create_task(DeliverLoop(here, noted=note).run(stop))
    await until(value(store, "select count(*) from attempts"), 10)
    stop.set()
    await delivering
    assert 2 <= len(written) <= 4
    row = await store.pool.fetchrow("select last_ok_at, last_error_at, last_error from connections where name = 'erp'")
    assert row["last_ok_at"] is not None
    assert row["last_error"] == "RetryLater: the gateway is away"


async def test_a_hot_stream_takes_turns(store: PostgresStore, toy: ToySystem) -> None:
    await store.register("erp", "toy", role="erp", api_version="1", mapping_version="1")
    await send(store, [arrival("hot", f"m{n}") for n in range(MESSAGES_PER_STREAM * 2 + 1)])
    await send(store, [arrival("other")])
    decide = DecideLoop(world(store, connector(toy, Repeat.UNIQUE)), batch=1)
    assert await decide.round()
    assert await store.pool.fetchval("select count(*) from agenda") == MESSAGES_PER_STREAM + 2
    assert await decide.round(), "the hot stream sits out: the other one is served"
    assert await store.pool.fetchval("select version from streams where key = 'other'") == 1


async def test_concurrency_never_exceeds_the_accounts_limit_over_two_workers(
    store: PostgresStore, toy: ToySystem, running: Callable[[World], Awaitable[None]]
) -> None:
    flying, most = 0, 0

    async def count(nth: int, payload: Payload, call: Call) -> Result:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.002)
        flying -= 1
        return toy.effect(payload)

    toy.answer = count
    quota = Quota(concurrency=3)
    await running(world(store, connector(toy, Repeat.UNIQUE, quota=quota), worker="w1"))
    await running(world(store, connector(toy, Repeat.UNIQUE, quota=quota), worker="w2"))
    await send(store, [arrival(f"k{n}") for n in range(60)])
    await until(value(store, FINISHED), 60)
    assert most <= 3
    assert sum(toy.effects.values()) == 60


async def test_a_second_worker_gets_its_share_of_the_slots_from_the_first(
    store: PostgresStore, running: Callable[[World], Awaitable[None]]
) -> None:
    """The limit is five: one slot is the polls', the four others are shared two by two, never exceeded meanwhile."""
    flying, most = {"w1": 0, "w2": 0}, 0

    def serving(worker: str) -> World:
        system, quota = ToySystem(), Quota(concurrency=5)

        async def work(nth: int, payload: Payload, call: Call) -> Result:
            nonlocal most
            flying[worker] += 1
            most = max(most, sum(flying.values()))
            await asyncio.sleep(0.05)
            flying[worker] -= 1
            return system.effect(payload)

        system.answer = work
        return world(store, connector(system, Repeat.UNIQUE, quota=quota), worker=worker)

    async def in_flight() -> dict[str, int]:
        return dict(flying)

    await running(serving("w1"))
    await send(store, [arrival(f"k{n}") for n in range(600)])
    await until(in_flight, {"w1": 4, "w2": 0})
    await running(serving("w2"))
    await until(in_flight, {"w1": 2, "w2": 2})
    assert most == 4


async def test_an_unknown_outcome_without_end_becomes_an_exception(store: PostgresStore, toy: ToySystem) -> None:
    operation = connector(toy, Repeat.UNIQUE).operations["read_back"]
    settled = dispose(OutcomeUnknown("cut"), operation, MAX_TRIES, True, 0.5)
    assert settled == Settle(OutcomeUnknown("cut"))
    assert not isinstance(settled.outcome, Done)
