"""Orders of Amazon's on the same way: into the ERP and the warehouse, tracking back, one of each, to the cent."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import msgspec
import pytest

from crossdock.intake.backfill import backfill
from crossdock.intake.polling import Stuck
from crossdock.store.protocol import Receipt, StoreUnavailable
from tests.process.amazon_house import SHOP, AmazonHouse, AmazonVendors
from tests.process.books import (
    assert_nothing_twice,
    assert_untouched,
    assert_whole,
    booked,
    invoiced,
    posted,
    released,
    sold,
)
from tests.process.conftest import MakeHouse
from tests.process.test_crashes import Guillotine, survive
from tests.process.test_lost_answers import FAULTS, naming
from tests.support.in_process_http import Served, Strike

Living = Callable[..., Awaitable[AmazonHouse]]

# Purpose -> how many requests a calm run makes for it. ``test_the_requests_are_these`` keeps this true.
FORWARD = {
    "read_back": 1,
    "order.book": 1,
    "order.release": 1,
    "shipment.post": 2,
    "fulfilment.push": 2,
    "invoice.make": 2,
}
SLOW_FLOOR = {"allocate_s": 0.0, "pick_s": 3600.0}
# The ERP bills as goods leave: nothing else, so that the people there have nothing to correct.
GOODS_ONLY: Mapping[str, Any] = {"tax": "withheld", "shipping": False, "gift_wrap": False, "discount": False}


@pytest.fixture
def living(make_house: MakeHouse, stack: AsyncExitStack) -> Living:
    """A house with an engine in it; ``every_s``: how often the engine polls (never, unless told)."""

    async def start(every_s: float | None = None, **settings: Any) -> AmazonHouse:
        amazon: Callable[..., Any] = partial(make_house, accounts=AmazonVendors, made=AmazonHouse)
        house: AmazonHouse = await stack.enter_async_context(amazon(**settings))
        house.every_s = every_s
        await stack.enter_async_context(house.running())
        return house

    return start


def place(house: AmazonHouse, count: int = 1, **wish: Any) -> list[str]:
    return list(house.shop.act("place_order", {"count": count, "lines": 2, **wish})["ids"])


async def all_are(house: AmazonHouse, ids: list[str], status: str) -> bool:
    return {await house.status(each) for each in ids} == {status}


async def go(house: AmazonHouse, ids: list[str], status: str = "done") -> None:
    await house.hear()
    await house.until(lambda: all_are(house, ids, status), f"the orders to be {status}")
    await house.quiet()


def requests_of(house: AmazonHouse) -> dict[str, int]:
    most: dict[str, int] = {}
    for served in house.http.served:
        most[served.purpose] = max(most.get(served.purpose, 0), served.nth)
    return most


async def test_the_requests_are_these(living: Living) -> None:
    house = await living()
    ids = place(house)
    await go(house, ids)
    assert_whole(house, ids[0])
    assert_nothing_twice(house)
    assert requests_of(house) == FORWARD
    assert await house.problems() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_may_fail_once(living: Living, fault: str) -> None:
    house = await living()
    wanted = [(purpose, nth) for purpose, most in FORWARD.items() for nth in range(1, most + 1)]
    ids = place(house, len(wanted))
    struck = {
        order_id: Strike(fault, order_id, purpose, nth) for order_id, (purpose, nth) in zip(ids, wanted, strict=True)
    }
    house.http.strikes = list(struck.values())
    await go(house, ids)
    assert set(house.http.struck) == set(struck.values())
    for order_id, strike in struck.items():
        with naming(strike):
            assert_whole(house, order_id)
    assert_nothing_twice(house)
    assert await house.problems() == []


class AtConfirmation(Guillotine):
    """Falls at every first confirmation of a shipment too, not only at the read before it."""

    async def __call__(self, served: Served, done: bool) -> None:
        if served.path.endswith("/shipmentConfirmation"):
            served = msgspec.structs.replace(served, key=f"{served.key}/confirmation")
        await super().__call__(served, done)


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
async def test_killed_at_every_command(make_house: MakeHouse, after: bool) -> None:
    amazon: Callable[..., Any] = partial(make_house, accounts=AmazonVendors, made=AmazonHouse)
    async with amazon() as house:
        house.lease_s, house.slots = 1.5, False
        guillotine = AtConfirmation(after)
        house.http.attend = guillotine
        (order_id,) = place(house)
        await house.hear()
        await survive(house, guillotine)
        assert {served.purpose for served in guillotine.fallen} == set(FORWARD)
        assert any(served.key.endswith("/confirmation") for served in guillotine.fallen)
        assert_whole(house, order_id)
        assert_nothing_twice(house)
        assert house.shop.books()["edited_packages"] == 0
        assert await house.status(order_id) == "done"
        assert await house.problems() == []


async def test_a_repeat_before_the_package_can_be_seen_changes_that_package(living: Living) -> None:
    house = await living(shop={"read_lag_s": 60.0}, warehouse={"split": 1.0, "most_shipments": 2})
    ids = place(house, 3)
    house.http.strikes = [Strike("lost_response", order_id, "fulfilment.push", 2) for order_id in ids]
    await go(house, ids)
    assert len(house.http.struck) == 2 * len(ids), "once for each shipment"
    for order_id in ids:
        assert_whole(house, order_id)
    assert_nothing_twice(house)
    assert house.shop.books()["edited_packages"] >= 1, "the look-up came too early, and did no harm"
    assert await house.problems() == []


async def test_several_parcels_are_several_packages(living: Living) -> None:
    house = await living(warehouse={"split": 1.0, "most_shipments": 3, "two_parcels": 1.0})
    ids = place(house, 3, quantity=3)
    await go(house, ids)
    for order_id in ids:
        assert_whole(house, order_id)
        (release,) = released(house, order_id)
        assert len(release["shipments"]) > 1
        assert len(sold(house, order_id)["fulfillments"]) >= len(release["shipments"])
    assert_nothing_twice(house)
    assert await house.problems() == []


@pytest.mark.parametrize("tax", [None, "on_top", "included", "withheld"])
async def test_every_kind_of_money_comes_to_the_cent(living: Living, tax: str | None) -> None:
    house = await living()
    ids = []
    for country in ("US", "JP") if tax == "withheld" else ("US", "GB", "DE", "JP"):
        wish: Mapping[str, Any] = {"marketplace": country, "tax": tax, "quantity": 3}
        ids += place(house, 2, **wish)
        ids += place(house, 1, **wish, discount=True, shipping=True, gift_wrap=True, tip=250, company=True)
    await go(house, ids)
    for order_id in ids:
        assert_whole(house, order_id)
    assert_nothing_twice(house)
    assert await house.problems() == []


async def test_what_notifications_lose_the_search_finds(living: Living) -> None:
    house = await living(every_s=0.2)
    house.shop.faults.dropped_webhooks = 1.0
    ids = place(house, 5)
    await house.until(lambda: all_are(house, ids, "done"), "the orders to be done")
    await house.quiet()
    for order_id in ids:
        assert_whole(house, order_id)
    assert_nothing_twice(house)
    assert await house.problems() == []


async def test_told_twice_and_found_as_well_it_is_one_order(living: Living) -> None:
    house = await living(every_s=0.2)
    house.shop.faults.duplicate_webhooks = 1.0
    ids = place(house, 5)
    for order_id in ids:
        house.shop.act("notify", {"id": order_id})
    await house.until(lambda: all_are(house, ids, "done"), "the orders to be done")
    await house.quiet()
    for order_id in ids:
        assert_whole(house, order_id)
    assert_nothing_twice(house)
    assert await house.problems() == []


async def test_a_notification_stays_in_the_queue_until_the_store_has_answered(living: Living) -> None:
    house = await living()
    ids = place(house)
    accept, house.store.accept = house.store.accept, _unavailable  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await house.hear()
    house.store.accept = accept  # type: ignore[method-assign]
    (held,) = house.shop.queue.held.values()
    held.visible_at = house.shop.now()  # its time to be hidden is over
    await go(house, ids)
    assert held.id not in house.shop.queue.held
    assert_whole(house, ids[0])
    assert held.receives == 2


async def _unavailable(arrivals: object) -> list[Receipt]:
    raise StoreUnavailable("the database is away, on purpose")


async def test_pages_that_come_round_end_the_run_aloud(living: Living) -> None:
    house = await living(shop={"connection": {"page_size": 2}})
    ids = place(house, 5)
    house.shop.pages_come_round = True
    with pytest.raises(Stuck):
        await house.poll(SHOP, "orders")
    house.shop.pages_come_round = False
    await house.poll(SHOP, "orders")
    await house.until(lambda: all_are(house, ids, "done"), "the orders to be done")
    await house.quiet()
    for order_id in ids:
        assert_whole(house, order_id)
    assert_nothing_twice(house)


async def test_a_pending_order_is_nowhere_until_it_is_paid(living: Living) -> None:
    house = await living()
    (paid,), (dropped,) = place(house, pending=True), place(house, pending=True)
    await house.hear()
    await house.poll(SHOP, "orders")
    await house.quiet()
    for order_id in (paid, dropped):
        assert await house.status(order_id) is None
        assert_untouched(house, order_id)
    house.shop.act("authorize", {"id": paid})
    house.shop.act("cancel_order", {"id": dropped})
    await house.hear()
    await house.until(lambda: all_are(house, [paid], "done"), "the paid order to be done")
    await house.until(lambda: all_are(house, [dropped], "cancelled"), "the dropped order to be known as cancelled")
    await house.quiet()
    assert_whole(house, paid)
    assert_untouched(house, dropped)
    assert await house.problems() == []


async def test_a_cancellation_stops_the_warehouse_and_closes_the_booking(living: Living) -> None:
    house = await living(warehouse=SLOW_FLOOR)
    ids = place(house, 2)
    await house.hear()
    await house.until(lambda: all(released(house, each) for each in ids), "the warehouse to have the orders")
    for order_id in ids:
        house.shop.act("cancel_order", {"id": order_id})
    await go(house, ids, "cancelled")
    for order_id in ids:
        (release,), (order,) = released(house, order_id), booked(house, order_id)
        assert (release["status"], order["status"]) == ("canceled", "Closed")
        assert not sold(house, order_id)["fulfillments"]
    assert await house.problems() == []


async def test_an_address_that_is_corrected_after_booking_asks_a_person(living: Living) -> None:
    house = await living(warehouse=SLOW_FLOOR)
    ids = place(house)
    await house.hear()
    await house.until(lambda: all(released(house, each) for each in ids), "the warehouse to have the order")
    await house.next_second()
    house.shop.act("edit_address", {"id": ids[0]})
    await house.hear()
    await house.until(lambda: house.problems(), "an exception")
    assert [code for _, code, _ in await house.problems()] == ["order.edited_after_booking"]


async def test_what_amazon_ships_itself_is_left_alone_unless_it_is_to_be_booked(living: Living) -> None:
    house = await living()
    (order_id,) = place(house, afn=True)
    await house.until(lambda: sold(house, order_id)["status"] == "SHIPPED", "Amazon to ship it")
    await house.hear()
    await house.poll(SHOP, "orders")
    await house.quiet()
    assert await house.status(order_id) is None
    assert not booked(house, order_id)
    assert not released(house, order_id)


async def test_what_amazon_ships_itself_is_booked_billed_and_never_released(living: Living) -> None:
    house = await living(shop={"connection": {"amazon_fulfilled": "book"}})
    (order_id,) = place(house, afn=True)
    await house.until(lambda: sold(house, order_id)["status"] == "SHIPPED", "Amazon to ship it")
    await go(house, [order_id])
    assert len(booked(house, order_id)) == len(invoiced(house, order_id)) == 1
    assert booked(house, order_id)[0]["total"] == sold(house, order_id)["total"]
    assert len(posted(house, order_id)) == 1, "the ERP knows that the goods are gone"
    assert not released(house, order_id)
    assert not sold(house, order_id)["fulfillments"], "Amazon is not told what it did itself"
    assert await house.problems() == []


async def test_an_order_that_was_shipped_elsewhere_is_booked_when_it_is_named(living: Living) -> None:
    house = await living()
    (order_id,) = place(house)
    house.shop.act("ship_by_hand", {"id": order_id})
    house.shop.queue.held.clear()
    await house.poll(SHOP, "orders")
    await house.quiet()
    assert await house.status(order_id) is None
    async with house.world(house.store, "backfill") as world:
        await backfill(world, SHOP, {"ids": [order_id]})
    await house.until(lambda: all_are(house, [order_id], "done"), "the order to be done")
    await house.quiet()
    assert len(booked(house, order_id)) == len(posted(house, order_id)) == len(invoiced(house, order_id)) == 1
    assert not released(house, order_id)
    assert len(sold(house, order_id)["fulfillments"]) == 1, "the one that was told by hand"
    assert await house.problems() == []


@pytest.mark.parametrize("heard", [True, False], ids=["told", "searched"])
async def test_what_is_cancelled_after_a_part_has_left_is_not_shipped(living: Living, heard: bool) -> None:
    """The first line left, the second is cancelled at Amazon: a person stops the warehouse, and the order is done."""
    house = await living(warehouse=SLOW_FLOOR)
    (order_id,) = place(house, quantity=2, **GOODS_ONLY)
    await house.hear()
    await house.until(lambda: released(house, order_id), "the warehouse to have the order")
    kept, gone = sold(house, order_id)["lines"]
    house.warehouse.act("ship_line", {"order": f"{SHOP}-{order_id}", "line": kept["id"]})
    await house.until(lambda: sold(house, order_id)["fulfillments"], "Amazon to be told")
    assert sold(house, order_id)["status"] == "PARTIALLY_SHIPPED"
    await house.next_second()
    house.shop.act("cancel_item", {"id": order_id, "item": gone["id"]})
    assert sold(house, order_id)["status"] == "SHIPPED", "all that is left of it has left"
    await (house.hear() if heard else house.poll(SHOP, "orders"))
    await house.until(lambda: all_are(house, [order_id], "exception"), "a person to be told")
    [(_, code, title)] = await house.problems()
    assert (code, "lines" in title) == ("order.edited_after_booking", True)
    house.warehouse.act("take_off", {"order": f"{SHOP}-{order_id}", "line": gone["id"]})
    await house.act(order_id, "resolve", problem="order.edited")
    await house.until(lambda: all_are(house, [order_id], "done"), "the order to be done")
    await house.quiet()
    with pytest.raises(ValueError, match="fulfilled"):
        house.warehouse.act("ship_now", {"order": f"{SHOP}-{order_id}"})
    (release,) = released(house, order_id)
    assert [line["line_id"] for one in release["shipments"] for line in one["lines"]] == [kept["id"]]
    (told,) = sold(house, order_id)["fulfillments"]
    assert told["lines"] == [{"id": kept["id"], "quantity": 2}]
    assert [one["total"] for one in invoiced(house, order_id)] == [sold(house, order_id)["total"]]
    assert_nothing_twice(house)
    assert await house.problems() == []


@pytest.mark.parametrize("early", [False, True], ids=["never seen", "told before it left"])
async def test_an_order_that_is_not_here_stays_away_however_far_it_is_elsewhere(living: Living, early: bool) -> None:
    house = await living()
    (order_id,) = place(house, quantity=2)
    if not early:
        house.shop.queue.held.clear()
    house.shop.act("ship_by_hand", {"id": order_id, "quantity": 1})
    house.shop.act("cancel_item", {"id": order_id})
    await house.hear()
    await house.poll(SHOP, "orders")
    await house.quiet()
    assert await house.status(order_id) is None
    assert not booked(house, order_id)
    assert ("read_back" in requests_of(house)) is early, "of what was never to be done nothing is asked"
    assert await house.problems() == []
