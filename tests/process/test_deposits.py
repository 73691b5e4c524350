"""``payments: advance``: what the shop captures is a deposit in NetSuite, applied when it is billed, in any weather."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from tests.process.books import invoiced, sold
from tests.process.house import SHOP, Engine, House
from tests.process.test_refunds import FAULTS
from tests.support.in_process_http import Strike

Running = Callable[..., Awaitable[tuple[House, Engine]]]
# Purpose -> how many requests a calm run makes for it. ``test_the_requests_are_these`` keeps this true.
REQUESTS = {"deposit.post": 1, "deposit.apply": 2}
ADVANCE = {"payments": "advance"}


def deposits(house: House, order_id: str) -> list[tuple[Decimal, Decimal]]:
    """Amount, and what is left of it, of each deposit of an order."""
    rows = [one for one in house.erp.books()["customer_deposits"] if one["order_external_id"] == f"{SHOP}-{order_id}"]
    return [(Decimal(one["amount"]), Decimal(one["open"])) for one in rows]


def _paid(house: House, order_id: str) -> list[Decimal]:
    prefix = f"{SHOP}-{order_id}-PAY-"
    rows = [one for one in house.erp.books()["customer_payments"] if str(one["external_id"]).startswith(prefix)]
    return [Decimal(one["amount"]) for one in rows]


def left(house: House, order_id: str) -> list[Decimal]:
    """What is open of each invoice of an order."""
    ledger = house.erp.ledger
    return [ledger.open_amount(ledger.documents[one["id"]]) for one in invoiced(house, order_id)]


async def _all_done(house: House, ids: list[str]) -> None:
    async def done() -> bool:
        return {await house.status(each) for each in ids} == {"done"} and not any(
            open_ for each in ids for open_ in left(house, each)
        )

    await house.until(done, "the orders to be done and settled")
    await house.quiet()


def assert_settled(house: House, order_id: str) -> None:
    """One deposit of the whole order, used up by its one invoice; no payment beside it."""
    total = Decimal(sold(house, order_id)["total"])
    assert deposits(house, order_id) == [(total, Decimal(0))]
    assert (_paid(house, order_id), left(house, order_id)) == ([], [Decimal(0)])


@pytest.mark.parametrize("by_itself", [False, True])
async def test_what_was_captured_is_deposited_and_settles_the_invoice(running: Running, by_itself: bool) -> None:
    house, _ = await running(route=ADVANCE)
    house.erp.applies_deposits = by_itself
    ids = list(house.shop.act("place_order", {"count": 2, "lines": 2, "shipping": True, "paid": True})["ids"])
    await _all_done(house, ids)
    for each in ids:
        assert_settled(house, each)
    ours = [one["external_id"] for one in house.erp.books()["deposit_applications"]]
    assert ours.count(None) == (2 if by_itself else 0)
    assert await house.problems() == []


async def test_the_requests_are_these(running: Running) -> None:
    house, _ = await running(route=ADVANCE)
    ids = list(house.shop.act("place_order", {"lines": 1, "paid": True})["ids"])
    await _all_done(house, ids)
    counted = [one.purpose for one in house.http.served]
    assert {purpose: counted.count(purpose) for purpose in REQUESTS} == REQUESTS


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_may_fail_once(running: Running, fault: str) -> None:
    house, _ = await running(route=ADVANCE)
    house.vendors.mail.held = True
    wanted = [(purpose, nth) for purpose, most in REQUESTS.items() for nth in range(1, most + 1)]
    ids = list(house.shop.act("place_order", {"count": len(wanted), "lines": 1, "paid": True})["ids"])
    house.http.strikes = [
        Strike(fault, f"{SHOP}-{each}", purpose, nth) for each, (purpose, nth) in zip(ids, wanted, strict=True)
    ]
    house.vendors.mail.let_go(house.vendors.mail.kept)
    await _all_done(house, ids)
    assert len(house.http.struck) == len(ids)
    for each in ids:
        assert_settled(house, each)
    assert await house.problems() == []


async def test_money_before_and_after_the_bill_is_deposits_and_payments_to_the_cent(running: Running) -> None:
    house, _ = await running(route={**ADVANCE, "payment": "pending"})
    house.vendors.mail.held = True
    (order_id,) = house.shop.act("place_order", {"lines": 2, "paid": False, "shipping": True})["ids"]
    house.shop.act("capture", {"id": order_id, "amount": "1.00"})
    house.vendors.mail.let_go(house.vendors.mail.kept)

    async def billed() -> bool:
        return await house.status(order_id) == "done"

    await house.until(billed, "the order to be billed")
    total = Decimal(sold(house, order_id)["total"])
    for nth, part in enumerate((Decimal("2.00"), total - Decimal("3.00")), 1):
        await house.next_second()
        house.shop.act("capture", {"id": order_id, "amount": str(part)})
        await house.until(lambda nth=nth: len(_paid(house, order_id)) == nth, f"payment {nth}")  # type: ignore[misc]
    await _all_done(house, [order_id])
    assert deposits(house, order_id) == [(Decimal("1.00"), Decimal(0))]
    assert sum(_paid(house, order_id), Decimal("1.00")) == total
    assert await house.problems() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_unit_taken_off_before_it_left_goes_back_out_of_the_deposit(running: Running, fault: str) -> None:
    house, _ = await running(route=ADVANCE, warehouse={"ship_s": 3600.0})
    (order_id,) = house.shop.act("place_order", {"lines": 1, "quantity": 3, "paid": True, "shipping": False})["ids"]
    await house.until(lambda: deposits(house, order_id), "the deposit")
    house.http.strikes = [Strike(fault, f"{SHOP}-{order_id}", "refund.pay", 1)]
    await house.next_second()
    line = house.shop.books_.orders[int(order_id)]["line_items"][0]
    house.shop.act("refund", {"id": order_id, "lines": [{"id": line["id"], "quantity": 1, "restock": "cancel"}]})

    async def back() -> bool:
        intents = (await house.state(order_id)).commands.values()
        return any(one.step == "refund.pay" and one.status == "done" for one in intents)

    await house.until(back, "the money to be back")
    total, refunded = Decimal(sold(house, order_id)["total"]), Decimal(sold(house, order_id)["refunded"])
    assert deposits(house, order_id) == [(total, total - refunded)]
    [made] = house.erp.books()["customer_refunds"]
    assert sum(map(Decimal, made["paid"].values())) == refunded
