"""Arrivals: durable once, in order, whatever is sent again."""

import asyncio

import msgspec
import pytest

from crossdock.store.accept import BadArrival
from crossdock.store.errors import UnknownConnection
from crossdock.store.protocol import BACKFILL, Store
from tests.store.probes import arrival, bodies


async def test_a_delivery_is_stored_once(any_store: Store) -> None:
    first = await any_store.accept([arrival("d1"), arrival("d2", "o2")])
    again = await any_store.accept([arrival("d2", "o2"), arrival("d3"), arrival("d1")])
    assert [receipt.duplicate for receipt in first] == [False, False]
    assert [receipt.duplicate for receipt in again] == [True, False, True]
    assert await bodies(any_store) == {"o1": [b"d1", b"d3"], "o2": [b"d2"]}


async def test_duplicates_within_one_group(any_store: Store) -> None:
    receipts = await any_store.accept([arrival("d1"), arrival("d1"), arrival("d2", also_ids=("c",)), arrival("c")])
    assert [receipt.duplicate for receipt in receipts] == [False, True, False, True]


async def test_a_content_id_that_came_first_in_its_group_is_no_obstacle(any_store: Store) -> None:
    receipts = await any_store.accept([arrival("c"), arrival("d", "o2", also_ids=("c", "c2")), arrival("c2", "o3")])
    assert [receipt.duplicate for receipt in receipts] == [False, False, True]
    assert await bodies(any_store) == {"o1": [b"c"], "o2": [b"d"]}


async def test_a_poll_of_what_a_webhook_brought_is_a_duplicate(any_store: Store) -> None:
    await any_store.accept([arrival("hook", also_ids=("content-7",))])
    (polled,) = await any_store.accept([arrival("content-7", source="poll")])
    assert polled.duplicate


async def test_a_refused_duplicate_notes_nothing(any_store: Store) -> None:
    await any_store.accept([arrival("d1")])
    await any_store.accept([arrival("d1", also_ids=("content-8",))])
    (polled,) = await any_store.accept([arrival("content-8", source="poll")])
    assert not polled.duplicate


async def test_equal_ids_of_two_connections_are_two_deliveries(any_store: Store) -> None:
    other = msgspec.structs.replace(arrival("d1"), connection="erp")
    receipts = await any_store.accept([arrival("d1"), other])
    assert [receipt.duplicate for receipt in receipts] == [False, False]


async def test_bytes_headers_and_trace_come_back_as_they_were(any_store: Store) -> None:
    body = bytes(range(256)) * 20
    await any_store.accept([arrival("d1", body=body, headers={"x-topic": "ü"}, trace="00-ab-cd-01")])
    async with any_store.claim_streams(0, 10, 10) as batch:
        (message,) = batch.streams[0].messages
    assert (message.body, message.headers, message.trace) == (body, {"x-topic": "ü"}, "00-ab-cd-01")
    assert (message.connection, message.source, message.topic) == ("shop", "webhook", "orders/create")


async def test_groups_that_overlap_store_each_delivery_once(any_store: Store) -> None:
    ids = [f"d{n}" for n in range(60)]
    groups = [ids[start : start + 30] for start in (0, 10, 20, 30)] * 3
    found = await asyncio.gather(
        *(any_store.accept([arrival(one, also_ids=(f"c{one}",)) for one in reversed(group)]) for group in groups)
    )
    kept = [receipt for receipts in found for receipt in receipts if not receipt.duplicate]
    assert len(kept) == 60


async def test_lanes_are_claimed_apart(any_store: Store) -> None:
    await any_store.accept([arrival("old", "o9", priority=BACKFILL), arrival("new", "o1")])
    assert await bodies(any_store) == {"o1": [b"new"]}


async def test_what_the_database_would_refuse_is_named(any_store: Store) -> None:
    with pytest.raises(BadArrival, match="longer than 200") as refused:
        await any_store.accept([arrival("d1"), arrival("d2", key="k" * 201)])
    assert refused.value.position == 1
    with pytest.raises(BadArrival, match="NUL"):
        await any_store.accept([arrival("d\0")])
    assert await bodies(any_store) == {}


async def test_an_unknown_connection_is_named(any_store: Store) -> None:
    with pytest.raises(UnknownConnection, match="'nowhere' is not registered"):
        await any_store.accept([msgspec.structs.replace(arrival("d1"), connection="nowhere")])
