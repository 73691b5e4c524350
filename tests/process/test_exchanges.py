"""Exchanges on the whole way: the shop goes on with one order, the ERP and the warehouse have two, to the cent."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from tests.process.books import booked, invoiced, posted, released, sold
from tests.process.house import SHOP, Engine, House
from tests.process.test_reconciliation import kinds, rounds

Running = Callable[..., Awaitable[tuple[House, Engine]]]


async def _done(house: House, order_id: str) -> None:
    async def there() -> bool:
        return await house.status(order_id) == "done"

    await house.until(there, f"order {order_id} to be done")


async def _finished(house: House) -> str:
    wish = {"lines": 2, "quantity": 1, "shipping": True, "discount": False, "paid": True, "tip": False}
    (order_id,) = house.shop.act("place_order", wish)["ids"]
    await _done(house, order_id)
    await house.quiet()
    await house.next_second()
    return str(order_id)


def _exchange(house: House, order_id: str, times: str) -> dict[str, Any]:
    line = house.shop.books_.orders[int(order_id)]["line_items"][0]
    new = {"sku": "SKU-0042", "price": (Decimal(line["price"]) * Decimal(times)).quantize(Decimal("0.01"))}
    asked = {"id": order_id, "lines": [{"id": line["id"], "quantity": 1}], "new": [new]}
    made: dict[str, Any] = house.shop.act("exchange", asked)
    return made


def _credits(house: House, order_id: str) -> list[Decimal]:
    prefix = f"{SHOP}-{order_id}-CM-"
    return [Decimal(o["total"]) for o in house.erp.books()["credit_memos"] if str(o["external_id"]).startswith(prefix)]


def assert_level(house: House, order_id: str) -> None:
    """One document of each for both orders, what is booked less what is credited is what the customer paid."""
    entry, part = sold(house, order_id), f"{order_id}-X1"
    for each in (order_id, part):
        (order,), (bill,), (shipment,), (release,) = (
            found(house, each) for found in (booked, invoiced, posted, released)
        )
        assert order["total"] == bill["total"]
        assert len(release["shipments"]) == 1
        assert shipment["lines"]
    (credit,) = _credits(house, order_id)
    assert _credits(house, part) == []
    bills = sum((Decimal(invoiced(house, each)[0]["total"]) for each in (order_id, part)), Decimal(0))
    assert bills == Decimal(entry["total"])
    assert bills - credit == Decimal(entry["received"]) - Decimal(entry["refunded"])
    assert Decimal(entry["outstanding"]) == 0
    assert (entry["fulfillment_status"], len(entry["fulfillments"])) == ("fulfilled", 2)
    assert house.shop.books()["repeated_tracking"] == []


async def test_whatever_order_webhooks_come_in_and_however_often(running: Running) -> None:
    house, _ = await running()
    order_id = await _finished(house)
    house.vendors.mail.held = True
    _exchange(house, order_id, "2")
    await house.next_second()
    house.shop.act("pay_order", {"id": order_id})
    told = list(house.vendors.mail.kept)
    house.vendors.mail.copies = 2
    house.vendors.mail.let_go(told[::-1])
    await _done(house, f"{order_id}-X1")
    await house.quiet()
    assert_level(house, order_id)
    assert await house.problems() == []


async def test_webhooks_that_are_lost_are_found_by_the_poll_and_reconciliation_finds_nothing(running: Running) -> None:
    house, _ = await running()
    order_id = await _finished(house)
    house.vendors.mail.lost = True
    _exchange(house, order_id, "0.5")
    house.vendors.mail.lost = False
    await house.poll(SHOP, "orders")
    await house.store.wake("decide")
    await _done(house, f"{order_id}-X1")
    await house.quiet()
    assert_level(house, order_id)
    await rounds(house, 3)
    assert await kinds(house) == await kinds(house, "suspected") == []
    assert await house.problems() == []


async def test_nothing_of_a_dearer_exchange_leaves_before_it_is_paid(running: Running) -> None:
    house, _ = await running()
    order_id = await _finished(house)
    _exchange(house, order_id, "3")
    part = f"{order_id}-X1"

    async def waits() -> bool:
        return await house.status(part) == "waiting" and bool(_credits(house, order_id))

    await house.until(waits, "the exchange to wait for its payment")
    assert (booked(house, part), released(house, part)) == ([], [])
    await house.next_second()
    house.shop.act("pay_order", {"id": order_id})
    await _done(house, part)
    await house.quiet()
    assert_level(house, order_id)
