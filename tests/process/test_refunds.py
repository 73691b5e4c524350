"""Refunds on the whole way: the shop gives money back, the ERP has one credit memo of it, to the cent."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.process.books import booked, invoiced, released, sold
from tests.process.house import SHOP, Engine, House
from tests.support.in_process_http import Strike

Running = Callable[..., Awaitable[tuple[House, Engine]]]
FAULTS = ("lost_response", "html_200", "error_503", "rate_limited", "late_commit", "down")
# Purpose -> how many requests a calm run makes for it. ``test_the_requests_are_these`` keeps this true.
REQUESTS = {"refund.credit": 2, "refund.pay": 1}
ASKED: dict[str, dict[str, Any]] = {
    "everything": {"lines": "all", "shipping": True},
    "a unit": {"units": 1},
    "a unit, not restocked": {"units": 1, "restock": "no_restock"},
    "shipping": {"shipping": True},
    "goodwill": {"amount": "1.37"},
    "a unit less a fee, on two gateways": {"units": 1, "amount": "-0.50", "shares": ["0.3", "0.7"]},
}


async def _all_at(house: House, ids: list[str], status: str) -> bool:
    return {await house.status(each) for each in ids} == {status}


async def _finished(house: House, count: int, **wish: Any) -> list[str]:
    """Orders that are shipped, billed and done."""
    wish = {"lines": 2, "shipping": True, "discount": True, **wish}
    ids: list[str] = list(house.shop.act("place_order", {"count": count, **wish})["ids"])
    await house.until(lambda: _all_at(house, ids, "done"), "the orders to be done")
    await house.quiet()
    await house.next_second()
    return ids


def _refund(house: House, order_id: str, **asked: Any) -> str:
    """In the shop; the refund's id. ``units``: so many of the first line."""
    units, restock = asked.pop("units", 0), asked.pop("restock", None)
    if units:
        line = house.shop.books_.orders[int(order_id)]["line_items"][0]
        asked["lines"] = [{"id": line["id"], "quantity": units, "restock": restock}]
    return str(house.shop.act("refund", {"id": order_id, **asked})["refund"])


def _credits(house: House, order_id: str) -> list[dict[str, Any]]:
    prefix = f"{SHOP}-{order_id}-CM-"
    return [one for one in house.erp.books()["credit_memos"] if str(one["external_id"]).startswith(prefix)]


def _payouts(house: House, order_id: str) -> list[Decimal]:
    prefix = f"{SHOP}-{order_id}-RF-"
    found = [one for one in house.erp.books()["customer_refunds"] if str(one["external_id"]).startswith(prefix)]
    return [sum(map(Decimal, one["paid"].values()), Decimal(0)) for one in found]


def assert_credited(house: House, order_id: str) -> None:
    """One credit memo of each refund; what is billed less what is credited is what the shop kept."""
    entry = sold(house, order_id)
    made = _credits(house, order_id)
    assert len(made) == entry["refunds"]
    assert sum((Decimal(one["total"]) for one in made), Decimal(0)) == Decimal(entry["refunded"])
    billed = sum((Decimal(one["total"]) for one in invoiced(house, order_id)), Decimal(0))
    assert billed == Decimal(entry["total"])
    refunds = house.shop.books_.orders[int(order_id)]["refunds"]
    tax = sum((Decimal(row["total_tax_set"]["shop_money"]["amount"]) for each in refunds for row in
               each["refund_line_items"]), Decimal(0))  # fmt: skip
    tax -= sum((Decimal(row["tax_amount"]) for each in refunds for row in each["order_adjustments"]), Decimal(0))
    assert sum((Decimal(one["tax"]) for one in made), Decimal(0)) == tax


async def _settled(house: House, ids: list[str], seen: int) -> None:
    """Until every refund is in the ERP and the orders are at rest again."""

    async def there() -> bool:
        return all(len(_credits(house, each)) >= seen for each in ids) and await _all_at(house, ids, "done")

    await house.until(there, "the credit memos")
    await house.quiet()


@pytest.mark.parametrize("name", ASKED)
async def test_a_refund_becomes_one_credit_memo_set_off_against_the_invoice(running: Running, name: str) -> None:
    house, _ = await running()
    (order_id,) = await _finished(house, 1)
    house.vendors.mail.copies = 3
    _refund(house, order_id, **dict(ASKED[name]))
    await _settled(house, [order_id], 1)
    assert_credited(house, order_id)
    [credit], [invoice] = _credits(house, order_id), invoiced(house, order_id)
    assert credit["applied"] == {invoice["id"]: credit["total"]}
    assert credit["open"] in ("0.00", "0")
    assert _payouts(house, order_id) == []
    assert await house.problems() == []


