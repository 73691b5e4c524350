"""What people change on the way: cancellations, edits, holds, payments, and what a person then does."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from crossdock.simulators.netsuite.catalogue import Item
from crossdock.simulators.netsuite.transforms import fulfil
from crossdock.store import reading_orders
from tests.process.books import assert_nothing_twice, assert_untouched, assert_whole, booked, invoiced, released, sold
from tests.process.house import ERP, SHOP, Engine, House
from tests.support.in_process_http import Strike

Running = Callable[..., Awaitable[tuple[House, Engine]]]
NOT_PICKED = {"pick_s": 3600.0}
WRITE = 3  # of an amendment's requests: it is read, looked at again, then written


async def _at(house: House, order_id: str, status: str) -> None:
    async def reached() -> bool:
        return await house.status(order_id) == status

    await house.until(reached, f"order {order_id} to be {status}")


async def _place(house: House, **wish: Any) -> str:
    (order_id,) = house.shop.act("place_order", {"lines": 2, **wish})["ids"]
    return str(order_id)


async def _codes(house: House) -> list[str]:
    return [code for _, code, _ in await house.problems()]


async def _shown(house: House, order_id: str) -> str:
    """The order's summary as people see it: step and reason."""
    row = await house.store.pool.fetchrow("select step, reason from streams where key = $1", f"shop-{order_id}")
    return f"{row['step']}: {row['reason']}"


async def test_cancelled_before_booking(running: Running) -> None:
    house, _ = await running(route={"edit_window_s": 600})
    order_id = await _place(house)
    await _at(house, order_id, "waiting")
    house.shop.act("cancel_order", {"id": order_id})
    await _at(house, order_id, "cancelled")
    await house.quiet()
    assert_untouched(house, order_id)
    assert await house.problems() == []


async def test_cancelled_after_booking(running: Running) -> None:
    house, _ = await running(warehouse=NOT_PICKED)
    order_id = await _place(house)
    await house.until(lambda: released(house, order_id), "the release")
    house.shop.act("cancel_order", {"id": order_id})
    await _at(house, order_id, "cancelled")
    await house.quiet()
    assert [one["status"] for one in booked(house, order_id)] == ["Closed"]
    assert [one["status"] for one in released(house, order_id)] == ["canceled"]
    assert not invoiced(house, order_id)
    assert await house.problems() == []


async def test_cancelled_after_the_shipment_is_a_persons_to_settle(running: Running) -> None:
    house, _ = await running(warehouse={"split": 1.0, "ship_s": 3600.0})
    order_id = await _place(house)
    await house.until(lambda: released(house, order_id), "the release")
    house.warehouse.act("ship_now", {"order": f"shop-{order_id}"})
    await house.until(lambda: sold(house, order_id)["fulfillments"], "the fulfilment")
    await _at(house, order_id, "done")
    house.shop.act("cancel_order", {"id": order_id})
    await _at(house, order_id, "exception")
    assert await _codes(house) == ["order.cancelled_after_shipment"]
    assert_whole(house, order_id)  # nothing was undone behind the people's backs
    await house.act(order_id, "resolve", problem="cancel")
    await _at(house, order_id, "done")
    await house.quiet()
    assert_nothing_twice(house)
    assert await house.problems() == []


async def test_edited_within_the_window(running: Running) -> None:
    house, _ = await running(route={"edit_window_s": 15})
    order_id = await _place(house)
    await _at(house, order_id, "waiting")
    await house.next_second()
    house.shop.act("edit_address", {"id": order_id, "address1": "9 New Road"})
    await _at(house, order_id, "done")
    await house.quiet()
    (order,) = house.erp.ledger.of("salesOrder")
    assert order.header["shippingAddress"]["addr1"] == "9 New Road"
    assert house.warehouse.warehouse.find(f"shop-{order_id}").given["shipping_address"]["address1"] == "9 New Road"
    assert_whole(house, order_id)
    assert await house.problems() == []


async def test_edited_after_booking_is_a_conflict(running: Running) -> None:
    house, _ = await running(warehouse=NOT_PICKED)
    order_id = await _place(house)
    await house.until(lambda: released(house, order_id), "the release")
    await house.next_second()
    house.shop.act("edit_address", {"id": order_id, "address1": "9 New Road"})
    await _at(house, order_id, "exception")
    assert await _codes(house) == ["order.edited_after_booking"]
    assert len(booked(house, order_id)) == 1
    house.warehouse.act("ship_now", {"order": f"shop-{order_id}"})
    await house.act(order_id, "resolve", problem="order.edited")
    await _at(house, order_id, "done")
    await house.quiet()
    assert_whole(house, order_id)
    assert await house.problems() == []


def _cancel_line(house: House, order_id: str) -> dict[str, Any]:
    """Nothing is wanted any more of the first line; the shop goes on showing what was placed."""
    order = house.shop.books_.touch(int(order_id))
    line: dict[str, Any] = order["line_items"][0]
    line["current_quantity"] = 0
    house.shop.order_changed(int(order_id), "orders/updated")
    return line


