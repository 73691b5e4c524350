"""Amendments and credit memos in Business Central: each request struck by each fault, one effect in its books.

As elsewhere a calm run says which requests a purpose makes, so that none is left out.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.process.books import sold
from tests.process.house import SHOP, Engine, House
from tests.process.test_businesscentral import CentralVendors
from tests.process.test_lost_answers import FAULTS, naming
from tests.support.in_process_http import Strike

Running = Callable[..., Awaitable[tuple[House, Engine]]]
BY_ITSELF = {"warehouse": None, "invoice": "take"}

# Purpose -> how many requests a calm run makes for it. The first test of each keeps this true.
AMENDING = {"booking.amend": 2}
CREDITING = {"refund.credit": 3}


def _requests(house: House, purpose: str) -> int:
    return max(served.nth for served in house.http.served if served.purpose == purpose)


def _of(house: House, kind: str, order_id: str) -> list[dict[str, Any]]:
    return [one for one in house.erp.books()[kind] if one["external"] == f"{SHOP}-{order_id}".upper()]


async def _all_at(house: House, ids: list[str], status: str) -> bool:
    return {await house.status(each) for each in ids} == {status}


async def _amended(house: House, ids: list[str], strikes: list[Strike]) -> None:
    """A line of each booked order is taken off in the shop before anything left."""

    async def booked() -> bool:
        return all(_of(house, "orders", each) for each in ids) and await _all_at(house, ids, "waiting")

    await house.until(booked, "the bookings")
    await house.next_second()
    house.http.strikes = strikes
    for each in ids:
        line = house.shop.books_.orders[int(each)]["line_items"][0]
        rows = [{"id": line["id"], "quantity": line["quantity"], "restock": "cancel"}]
        house.shop.act("refund", {"id": each, "lines": rows})

    async def done() -> bool:
        states = [await house.state(each) for each in ids]
        return all(one.latest is None and one.status_of("booking.amend") == "done" for one in states)

    await house.until(done, "the amendments")


def _assert_amended(house: House, order_id: str) -> None:
    entry = sold(house, order_id)
    (order,) = _of(house, "orders", order_id)
    assert Decimal(order["total"]) == Decimal(entry["total"]) - Decimal(entry["refunded"])
    assert len([line for line in order["lines"] if line["kind"] == "Item"]) == len(entry["lines"]) - 1


async def test_the_requests_of_an_amendment_are_these(running: Running) -> None:
    house, _ = await running(accounts=CentralVendors, route=BY_ITSELF)
    ids = house.shop.act("place_order", {"lines": 2, "discount": True, "tip": False, "paid": True})["ids"]
    await _amended(house, ids, [])
    _assert_amended(house, ids[0])
    assert {"booking.amend": _requests(house, "booking.amend")} == AMENDING
    assert await house.problems() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_of_an_amendment_may_fail_once(running: Running, fault: str) -> None:
    house, _ = await running(accounts=CentralVendors, route=BY_ITSELF)
    count = AMENDING["booking.amend"]
    wish = {"lines": 2, "discount": True, "tip": False, "paid": True, "count": count}
    ids = house.shop.act("place_order", wish)["ids"]
    strikes = [Strike(fault, f"{SHOP}-{each}", "booking.amend", nth) for nth, each in enumerate(ids, 1)]
    await _amended(house, ids, strikes)
    await house.until(lambda: house.http.late == 0, "what comes late")
    assert set(house.http.struck) == set(strikes)
    for each, strike in zip(ids, strikes, strict=True):
        with naming(strike):
            _assert_amended(house, each)
    assert house.erp.books()["doubled"] == []
    assert await house.problems() == []


async def _credited(house: House, ids: list[str], strikes: list[Strike]) -> None:
    """A unit and the shipping of each finished order are given back."""
    await house.until(lambda: _all_at(house, ids, "done"), "the orders to be done")
    await house.next_second()
    house.http.strikes = strikes
    for each in ids:
        line = house.shop.books_.orders[int(each)]["line_items"][0]
        rows = [{"id": line["id"], "quantity": 1, "restock": "return"}]
        house.shop.act("refund", {"id": each, "lines": rows, "shipping": True})

    async def there() -> bool:
        posted = [one["status"] != "Draft" for each in ids for one in _of(house, "credit_memos", each)]
        return len(posted) >= len(ids) and all(posted) and await _all_at(house, ids, "done")

    await house.until(there, "the credit memos")
    await house.quiet()


def _assert_credited(house: House, order_id: str) -> None:
    (memo,) = _of(house, "credit_memos", order_id)
    (invoice,) = _of(house, "invoices", order_id)
    assert Decimal(memo["total"]) == Decimal(sold(house, order_id)["refunded"])
    assert memo["applied"] == invoice["id"]
    assert Decimal(invoice["open"]) == Decimal(invoice["total"]) - Decimal(memo["total"])


async def test_the_requests_of_a_credit_memo_are_these(running: Running) -> None:
    house, _ = await running(accounts=CentralVendors)
    ids = house.shop.act("place_order", {"lines": 2, "shipping": True, "paid": True})["ids"]
    await _credited(house, ids, [])
    _assert_credited(house, ids[0])
    assert {"refund.credit": _requests(house, "refund.credit")} == CREDITING
    assert await house.problems() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_of_a_credit_memo_may_fail_once(running: Running, fault: str) -> None:
    house, _ = await running(accounts=CentralVendors)
    count = CREDITING["refund.credit"]
    ids = house.shop.act("place_order", {"lines": 2, "shipping": True, "paid": True, "count": count})["ids"]
    strikes = [Strike(fault, f"{SHOP}-{each}", "refund.credit", nth) for nth, each in enumerate(ids, 1)]
    await _credited(house, ids, strikes)
    await house.until(lambda: house.http.late == 0, "what comes late")
    assert set(house.http.struck) == set(strikes)
    for each, strike in zip(ids, strikes, strict=True):
        with naming(strike):
            _assert_credited(house, each)
    assert await house.problems() == []
