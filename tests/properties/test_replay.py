"""Replaying any part of the inbox, in any order, however often: nothing outside changes, and no order does."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.memory_house import MemoryHouse, memory_house


class Lived(asyncio.Runner):
    """A house in which everything has happened, on a loop of its own that goes on for the replays."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._stack = AsyncExitStack()
        self._folder = folder

    def __enter__(self) -> "Lived":
        super().__enter__()
        self.house: MemoryHouse = self.run(self._live())
        return self

    def __exit__(self, *about: object) -> None:
        self.run(self._stack.aclose())
        super().__exit__(*about)  # type: ignore[arg-type]

    async def _live(self) -> MemoryHouse:
        shop, warehouse = {"rates": {"late_paid": 0.5, "discount": 0.5}}, {"split": 0.6}
        house = await self._stack.enter_async_context(memory_house(self._folder, shop=shop, warehouse=warehouse))
        house.shop.act("place_order", {"count": 4})
        await house.quiet()
        (late,) = house.shop.act("place_order", {"lines": 2})["ids"]
        await house.order_is(late, "done")
        house.shop.act("tag_order", {"id": late, "tags": "vip"})
        await house.next_second()
        house.shop.act("cancel_order", {"id": late})
        await house.order_is(late, "exception")
        await self._exchange(house)
        await house.until(house._is_quiet, "all to be quiet")
        return house

    async def _exchange(self, house: MemoryHouse) -> None:
        """One unit for a dearer one, which is paid a little later."""
        (order_id,) = house.shop.act("place_order", {"lines": 2, "paid": True})["ids"]
        await house.order_is(order_id, "done")
        await house.next_second()
        line = house.shop.books_.orders[int(order_id)]["line_items"][0]
        new = {"sku": "SKU-0042", "price": line["price"], "quantity": 2}
        house.shop.act("exchange", {"id": order_id, "lines": [{"id": line["id"], "quantity": 1}], "new": [new]})
        await house.order_is(f"{order_id}-X1", "waiting")
        await house.next_second()
        house.shop.act("pay_order", {"id": order_id})
        await house.order_is(f"{order_id}-X1", "done")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    with Lived(tmp_path_factory.mktemp("house")) as made:
        yield made


async def replay(house: MemoryHouse, messages: list[int]) -> None:
    outside, inside, changing = house.outside(), house.inside(), list(house.http.changing)
    await house.store.again(messages)
    await house.quiet()
    assert house.http.changing == changing, "a replay made a call that changes something"
    assert house.outside() == outside
    assert house.inside() == inside


def test_there_is_something_to_replay(lived: Lived) -> None:
    house = lived.house
    assert len(house.store.from_outside) > 20
    assert {house.store.books.messages[number].topic for number in house.store.from_outside} >= {
        "orders/create", "orders/paid", "orders/updated", "orders/cancelled", "Shipment Update", "returns/close",
    }  # fmt: skip
    assert len(house.http.changing) >= 5 * 4, "orders were booked, released, shipped and billed"


@settings(max_examples=30)
@given(data=st.data())
def test_any_range_of_the_inbox_may_be_replayed(lived: Lived, data: st.DataObject) -> None:
    """As `crossdock replay --since --until` does it: a range, in the order it came."""
    messages = lived.house.store.from_outside
    since = data.draw(st.integers(0, len(messages) - 1))
    until = data.draw(st.integers(since + 1, len(messages)))
    lived.run(replay(lived.house, messages[since:until]))


@settings(max_examples=30)
@given(data=st.data())
def test_in_any_order_and_more_than_once(lived: Lived, data: st.DataObject) -> None:
    messages = data.draw(st.lists(st.sampled_from(lived.house.store.from_outside), min_size=1, max_size=30))
    lived.run(replay(lived.house, messages))
