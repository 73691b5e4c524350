"""A label that the warehouse makes anew: the shop shows it, whatever happens on the way."""

from collections.abc import Awaitable, Callable

import pytest

from tests.process.books import assert_nothing_twice, assert_whole, released
from tests.process.house import SHOP, WAREHOUSE, Engine, House
from tests.support.in_process_http import Strike

Running = Callable[..., Awaitable[tuple[House, Engine]]]


@pytest.mark.parametrize("fault", [None, "lost_response", "html_200", "error_503"])
@pytest.mark.parametrize("heard", [True, False], ids=["by webhook", "by poll"])
async def test_the_shop_shows_the_label_that_is_on_the_parcel(running: Running, fault: str | None, heard: bool) -> None:
    house, _ = await running()
    (order_id,) = house.shop.act("place_order", {"lines": 2, "paid": True})["ids"]

    async def done() -> bool:
        return await house.status(order_id) == "done"

    await house.until(done, "the order to be done")
    if fault:
        house.http.strikes = [Strike(fault, f"{SHOP}-{order_id}", "tracking.replace", 2)]
    house.vendors.mail.lost = not heard
    house.warehouse.act("void_label", {"order": f"{SHOP}-{order_id}"})
    (release,) = released(house, str(order_id))
    (shipment,) = release["shipments"]
    labels = shipment["tracking_numbers"]

    async def shown() -> bool:
        if not heard:
            await house.poll(WAREHOUSE, "parcels")
        (told,) = house.shop.books_.fulfilments.values()
        return told.numbers == labels

    await house.until(shown, "the shop to show the new label")
    await house.quiet()
    (told,) = house.shop.books_.fulfilments.values()
    assert told.notices == 2, "once for the shipment, once for its new label"
    assert await house.status(order_id) == "done"
    assert await house.problems() == []
    assert_whole(house, order_id)
    assert_nothing_twice(house)