@pytest.mark.parametrize("fault", [None, "lost_response", "html_200", "error_503", "late_commit", "down"])
async def test_edits_of_a_booked_order_amend_the_sales_order(running: Running, fault: str | None) -> None:
    """The ERP ships and bills by itself here: the order stays booked until then."""
    house, _ = await running(route={"warehouse": None, "invoice": "take"})
    order_id = await _place(house, discount=True, tip=False)
    await _at(house, order_id, "waiting")
    if fault is not None:
        house.http.strikes = [Strike(fault, f"{SHOP}-{order_id}", "booking.amend", WRITE)]
    await house.next_second()
    line = _cancel_line(house, order_id)
    whole = Decimal(sold(house, order_id)["total"])

    async def amended() -> bool:
        order = await house.state(order_id)
        return order.latest is None and order.status_of("booking.amend") == "done"

    await house.until(amended, "the amendment")
    [order] = booked(house, order_id)
    gone = Decimal(line["price"]) * line["quantity"] - Decimal(line["discount_allocations"][0]["amount"])
    inclusive = house.shop.books_.orders[int(order_id)]["taxes_included"]
    gone += Decimal(0) if inclusive else sum(Decimal(tax["price"]) for tax in line["tax_lines"])
    assert Decimal(order["total"]) == whole - gone
    assert len(house.http.struck) == (fault is not None)
    document = house.erp.ledger.find("salesOrder", order["id"])
    assert document is not None
    fulfil(house.erp.ledger, document, {"shipStatus": {"id": "C"}}, house.erp.now)
    house.erp.act("bill", {"order": order["id"]})
    await house.poll(ERP, "invoices")
    await _at(house, order_id, "done")
    assert [Decimal(one["total"]) for one in invoiced(house, order_id)] == [whole - gone]
    assert await house.problems() == []


async def test_an_unknown_product_waits_until_the_erp_has_it(running: Running) -> None:
    house, _ = await running()
    order_id = await _place(house, skus=["SKU-0007", "SKU-0999"])
    await _at(house, order_id, "exception")
    assert await _codes(house) == ["product.unknown"]
    assert "SKU-0999" in (await house.problems())[0][2]
    assert_untouched(house, order_id)
    item = Item("1999", "SKU-0999", "New product", "InvtPart", house.erp.now)
    house.erp.items["1999"] = item
    await house.poll(ERP, "items")
    await house.act(order_id, "retry")
    await _at(house, order_id, "done")
    await house.quiet()
    assert_whole(house, order_id)
    assert {line["item"] for line in booked(house, order_id)[0]["lines"]} >= {"1007", "1999"}
    assert await house.problems() == []


async def test_a_pending_payment_holds_the_booking(running: Running) -> None:
    house, _ = await running()
    order_id = await _place(house, paid=False)
    await _at(house, order_id, "waiting")
    assert "payment" in (await _shown(house, order_id)).lower()
    assert_untouched(house, order_id)
    house.shop.act("pay_order", {"id": order_id})
    await _at(house, order_id, "done")
    await house.quiet()
    assert_whole(house, order_id)
    assert await house.problems() == []


async def test_a_rule_holds_and_a_person_releases(running: Running) -> None:
    rule = {"name": "many-lines", "when": "line_count >= 3", "owner": "finance", "reason": "A large order"}
    house, _ = await running(holds=[rule])
    held, free = await _place(house, lines=3), await _place(house, lines=2)
    await _at(house, free, "done")
    await _at(house, held, "held")
    assert await _codes(house) == ["order.held"]
    assert_untouched(house, held)
    await house.act(held, "release_hold", rule="many-lines")
    await _at(house, held, "done")
    await house.quiet()
    for order_id in (held, free):
        assert_whole(house, order_id)
    assert await house.problems() == []


async def test_what_the_customer_wrote_is_read_by_the_erp_s_people_and_the_packer(running: Running) -> None:
    house, _ = await running()
    noted, bare = await _place(house, note="Ring twice,\nplease"), await _place(house)
    for order_id in (noted, bare):
        await _at(house, order_id, "done")
        assert_whole(house, order_id)
    assert [one["memo"].partition(" · ")[2] for one in booked(house, noted)] == ["note: Ring twice, please"]
    assert [one["packing_note"] for one in released(house, noted)] == ["Ring twice,\nplease"]
    assert [one["packing_note"] for one in released(house, bare)] == [None]
    calls = await house.store.pool.fetch("select id from attempts where request is not null")
    kept = [await reading_orders.exchange(house.store.pool, row["id"]) for row in calls]
    told = " ".join(str(one.request) + str(one.response) for one in kept if one is not None)
    assert f"shop-{noted}" in told
    assert "Ring twice" not in told


async def test_a_test_order_is_ignored(running: Running) -> None:
    house, _ = await running()
    test, real = await _place(house, test=True), await _place(house)
    await _at(house, test, "ignored")
    await _at(house, real, "done")
    await house.quiet()
    assert_untouched(house, test)
    assert_whole(house, real)
    assert await house.problems() == []


async def test_totals_that_do_not_balance_are_held_and_the_part_is_named(running: Running) -> None:
    house, _ = await running()
    house.vendors.mail.held = True
    order_id = await _place(house, lines=2, discount=False, tax_inclusive=False, shipping=False)
    order = house.shop.books_.orders[int(order_id)]
    right = order["line_items"][1]["price"]
    _price(order["line_items"][1], str(Decimal(right) + 1))
    house.vendors.mail.kept = []
    house.shop.order_changed(int(order_id), "orders/create")
    house.vendors.mail.let_go(house.vendors.mail.kept)
    await _at(house, order_id, "exception")
    assert await _codes(house) == ["totals.unbalanced"]
    facts = await house.store.pool.fetchval("select facts::text from exceptions where state = 'open'")
    assert f"line {order['line_items'][1]['id']}" in facts
    assert "-1.00 EUR" in facts
    assert_untouched(house, order_id)
    await house.next_second()
    _price(order["line_items"][1], right)
    house.shop.books_.touch(int(order_id))["note"] = "corrected"
    house.shop.order_changed(int(order_id), "orders/updated")
    await _at(house, order_id, "done")
    await house.quiet()
    assert_whole(house, order_id)
    assert await house.problems() == []


def _price(line: dict[str, Any], price: str) -> None:
    line["price"] = price
    for money in line["price_set"].values():
        money["amount"] = price
