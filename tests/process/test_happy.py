"""Orders that nothing goes wrong with, proven from the vendors' own books."""

from collections.abc import Awaitable, Callable

from tests.process.books import assert_nothing_twice, assert_whole, released, sold
from tests.process.house import Engine, House

Running = Callable[..., Awaitable[tuple[House, Engine]]]


async def test_one_parcel_goes_all_the_way(running: Running) -> None:
    house, _ = await running()
    (order_id,) = house.shop.act("place_order", {"lines": 3})["ids"]
    await house.until(lambda: house.shop.books()["orders"][0]["fulfillments"], "the shop to show a fulfilment")
    await house.quiet()
    assert await house.status(order_id) == "done"
    assert_whole(house, order_id)
    assert_nothing_twice(house)
    assert len(sold(house, order_id)["fulfillments"]) == 1
    assert await house.problems() == []


async def test_several_parcels_and_two_locations(running: Running) -> None:
    warehouse = {"split": 1.0, "most_shipments": 3, "two_parcels": 1.0}
    house, _ = await running(shop={"rates": {"split": 1.0}}, warehouse=warehouse)
    ids = house.shop.act("place_order", {"lines": 4, "count": 3})["ids"]
    await house.until(lambda: len(house.shop.books()["orders"]) == 3, "the orders")
    await house.until(lambda: all(sold(house, each)["fulfillment_status"] == "fulfilled" for each in ids), "shipping")
    await house.quiet()
    for order_id in ids:
        assert_whole(house, order_id)
        (release,) = released(house, order_id)
        assert len(release["shipments"]) > 1
        assert {one["location"] for one in sold(house, order_id)["fulfillments"]} == {"101", "102"}
    assert_nothing_twice(house)
    assert await house.problems() == []


async def test_every_kind_of_money_comes_to_the_cent(running: Running) -> None:
    rates = dict.fromkeys(("presentment", "discount", "shipping_discount", "gift_card_tender", "tip", "duties"), 0.5)
    house, _ = await running(shop={"rates": rates}, warehouse={"split": 0.5})
    ids = house.shop.act("place_order", {"count": 25})["ids"]
    await house.until(lambda: len(house.erp.books()["invoices"]) == 25, "25 invoices")
    await house.quiet()
    for order_id in ids:
        assert_whole(house, order_id)
    assert_nothing_twice(house)
    assert await house.problems() == []


async def test_the_tables_agree_whenever_one_looks(running: Running) -> None:
    """Rows in flight are seen whole or not at all: the day's look needs no quiet hour."""
    house, _ = await running(warehouse={"split": 0.5})
    ids = house.shop.act("place_order", {"count": 26})["ids"]
    house.shop.act("cancel_order", {"id": ids[0]})
    looks = 0

    async def billed() -> bool:
        nonlocal looks
        looks += 1
        assert await house.contradictions() == []
        return len(house.erp.books()["invoices"]) >= 25

    await house.until(billed, "25 invoices")
    assert looks > 3
    await house.quiet()
