"""``payments: payment``: what the shop captured is one payment in the ERP, applied to the invoice, whatever is lost."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.process.books import invoiced, sold
from tests.process.house import SHOP, Engine, House, Vendors
from tests.process.test_businesscentral import CentralVendors
from tests.process.test_refunds import FAULTS
from tests.support.in_process_http import Strike

Running = Callable[..., Awaitable[tuple[House, Engine]]]
ERPS = {"netsuite": Vendors, "businesscentral": CentralVendors}
REQUESTS = 2  # that a calm run makes of either ERP to post a payment; ``test_the_requests_are_these`` keeps this true


def _netsuite(house: House, order_id: str) -> list[tuple[Decimal, Decimal]]:
    """Amount and what of it is applied, of each payment."""
    prefix = f"{SHOP}-{order_id}-PAY-"
    rows = [one for one in house.erp.books()["customer_payments"] if str(one["external_id"]).startswith(prefix)]
    return [(Decimal(one["amount"]), sum(map(Decimal, one["applied"].values()), Decimal(0))) for one in rows]


def _central(house: House, order_id: str) -> list[tuple[Decimal, Decimal]]:
    rows = [one for one in house.erp.books()["customer_entries"] if one["external"] == f"{SHOP}-{order_id}".upper()]
    paid = [one for one in rows if Decimal(one["amount"]) < 0]
    return [(-Decimal(one["amount"]), sum(map(Decimal, one["applied"].values()), Decimal(0))) for one in paid]


def payments(house: House, order_id: str) -> list[tuple[Decimal, Decimal]]:
    return (_netsuite if "customer_payments" in house.erp.books() else _central)(house, order_id)


def assert_paid(house: House, order_id: str) -> None:
    """One payment of the order's total, all of it applied to the invoice."""
    total = Decimal(sold(house, order_id)["total"])
    assert payments(house, order_id) == [(total, total)]


async def _paid(house: House, ids: list[str]) -> None:
    async def there() -> bool:
        statuses = {await house.status(each) for each in ids}
        return statuses == {"done"} and all(payments(house, each) for each in ids)

    await house.until(there, "the payments")
    await house.quiet()


@pytest.fixture(params=ERPS)
async def selling(request: Any, running: Running) -> Callable[..., Awaitable[House]]:
    async def start(**settings: Any) -> House:
        route = {"payments": "payment", **settings.pop("route", {})}
        shop = {"currency": "USD", **settings.pop("shop", {})}
        house, _ = await running(accounts=ERPS[request.param], shop=shop, route=route, **settings)
        return house

    return start


async def test_what_was_captured_pays_the_invoice(selling: Any) -> None:
    house = await selling()
    ids = list(house.shop.act("place_order", {"count": 2, "lines": 2, "shipping": True, "paid": True})["ids"])
    await _paid(house, ids)
    for each in ids:
        assert_paid(house, each)
    assert await house.problems() == []


async def test_the_requests_are_these(selling: Any) -> None:
    house = await selling()
    ids = list(house.shop.act("place_order", {"lines": 1, "paid": True})["ids"])
    await _paid(house, ids)
    assert [one.purpose for one in house.http.served].count("payment.post") == REQUESTS


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_request_for_a_payment_may_fail_once(selling: Any, fault: str) -> None:
    house = await selling()
    house.vendors.mail.held = True
    ids = list(house.shop.act("place_order", {"count": REQUESTS, "lines": 1, "paid": True})["ids"])
    house.http.strikes = [Strike(fault, f"{SHOP}-{each}", "payment.post", nth) for nth, each in enumerate(ids, 1)]
    house.vendors.mail.let_go(house.vendors.mail.kept)
    await _paid(house, ids)
    assert len(house.http.struck) == len(ids)
    for each in ids:
        assert_paid(house, each)
    assert await house.problems() == []


async def test_an_order_that_is_paid_in_parts_has_a_payment_of_each(selling: Any) -> None:
    """Two of the parts leave the status as it was: the sum that the shop has tells of them."""
    house = await selling(route={"payment": "pending"})
    (order_id,) = house.shop.act("place_order", {"lines": 2, "paid": False, "shipping": True})["ids"]

    async def billed() -> bool:
        return bool((await house.state(order_id)).invoices) if await house.status(order_id) else False

    await house.until(billed, "the invoice")
    total, parts = Decimal(sold(house, order_id)["total"]), [Decimal("1.00"), Decimal("2.00"), Decimal("3.00")]
    parts.append(total - sum(parts))
    for nth, part in enumerate(parts, 1):
        await house.next_second()
        house.shop.act("capture", {"id": order_id, "amount": str(part)})
        await house.until(lambda nth=nth: len(payments(house, order_id)) == nth, f"payment {nth}")  # type: ignore[misc]
    await house.quiet()
    assert payments(house, order_id) == [(part, part) for part in parts]
    assert await house.problems() == []


async def test_a_refund_afterwards_is_credited_and_paid_back(selling: Any) -> None:
    house = await selling()
    (order_id,) = house.shop.act("place_order", {"lines": 2, "paid": True})["ids"]
    await _paid(house, [order_id])
    await house.next_second()
    house.shop.act("refund", {"id": order_id, "amount": "1.37"})

    async def back() -> bool:
        intents = (await house.state(order_id)).commands.values()
        return any(one.step == "refund.pay" and one.status == "done" for one in intents)

    await house.until(back, "the money to be back")
    await house.quiet()
    assert_paid(house, order_id)
    assert await house.problems() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_invoice_is_shown_in_the_shop_once(selling: Any, fault: str) -> None:
    house = await selling(route={"payments": "open", "publish_invoices": True})
    house.vendors.mail.held = True
    (order_id,) = house.shop.act("place_order", {"lines": 1, "paid": True})["ids"]
    house.http.strikes = [Strike(fault, f"{SHOP}-{order_id}", "invoice.publish", 1)]
    house.vendors.mail.let_go(house.vendors.mail.kept)

    async def shown() -> bool:
        return bool(house.shop.books_.metafields) and await house.status(order_id) == "done"

    await house.until(shown, "the metafield")
    await house.quiet()
    assert len(house.http.struck) == 1
    [(key, value)] = house.shop.books_.metafields.items()
    [invoice] = house.erp.books()["invoices"]
    told = msgspec.json.decode(value)
    assert key == (int(order_id), "crossdock", f"invoice_{invoice['id']}")
    assert (told["number"], Decimal(told["total"])) == (invoice["number"], Decimal(invoice["total"]))
    assert await house.problems() == []


async def test_without_the_switch_nothing_is_posted(running: Running) -> None:
    house, _ = await running()
    (order_id,) = house.shop.act("place_order", {"lines": 1, "paid": True})["ids"]

    async def done() -> bool:
        return await house.status(order_id) == "done"

    await house.until(done, "the order to be done")
    await house.quiet()
    assert payments(house, order_id) == []
    assert len(invoiced(house, order_id)) == 1
