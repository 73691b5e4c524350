"""Whatever is delivered how often: each message is stored once, and decided once."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossdock.domain.decision import StreamRef
from crossdock.store.accept import BadArrival
from crossdock.store.memory import MemoryStore
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import Arrival, Receipt, Store

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
Delivery = tuple[str, str, str, tuple[str, ...]]

deliveries: st.SearchStrategy[Delivery] = st.tuples(
    st.sampled_from(["shop1", "shop2"]),
    st.sampled_from("abcdef"),
    st.sampled_from(["order-1", "order-2", "order-3"]),
    st.lists(st.sampled_from("abcwxyz"), max_size=2).map(tuple),
)


def arrival(told: Delivery, number: int, prefix: str = "") -> Arrival:
    connection, delivery_id, key, also = told
    also_ids = tuple(prefix + one for one in also)
    stream, body = StreamRef("order", prefix + key), b"%d" % number
    return Arrival(connection, prefix + delivery_id, "webhook", "orders/create", stream, body, also_ids=also_ids)


async def memory() -> MemoryStore:
    made = MemoryStore(lambda: NOW)
    await made.register("shop1", "shopify")
    await made.register("shop2", "shopify")
    return made


class Model:
    """An id is known when it was delivered, or was noted with something that was taken."""

    def __init__(self, prefix: str = "") -> None:
        self.known: set[tuple[str, str]] = set()
        self.taken: list[bytes] = []
        self._prefix, self._number = prefix, 0

    async def deliver(self, store: Store, batch: list[Delivery]) -> None:
        """Hand a batch to the store; its receipts must be what the model says."""
        arrivals = []
        for told in batch:
            self._number += 1
            arrivals.append(arrival(told, self._number, self._prefix))
        for one, receipt in zip(arrivals, await store.accept(arrivals), strict=True):
            new = (one.connection, one.delivery_id) not in self.known
            assert receipt.duplicate is not new
            if new:
                self.known.update((one.connection, id_) for id_ in (one.delivery_id, *one.also_ids))
                self.taken.append(one.body)


batches = st.lists(st.lists(deliveries, max_size=5), max_size=8)


@settings(max_examples=150)
@given(batches)
def test_each_delivery_is_stored_once_and_under_its_first_body(told: list[list[Delivery]]) -> None:
    model = Model()

    async def deliver() -> MemoryStore:
        made = await memory()
        for batch in told:
            await model.deliver(made, batch)
        return made

    made = asyncio.run(deliver())
    assert [message.body for message in made.books.messages.values()] == model.taken
    assert [made.books.messages[entry.message_id].body for entry in made.books.agenda] == model.taken
    assert made.books.deliveries == model.known


CONTENTS = {"a": ("x",), "b": ("y", "x"), "c": (), "d": ("e",), "e": ("d",), "f": ("z",)}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=batches)
async def test_postgresql_says_the_same(store: PostgresStore, told: list[list[Delivery]]) -> None:
    """Held against the very same model, a batch that repeats its own ids included. A repeat tells what it told."""
    await store.register("shop1", "shopify")
    await store.register("shop2", "shopify")
    run = await store.pool.fetchval("select coalesce(max(id), 0) from messages")
    model = Model(f"{run}/")
    for batch in told:
        await model.deliver(store, [(connection, id_, key, CONTENTS[id_]) for connection, id_, key, _ in batch])
    assert await store.pool.fetchval("select count(*) from messages where id > $1", run) == len(model.taken)


@settings(max_examples=60)
@given(st.lists(deliveries, min_size=1, max_size=6), st.data())
def test_a_batch_with_one_that_cannot_be_stored_stores_none(batch: list[Delivery], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(batch)))
    arrivals = [arrival(told, number) for number, told in enumerate(batch)]
    why = data.draw(st.sampled_from(["x" * 501, "nul\0"]))
    arrivals.insert(at, Arrival("shop1", why, "webhook", "t", StreamRef("order", "k"), b""))

    async def deliver() -> tuple[MemoryStore, list[Receipt]]:
        made = await memory()
        with pytest.raises(BadArrival) as refused:
            await made.accept(arrivals)
        assert refused.value.position == at
        return made, await made.accept([one for one in arrivals if one.delivery_id != why])

    made, receipts = asyncio.run(deliver())
    assert len(made.books.messages) == sum(not receipt.duplicate for receipt in receipts)
