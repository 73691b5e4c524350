"""Claims, decisions, timers, parked streams: all or nothing, one decider per stream, in order."""

import msgspec
import pytest

from crossdock.domain.decision import Reference, StreamRef, Summary
from crossdock.domain.events import TimerFired, decode_event
from crossdock.store.protocol import (
    BACKFILL,
    INVENTORY,
    LIVE,
    NewMessage,
    NewTimer,
    PoisonedBatch,
    Store,
    StreamPark,
    StreamWrite,
)
from tests.store.probes import LONG_AGO, Probe, arrival, bodies, booking, decide, decided, problem


async def test_a_decision_is_written_once_and_comes_back(any_store: Store, probe: Probe) -> None:
    await any_store.accept([arrival("d1"), arrival("d2")])
    async with any_store.claim_streams(0, 10, 10) as batch:
        (stream,) = batch.streams
        assert (stream.version, stream.state, stream.status) == (0, None, "new")
        summary = Summary("waiting", step="book", amount="12.50", currency="EUR", placed_at=batch.now)
        await batch.write([msgspec.structs.replace(decided(stream), summary=summary)])
    assert await bodies(any_store) == {}
    await any_store.accept([arrival("d3")])
    async with any_store.claim_streams(0, 10, 10) as batch:
        (stream,) = batch.streams
        assert (stream.version, stream.state, stream.status) == (2, b"state", "waiting")
    assert await probe.journal() == [1, 2]


async def test_an_exception_rolls_everything_back(any_store: Store, probe: Probe) -> None:
    await any_store.accept([arrival("d1")])
    with pytest.raises(RuntimeError):  # noqa: PT012  (leaving the context is what is tested)
        async with any_store.claim_streams(0, 10, 10) as batch:
            (stream,) = batch.streams
            await batch.write([decided(stream, commands=[booking()], opened=[problem()])])
            raise RuntimeError
    assert await probe.journal() == []
    assert await probe.problems() == []
    assert await any_store.claim_commands("erp", 10, 30) == []
    assert await bodies(any_store) == {"o1": [b"d1"]}


async def test_streams_that_were_not_written_keep_their_messages(any_store: Store) -> None:
    await any_store.accept([arrival("d1", "o1"), arrival("d2", "o2")])
    async with any_store.claim_streams(0, 10, 10) as batch:
        await batch.write([decided(batch.streams[0])])
        left = batch.streams[1].ref.key
    assert list(await bodies(any_store)) == [left]


async def test_two_deciders_never_hold_one_stream(any_store: Store) -> None:
    await any_store.accept([arrival(f"d{n}", f"o{n}") for n in range(6)])
    async with any_store.claim_streams(0, 4, 10) as first:
        await any_store.accept([arrival("late", "o0")])
        async with any_store.claim_streams(0, 10, 10) as second:
            held, others = ({stream.id for stream in batch.streams} for batch in (first, second))
            assert len(held) == 4
            assert len(others) == 2
            assert not held & others


async def test_messages_come_in_order_and_capped(any_store: Store) -> None:
    await any_store.accept([arrival(f"d{n}") for n in range(5)])
    async with any_store.claim_streams(0, 10, 2) as batch:
        (stream,) = batch.streams
        assert [message.body for message in stream.messages] == [b"d0", b"d1"]
        assert stream.capped
        await batch.write([decided(stream)])
    async with any_store.claim_streams(0, 10, 3) as batch:
        (stream,) = batch.streams
        assert [message.body for message in stream.messages] == [b"d2", b"d3", b"d4"]
        assert not stream.capped


@pytest.mark.parametrize("lane", [LIVE, INVENTORY, BACKFILL])
async def test_a_lane_that_was_empty_is_served_as_soon_as_something_comes(any_store: Store, lane: int) -> None:
    for number in range(3):
        for _ in range(2):
            async with any_store.claim_streams(lane, 10, 10) as batch:
                assert batch.streams == []
        await any_store.accept([msgspec.structs.replace(arrival(f"d{number}"), priority=lane)])
        async with any_store.claim_streams(lane, 10, 10) as batch:
            (stream,) = batch.streams
            assert [message.body for message in stream.messages] == [f"d{number}".encode()]
            await batch.write([decided(stream)])


