"""A parcel's way through the whole house: the carrier, the order, the shop; and what the shop hears itself."""

from collections.abc import Awaitable, Callable

import pytest

from crossdock.domain.state import OrderState
from crossdock.domain.tracking import ways
from tests.process.books import assert_nothing_twice, assert_whole
from tests.process.house import SHOP, WAREHOUSE, Engine, House
from tests.support.in_process_http import Strike

Running = Callable[..., Awaitable[tuple[House, Engine]]]


async def _shipped(running: Running, **route: bool) -> tuple[House, str]:
    house, _ = await running(route=route)
    (order_id,) = house.shop.act("place_order", {"lines": 2, "paid": True})["ids"]

    async def done() -> bool:
        return await house.status(order_id) == "done"

    await house.until(done, "the order to be done")
    return house, str(order_id)


async def _until(house: House, order_id: str, reached: Callable[[OrderState], bool], what: str) -> None:
    async def there() -> bool:
        return reached(await house.state(order_id))

    await house.until(there, what)


def _shown(house: House) -> list[str]:
    return [event.status for one in house.shop.books_.fulfilments.values() for event in one.events]


def _told(state: OrderState) -> list[str]:
    return [intent.status for intent in state.commands.values() if intent.step == "tracking.push"]


@pytest.mark.parametrize("fault", [None, "lost_response", "html_200", "error_503"])
async def test_what_the_carrier_does_reaches_the_customer_once(running: Running, fault: str | None) -> None:
    house, order_id = await _shipped(running, push_tracking=True)
    if fault:
        house.http.strikes = [Strike(fault, f"{SHOP}-{order_id}", "tracking.push", 2)]
    for verb, milestone in (("pick_up", "in_transit"), ("deliver", "delivered")):
        house.warehouse.act(verb, {"order": f"{SHOP}-{order_id}"})
        for _ in range(2):
            await house.poll(WAREHOUSE, "parcels")

        def reached(state: OrderState, milestone: str = milestone) -> bool:
            return all(way.status == milestone for way in ways(state)) and set(_told(state)) == {"done"}

        await _until(house, order_id, reached, f"the parcel to be {milestone}")
    await house.quiet()
    assert _shown(house) == ["IN_TRANSIT", "DELIVERED"]
    assert await house.status(order_id) == "done"
    assert await house.problems() == []
    assert_whole(house, order_id)
    assert_nothing_twice(house)


async def test_what_shopify_follows_itself_is_known_here_and_a_trouble_is_a_persons(running: Running) -> None:
    house, order_id = await _shipped(running)
    (fulfilment,) = house.shop.books_.fulfilments
    house.shop.act("carry", {"fulfillment": fulfilment, "status": "OUT_FOR_DELIVERY"})
    house.shop.act("carry", {"fulfillment": fulfilment, "status": "ATTEMPTED_DELIVERY", "message": "Nobody was there"})
    await _until(house, order_id, lambda state: bool(state.problems), "the trouble")
    await house.quiet()
    assert [code for _, code, _ in await house.problems()] == ["parcel.exception"]
    [way] = ways(await house.state(order_id))
    assert list(way.marks) == ["out_for_delivery", "exception"]
    assert way.marks["exception"].detail == "Nobody was there"
    house.shop.act("carry", {"fulfillment": fulfilment, "status": "DELIVERED"})
    await _until(house, order_id, lambda state: not state.problems, "the delivery")
    await house.quiet()
    assert await house.status(order_id) == "done"
    assert _told(await house.state(order_id)) == []
