"""Whatever the network does to any one request of any command, the effect is there once.

The cases are not listed by hand: a calm run shows which requests each purpose makes, and each of them is struck by
each fault. Orders struck alike run side by side.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.process.books import assert_nothing_twice, assert_untouched, assert_whole, booked, released, sold
from tests.process.house import SHOP, Engine, House
from tests.support.in_process_http import Strike

Running = Callable[..., Awaitable[tuple[House, Engine]]]

FAULTS = ("lost_response", "html_200", "error_503", "rate_limited", "late_commit", "down")
# Purpose -> how many requests a calm run makes for it. ``test_the_requests_are_these`` keeps this true.
FORWARD = {
    "order.book": 1,
    "order.release": 1,
    "shipment.post": 2,
    "fulfilment.push": 2,
    "invoice.make": 2,
    "read_back": 2,
}
BACKWARD = {"release.cancel": 2, "booking.close": 2}
SLOW_FLOOR = {"allocate_s": 0.0, "pick_s": 3600.0}  # nothing is picked: a cancellation finds it in time


def _counts(house: House) -> dict[str, int]:
    most: dict[str, int] = {}
    for served in house.http.served:
        most[served.purpose] = max(most.get(served.purpose, 0), served.nth)
    return most


async def _place(house: House, count: int, **wish: Any) -> list[str]:
    """Orders whose webhooks wait, so that a strike can be aimed first."""
    house.vendors.mail.held = True
    return list(house.shop.act("place_order", {"lines": 2, "count": count, **wish})["ids"])


async def _strike(house: House, fault: str, requests: Mapping[str, int]) -> dict[str, Strike]:
    """An order for every request of these purposes, and what will strike it there."""
    wanted = [(purpose, nth) for purpose, most in requests.items() for nth in range(1, most + 1)]
    ids = await _place(house, len(wanted))
    aimed = {}
    for order_id, (purpose, nth) in zip(ids, wanted, strict=True):
        aimed[order_id] = Strike(fault, _named(house, order_id, purpose), purpose, nth)
    house.http.strikes = list(aimed.values())
    return aimed


def _named(house: House, order_id: str, purpose: str) -> str:
    """What the keys of the order's commands hold: read-backs name what a webhook named."""
    if purpose != "read_back":
        return f"{SHOP}-{order_id}"
    return f":{house.shop.books_.fulfilment_orders_of(int(order_id))[0].id}/"


@contextmanager
def naming(strike: Strike) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        error.add_note(f"struck by {strike}")
        raise


async def _go(house: House, ids: list[str]) -> None:
    house.vendors.mail.let_go(house.vendors.mail.kept)
    await house.until(lambda: _all_at(house, ids, "done"), "the orders to be done")
    await house.quiet()


async def _all_at(house: House, ids: list[str], status: str) -> bool:
    return {await house.status(each) for each in ids} == {status}


async def _cancel(house: House, ids: list[str]) -> None:
    house.vendors.mail.let_go(house.vendors.mail.kept)
    await house.until(lambda: all(released(house, each) for each in ids), "the warehouse to have the orders")
    await house.until(lambda: _steps_done(house, ids), "the releases to be known")
    for each in ids:
        house.shop.act("cancel_order", {"id": each})
    await house.until(lambda: _all_at(house, ids, "cancelled"), "the orders to be cancelled")
    await house.quiet()


async def _steps_done(house: House, ids: list[str]) -> bool:
    open_ = await house.store.pool.fetchval(
        "select count(*) from dispatch d join commands c on c.id = d.command_id where c.purpose = 'order.release'"
    )
    settled = await house.store.pool.fetchval("select count(*) from attempts where outcome = 'done'")
    return not open_ and bool(settled) and bool(ids)


def _assert_cancelled(house: House, order_id: str) -> None:
    (release,) = released(house, order_id)
    (order,) = booked(house, order_id)
    assert (release["status"], order["status"]) == ("canceled", "Closed")
    assert not sold(house, order_id)["fulfillments"]


async def test_the_requests_are_these(running: Running) -> None:
    house, _ = await running()
    ids = await _place(house, 1)
    await _go(house, ids)
    assert_whole(house, ids[0])
    assert _counts(house) == FORWARD


async def test_the_requests_of_a_cancellation_are_these(running: Running) -> None:
    house, _ = await running(warehouse=SLOW_FLOOR)
    ids = await _place(house, 1)
    await _cancel(house, ids)
    _assert_cancelled(house, ids[0])
    counts = _counts(house)
    assert {purpose: counts[purpose] for purpose in BACKWARD} == BACKWARD


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_may_fail_once(running: Running, fault: str) -> None:
    house, _ = await running()
    struck = await _strike(house, fault, FORWARD)
    await _go(house, list(struck))
    assert set(house.http.struck) == set(struck.values())
    for order_id, strike in struck.items():
        with naming(strike):
            assert_whole(house, order_id)
    assert_nothing_twice(house)
    assert await house.problems() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_of_a_cancellation_may_fail_once(running: Running, fault: str) -> None:
    house, _ = await running(warehouse=SLOW_FLOOR)
    struck = await _strike(house, fault, BACKWARD)
    await _cancel(house, list(struck))
    assert set(house.http.struck) == set(struck.values())
    for order_id, strike in struck.items():
        with naming(strike):
            _assert_cancelled(house, order_id)
    assert_nothing_twice(house)
    assert await house.problems() == []


@pytest.mark.parametrize("purpose", ["order.book", "shipment.post", "invoice.make"])
async def test_an_effect_that_comes_after_its_repeat_is_not_a_second_one(running: Running, purpose: str) -> None:
    """Operations of class UNIQUE repeat at once: the ERP refuses or absorbs the one that comes late."""
    house, _ = await running()
    ids = await _place(house, FORWARD[purpose])
    house.http.strikes = [
        Strike("late_commit", f"{SHOP}-{each}", purpose, nth, late_s=3.0) for nth, each in enumerate(ids, 1)
    ]
    await _go(house, ids)
    assert len(house.http.struck) == len(house.http.overtaken) == len(ids)
    for each in ids:
        assert_whole(house, each)
    assert_nothing_twice(house)
    assert await house.problems() == []


async def test_an_order_that_is_refused_is_not_sent_for_ever(running: Running) -> None:
    house, _ = await running()
    ids = await _place(house, 1)
    house.erp.items["1001"].inactive = True  # the masters do not show it yet
    for line in house.shop.books_.orders[int(ids[0])]["line_items"]:
        line["sku"] = "SKU-0001"
    house.vendors.mail.kept = []
    house.shop.order_changed(int(ids[0]), "orders/create")
    house.vendors.mail.let_go(house.vendors.mail.kept)
    await house.until(lambda: _all_at(house, ids, "exception"), "the exception")
    await house.quiet()
    assert_untouched(house, ids[0])
    assert [code for _, code, _ in await house.problems()] == ["order.book.rejected"]
    assert sum(served.purpose == "order.book" for served in house.http.served) == 1