async def test_excluded_streams_wait_and_named_ones_come_alone(any_store: Store) -> None:
    await any_store.accept([arrival("d1", "o1"), arrival("d2", "o2")])
    async with any_store.claim_streams(0, 10, 10) as batch:
        first, second = (stream.id for stream in batch.streams)
    async with any_store.claim_streams(0, 10, 10, exclude=[first]) as batch:
        assert [stream.id for stream in batch.streams] == [second]
    async with any_store.claim_streams(0, 10, 10, only=[first, 10**12]) as batch:
        assert [stream.id for stream in batch.streams] == [first]


async def test_a_write_without_journal_only_takes_messages_off(any_store: Store, probe: Probe) -> None:
    await any_store.accept([arrival("d1")])
    async with any_store.claim_streams(0, 10, 10) as batch:
        (stream,) = batch.streams
        await batch.write([StreamWrite(stream.id, stream.version, b"other", Summary("done"))])
    await any_store.accept([arrival("d2")])
    async with any_store.claim_streams(0, 10, 10) as batch:
        assert (batch.streams[0].version, batch.streams[0].state, batch.streams[0].status) == (0, None, "new")
        assert [message.body for message in batch.streams[0].messages] == [b"d2"]
    assert await probe.journal() == []


async def test_a_business_key_opens_one_command_for_ever(any_store: Store) -> None:
    await any_store.accept([arrival("d1", "o1"), arrival("d2", "o2")])
    await decide(any_store, commands=[booking("same"), booking("same")])
    assert [command.key for command in await any_store.claim_commands("erp", 10, 30)] == ["same"]
    await any_store.accept([arrival("d3")])
    await decide(any_store, commands=[booking("same")])
    assert await any_store.claim_commands("erp", 10, 30) == []


async def test_telling_a_stream_that_does_not_exist_makes_it(any_store: Store) -> None:
    await any_store.accept([arrival("d1")])
    told = [NewMessage(StreamRef("order", key), "order_seen", key.encode()) for key in ("z", "a", "z")]
    await decide(any_store, tells=told)
    async with any_store.claim_streams(0, 10, 10) as batch:
        found = {stream.ref.key: [message.body for message in stream.messages] for stream in batch.streams}
        assert {message.source for stream in batch.streams for message in stream.messages} == {"tell"}
        assert {stream.version for stream in batch.streams} == {0}
    assert found == {"a": [b"a"], "z": [b"z", b"z"]}


async def test_what_is_for_an_existing_stream_makes_none(any_store: Store) -> None:
    await any_store.accept([arrival("d1")])
    told = [NewMessage(StreamRef("order", key), "later_seen", key.encode(), existing=True) for key in ("o1", "o9")]
    await decide(any_store, tells=told)
    async with any_store.claim_streams(0, 10, 10) as batch:
        assert [(s.ref.key, [message.body for message in s.messages]) for s in batch.streams] == [("o1", [b"o1"])]


async def test_problems_are_counted_up_and_settled(any_store: Store, probe: Probe) -> None:
    for delivery in ("d1", "d2"):
        await any_store.accept([arrival(delivery)])
        await decide(any_store, opened=[problem("a", facts={"sku": "X\0"}), problem("a")])
    await any_store.accept([arrival("d3")])
    await decide(any_store, settled=["a", "never opened"])
    await any_store.accept([arrival("d4")])
    await decide(any_store, opened=[problem("a")])
    found = await probe.problems()
    assert [(key, by) for key, _, by in found] == [("a", "crossdock"), ("a", None)]
    assert found[0][1] >= 2


async def test_references_are_kept_once(any_store: Store, probe: Probe) -> None:
    await any_store.accept([arrival("d1")])
    reference = Reference("erp", "salesOrder", "4711")
    await decide(any_store, references=[reference, reference])
    assert await probe.references() == {("salesOrder", "4711")}


async def test_timers_fire_once_and_can_be_moved_and_taken_off(any_store: Store) -> None:
    await any_store.accept([arrival("d1")])
    far = LONG_AGO.replace(year=2199)
    timers = [NewTimer("a", far, "00-1"), NewTimer("a", LONG_AGO, "00-2"), NewTimer("b", LONG_AGO), NewTimer("c", far)]
    await decide(any_store, timers=timers)
    await any_store.accept([arrival("d2")])
    await decide(any_store, timers=[NewTimer("b", None)])
    assert await any_store.move_timers(10) == 1
    assert await any_store.move_timers(10) == 0
    async with any_store.claim_streams(0, 10, 10) as batch:
        (message,) = batch.streams[0].messages
    assert (message.source, message.trace) == ("timer", "00-2"), "what it leads to is linked to what set it"
    assert decode_event(message.body) == TimerFired("a")


