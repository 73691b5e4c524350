"""Orders from the shop into Business Central: one document of each kind in its books, to the cent, whatever is lost.

Business Central makes two of what it is asked for twice, so everything here rests on looking first. As with the other
ERP, a calm run shows which requests each purpose makes, and each of them is struck by each fault.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.process.amazon_house import AmazonHouse, AmazonVendors
from tests.process.books import released, ship_quantities, sold
from tests.process.house import ERP, SHOP, SYSTEMS, Engine, House, Vendors
from tests.process.test_lost_answers import FAULTS, SLOW_FLOOR, naming
from tests.support.in_process_http import Strike


class CentralVendors(Vendors):
    """The shop, Business Central and the warehouse."""

    systems: Mapping[str, str] = {**SYSTEMS, ERP: "businesscentral"}


class AmazonCentralVendors(AmazonVendors):
    """Amazon, which tells no rates: its own tax is a line of an account."""

    systems: Mapping[str, str] = {**SYSTEMS, SHOP: "amazon", ERP: "businesscentral"}

    def __init__(self, seed: int, shop: Mapping[str, Any], warehouse: Mapping[str, Any]) -> None:
        super().__init__(seed, shop, warehouse)
        self.at_erp = msgspec.structs.replace(self.at_erp, settings={**self.at_erp.settings, "tax_mode": "account"})


Running = Callable[..., Awaitable[tuple[House, Engine]]]

# Purpose -> how many requests a calm run makes of Business Central. ``test_the_requests_are_these`` keeps this true.
FORWARD = {"order.book": 3, "shipment.post": 2, "invoice.make": 2}
BACKWARD = {"booking.close": 2}


async def _central(running: Running, **settings: Any) -> House:
    house, _ = await running(accounts=CentralVendors, **settings)
    return house


def _counts(house: House) -> dict[str, int]:
    most: dict[str, int] = {}
    for served in house.http.served:
        if served.vendor == f"{ERP}.test":
            most[served.purpose] = max(most.get(served.purpose, 0), served.nth)
    return most


async def _strike(house: House, fault: str, requests: Mapping[str, int]) -> dict[str, Strike]:
    """An order for every request of these purposes, and what will strike it there."""
    wanted = [(purpose, nth) for purpose, most in requests.items() for nth in range(1, most + 1)]
    house.vendors.mail.held = True
    ids = house.shop.act("place_order", {"lines": 2, "count": len(wanted)})["ids"]
    aimed = {
        order_id: Strike(fault, f"{SHOP}-{order_id}", purpose, nth)
        for order_id, (purpose, nth) in zip(ids, wanted, strict=True)
    }
    house.http.strikes = list(aimed.values())
    return aimed


async def _all_at(house: House, ids: list[str], status: str) -> bool:
    return {await house.status(each) for each in ids} == {status}


async def _go(house: House, ids: list[str]) -> None:
    house.vendors.mail.let_go(house.vendors.mail.kept)
    await house.until(lambda: _all_at(house, ids, "done"), "the orders to be done")
    await house.quiet()


async def _cancel(house: House, ids: list[str]) -> None:
    house.vendors.mail.let_go(house.vendors.mail.kept)
    await house.until(lambda: all(released(house, each) for each in ids), "the warehouse to have the orders")
    for each in ids:
        house.shop.act("cancel_order", {"id": each})
    await house.until(lambda: _all_at(house, ids, "cancelled"), "the orders to be cancelled")
    await house.quiet()


def _of(house: House, kind: str, order_id: str) -> list[dict[str, Any]]:
    """The company's documents of one kind that carry an order's key."""
    return [one for one in house.erp.books()[kind] if one["external"] == f"{SHOP}-{order_id}".upper()]


def assert_whole(house: House, order_id: str) -> None:
    """Posted whole and so no open order any more: shipped once, and one invoice of the channel's total."""
    entry = sold(house, order_id)
    assert _of(house, "orders", order_id) == []
    invoices = [(Decimal(one["total"]), one["currency"]) for one in _of(house, "invoices", order_id)]
    assert invoices == [(Decimal(entry["total"]), entry["currency"])]
    left: Counter[str] = Counter()
    goods = []
    for one in _of(house, "shipments", order_id):
        lines = [line for line in one["lines"] if line["kind"] == "Item"]
        goods += [one["comments"][0]] if lines else []
        for line in lines:
            left[line["description2"]] += int(Decimal(line["quantity"]))
    assert left == ship_quantities(house, order_id)
    assert len(set(goods)) == len(goods) == len(released(house, order_id)[0]["shipments"])
    assert all(mark.startswith("Shipment ") for mark in goods)


async def test_the_requests_are_these(running: Running) -> None:
    house = await _central(running)
    house.vendors.mail.held = True
    ids = house.shop.act("place_order", {"lines": 2, "count": 1})["ids"]
    await _go(house, ids)
    assert_whole(house, ids[0])
    assert _counts(house) == FORWARD