async def test_the_requests_are_these(running: Running) -> None:
    house, _ = await running(route={"payments": "open"})
    (order_id,) = await _finished(house, 1)
    _refund(house, order_id, amount="1.00")
    await _settled(house, [order_id], 1)
    counted = [one.purpose for one in house.http.served if one.purpose in REQUESTS]
    assert counted == ["refund.credit"] * REQUESTS["refund.credit"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_for_a_credit_memo_may_fail_once(running: Running, fault: str) -> None:
    house, _ = await running()
    ids = await _finished(house, REQUESTS["refund.credit"])
    house.http.strikes = [Strike(fault, f"{SHOP}-{each}", "refund.credit", nth) for nth, each in enumerate(ids, 1)]
    for each in ids:
        _refund(house, each, units=1, shipping=True)
    await _settled(house, ids, 1)
    assert len(house.http.struck) == len(ids)
    for each in ids:
        assert_credited(house, each)
    assert await house.problems() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_paid_orders_are_credited_and_paid_out_once(running: Running, fault: str) -> None:
    house, _ = await running(route={"payments": "paid"})
    ids = await _finished(house, 2)
    house.http.strikes = [
        Strike(fault, f"{SHOP}-{ids[0]}", "refund.credit", 1),
        Strike(fault, f"{SHOP}-{ids[1]}", "refund.pay", 1),
    ]
    for each in ids:
        _refund(house, each, units=1, shares=["0.5", "0.5"])
    await house.until(lambda: all(_payouts(house, each) for each in ids), "the customer refunds")
    await _settled(house, ids, 1)
    assert len(house.http.struck) == len(ids)
    for each in ids:
        assert_credited(house, each)
        assert _payouts(house, each) == [Decimal(sold(house, each)["refunded"])]
        assert [one["open"] for one in _credits(house, each)] == ["0.00"]
        assert [one["applied"] for one in _credits(house, each)] == [{}]
    assert await house.problems() == []


async def test_a_credit_memo_that_is_saved_after_its_repeat_is_not_a_second_one(running: Running) -> None:
    house, _ = await running()
    (order_id,) = await _finished(house, 1)
    house.http.strikes = [Strike("late_commit", f"{SHOP}-{order_id}", "refund.credit", 2, late_s=3.0)]
    _refund(house, order_id, units=1)
    await _settled(house, [order_id], 1)
    await house.until(lambda: house.http.late == 0, "the late save")
    assert len(house.http.struck) == 1
    assert_credited(house, order_id)


async def test_refunds_one_after_the_other(running: Running) -> None:
    house, _ = await running()
    (order_id,) = await _finished(house, 1)
    for number, asked in enumerate(({"amount": "1.00"}, {"shipping": True}, {"units": 1}), 1):
        _refund(house, order_id, **asked)
        await _settled(house, [order_id], number)
        await house.next_second()
    assert_credited(house, order_id)
    assert await house.problems() == []


async def test_a_refund_whose_webhooks_are_lost_is_found(running: Running) -> None:
    house, _ = await running()
    (order_id,) = await _finished(house, 1)
    house.vendors.mail.lost = True
    _refund(house, order_id, units=1)
    await house.poll(SHOP, "orders")
    await house.store.wake("decide")
    await _settled(house, [order_id], 1)
    assert_credited(house, order_id)


async def test_paid_in_another_currency_it_is_credited_in_the_shops(running: Running) -> None:
    house, _ = await running()
    (order_id,) = await _finished(house, 1, presentment="USD")
    _refund(house, order_id, units=1, shipping=True)
    await _settled(house, [order_id], 1)
    assert_credited(house, order_id)
    assert await house.problems() == []


async def test_a_line_refunded_before_booking_is_never_booked(running: Running) -> None:
    house, _ = await running(route={"edit_window_s": 15})
    ids = list(house.shop.act("place_order", {"lines": 2, "discount": True, "shipping": True, "paid": True})["ids"])
    await house.until(lambda: _all_at(house, ids, "waiting"), "the edit window")
    await house.next_second()
    (order_id,) = ids
    line = house.shop.books_.orders[int(order_id)]["line_items"][0]
    _refund(house, order_id, units=line["quantity"])
    await house.until(lambda: _all_at(house, ids, "done"), "the order to be done")
    await house.quiet()
    entry = sold(house, order_id)
    left = Decimal(entry["total"]) - Decimal(entry["refunded"])
    assert [Decimal(one["total"]) for one in booked(house, order_id)] == [left]
    assert [Decimal(one["total"]) for one in invoiced(house, order_id)] == [left]
    (release,) = released(house, order_id)
    assert str(line["id"]) not in {row["line_id"] for one in release["shipments"] for row in one["lines"]}
    assert _credits(house, order_id) == []
    assert await house.problems() == []


async def test_a_line_refunded_while_picking_is_a_persons_to_stop_in_the_warehouse(running: Running) -> None:
    house, _ = await running(warehouse={"pick_s": 3600.0})
    (order_id,) = house.shop.act("place_order", {"lines": 2, "paid": True})["ids"]

    async def picking() -> bool:
        return bool(released(house, order_id)) and (await house.state(order_id)).finished("order.release")

    await house.until(picking, "the release")
    await house.next_second()
    line = house.shop.books_.orders[int(order_id)]["line_items"][0]
    _refund(house, order_id, units=line["quantity"])

    async def told() -> bool:
        return [code for _, code, _ in await house.problems()] == ["order.edited_after_booking"]

    await house.until(told, "the exception")
    assert _credits(house, order_id) == []


async def test_a_credit_that_netsuite_refuses_is_an_exception_until_its_cause_is_mended(running: Running) -> None:
    house, _ = await running()
    (order_id,) = await _finished(house, 1)
    house.erp.items["2010"].inactive = True
    _refund(house, order_id, amount="1.00")

    async def told() -> bool:
        return [code for _, code, _ in await house.problems()] == ["refund.credit.rejected"]

    await house.until(told, "the exception")
    house.erp.items["2010"].inactive = False
    await house.act(order_id, "retry")
    await _settled(house, [order_id], 1)
    assert_credited(house, order_id)
    assert house.erp.books()["duplicates"]["external_id"] == 0