async def test_a_parked_stream_waits_for_a_person_and_loses_nothing(any_store: Store, probe: Probe) -> None:
    await any_store.accept([arrival("d1"), arrival("d2"), arrival("x", "o2")])
    async with any_store.claim_streams(0, 10, 1) as batch:
        stream = next(stream for stream in batch.streams if stream.ref.key == "o1")
        await batch.write([], [StreamPark(stream.id, stream.messages[0].id, problem("cannot be read"))])
    await any_store.accept([arrival("d3")])
    assert await bodies(any_store) == {"o2": [b"x"]}
    assert await probe.parked() == 3
    assert await probe.problems() == [("cannot be read", 1, None)]
    assert await any_store.unpark(stream.id) == 3
    assert await any_store.unpark(stream.id) == 0
    assert await bodies(any_store) == {"o1": [b"d1", b"d2", b"d3"], "o2": [b"x"]}
    assert await probe.problems() == [("cannot be read", 1, "retry")]


async def test_a_finished_stream_that_was_parked_is_finished_again_when_nothing_follows(any_store: Store) -> None:
    await any_store.accept([arrival("d1")])
    await decide(any_store, status="done")
    await any_store.accept([arrival("odd")])
    async with any_store.claim_streams(0, 10, 10) as batch:
        (stream,) = batch.streams
        await batch.write([], [StreamPark(stream.id, stream.messages[0].id, problem("cannot be read"))])
    assert await any_store.unpark(stream.id) == 1
    async with any_store.claim_streams(0, 10, 10) as batch:
        (stream,) = batch.streams
        assert stream.status == "open"
        await batch.write([StreamWrite(stream.id, stream.version, stream.state or b"", Summary("done"))])
    await any_store.accept([arrival("d2")])
    async with any_store.claim_streams(0, 10, 10) as batch:
        assert (batch.streams[0].version, batch.streams[0].status) == (1, "done")


@pytest.mark.parametrize(
    "poison",
    [
        {"commands": [booking("nul \0 key")]},
        {"commands": [booking("k" * 5000)]},
        {"commands": [msgspec.structs.replace(booking(), target="nowhere")]},
        {"references": [Reference("erp", "salesOrder", "x" * 5000)]},
    ],
)
async def test_poison_is_attributable_and_harms_nobody_else(
    any_store: Store, probe: Probe, poison: dict[str, object]
) -> None:
    await any_store.accept([arrival("d1", "good"), arrival("d2", "bad")])
    with pytest.raises(PoisonedBatch) as raised:  # noqa: PT012  (leaving the context is what is tested)
        async with any_store.claim_streams(0, 10, 10) as batch:
            ids = {stream.ref.key: stream.id for stream in batch.streams}
            await batch.write(
                [decided(stream, **(poison if stream.ref.key == "bad" else {})) for stream in batch.streams]
            )
    assert set(raised.value.stream_ids) == set(ids.values())
    assert await probe.journal() == []
    async with any_store.claim_streams(0, 10, 10, only=[ids["good"]]) as batch:
        await batch.write([decided(stream) for stream in batch.streams])
    async with any_store.claim_streams(0, 10, 10, only=[ids["bad"]]) as batch:
        (stream,) = batch.streams
        await batch.write([], [StreamPark(stream.id, stream.messages[0].id, problem())])
    assert await bodies(any_store) == {}
    assert await probe.journal() == [1]


async def test_a_timer_that_is_moved_is_of_the_decision_that_moved_it(any_store: Store) -> None:
    for number, trace in enumerate(("00-1", "00-2")):
        await any_store.accept([arrival(f"d{number}")])
        await decide(any_store, timers=[NewTimer("a", LONG_AGO, trace)])
    assert await any_store.move_timers(10) == 1
    async with any_store.claim_streams(0, 10, 10) as batch:
        assert [message.trace for message in batch.streams[0].messages] == ["00-2"]