async def test_orders_of_all_kinds_are_booked_to_the_cent(running: Running) -> None:
    """Discounts, gift cards, tips, duties, currencies, prices with and without tax, as the shop sells."""
    rates = {"discount": 0.5, "gift_card_tender": 0.3, "tip": 0.3, "duties": 0.3, "split": 0.3}
    house = await _central(running, shop={"rates": rates})
    house.vendors.mail.held = True
    ids = house.shop.act("place_order", {"count": 25})["ids"]
    await _go(house, ids)
    for each in ids:
        assert_whole(house, each)
    assert house.erp.books()["doubled"] == []
    assert await house.problems() == []


async def test_orders_are_booked_as_the_customer_saw_them(running: Running) -> None:
    """Several currencies; each invoice comes to the order's total in the customer's, or an exception would be open."""
    house = await _central(
        running, shop={"rates": {"presentment": 0.5, "discount": 0.5}}, route={"basis": "presentment"}
    )
    house.vendors.mail.held = True
    ids = house.shop.act("place_order", {"count": 20})["ids"]
    await _go(house, ids)
    assert len({one["currency"] for one in house.erp.books()["invoices"]}) > 1
    assert sum(len(_of(house, "invoices", each)) for each in ids) == len(ids)
    assert house.erp.books()["doubled"] == []
    assert await house.problems() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_may_fail_once(running: Running, fault: str) -> None:
    house = await _central(running)
    struck = await _strike(house, fault, FORWARD)
    await _go(house, list(struck))
    assert set(house.http.struck) == set(struck.values())
    for order_id, strike in struck.items():
        with naming(strike):
            assert_whole(house, order_id)
    assert house.erp.books()["doubled"] == []
    assert await house.problems() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_of_a_cancellation_may_fail_once(running: Running, fault: str) -> None:
    house = await _central(running, warehouse=SLOW_FLOOR)
    struck = await _strike(house, fault, BACKWARD)
    await _cancel(house, list(struck))
    assert set(house.http.struck) == set(struck.values())
    for order_id, strike in struck.items():
        with naming(strike):
            assert [_of(house, kind, order_id) for kind in ("orders", "shipments", "invoices")] == [[], [], []]
    assert await house.problems() == []


async def test_an_order_whose_total_the_company_changes_is_refused_and_leaves_nothing(running: Running) -> None:
    house = await _central(running)
    house.vendors.mail.held = True
    ids = house.shop.act("place_order", {"lines": 1, "count": 1})["ids"]
    house.erp.act("install_rebate", {"amount": "0.01"})
    house.vendors.mail.let_go(house.vendors.mail.kept)
    await house.until(lambda: _all_at(house, ids, "exception"), "the exception")
    await house.quiet()
    assert [code for _, code, _ in await house.problems()] == ["order.book.rejected"]
    assert _of(house, "orders", ids[0]) == []
    assert not released(house, ids[0])


async def test_what_people_post_there_is_told_by_a_notification(running: Running) -> None:
    """The ERP bills by itself: its notification names the invoice, which is read back and ends the order."""
    house = await _central(running, route={"invoice": "take"})
    await house.poll(ERP, "subscriptions")
    assert len(house.erp.subscriptions.standing) == 1
    (order_id,) = house.shop.act("place_order", {"lines": 2, "count": 1})["ids"]

    def shipped() -> bool:
        return bool(_of(house, "shipments", order_id)) and sold(house, order_id)["fulfillment_status"] == "fulfilled"

    await house.until(shipped, "the goods to be posted")
    (order,) = _of(house, "orders", order_id)
    house.erp.act("post", {"order": order["id"]})
    await house.until(lambda: _all_at(house, [order_id], "done"), "the order to be done")
    await house.quiet()
    assert_whole(house, order_id)
    assert "read_back" in {served.purpose for served in house.http.served if served.vendor == f"{ERP}.test"}
    assert await house.problems() == []


async def test_a_lost_notification_is_made_good_by_the_poll(running: Running) -> None:
    house = await _central(running, route={"invoice": "take"})
    (order_id,) = house.shop.act("place_order", {"lines": 1, "count": 1})["ids"]
    await house.until(lambda: _of(house, "shipments", order_id), "the goods to be posted")
    await house.until(lambda: sold(house, order_id)["fulfillment_status"] == "fulfilled", "the shop to be told")
    (order,) = _of(house, "orders", order_id)
    house.erp.act("post", {"order": order["id"]})
    await house.poll(ERP, "invoices")
    await house.until(lambda: _all_at(house, [order_id], "done"), "the order to be done")
    assert await house.problems() == []


async def test_any_channel_may_be_booked_there(make_house: Callable[..., Any]) -> None:
    async with make_house(accounts=AmazonCentralVendors, made=AmazonHouse) as house, house.running():
        ids = house.shop.act("place_order", {"count": 8})["ids"]
        await house.hear()
        await house.until(lambda: _all_at(house, ids, "done"), "the orders to be done")
        await house.quiet()
        totals = [[Decimal(one["total"]) for one in _of(house, "invoices", each)] for each in ids]
        orders = {one["id"]: Decimal(one["total"]) for one in house.shop.books()["orders"]}
        assert totals == [[orders[each]] for each in ids]
        assert house.erp.books()["doubled"] == []
        assert await house.problems() == []
