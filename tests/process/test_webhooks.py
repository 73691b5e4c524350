"""Webhooks as they really come: twice, in any order, before what they are about, or never."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from random import Random

import msgspec
import pytest

from crossdock.intake.replay import replay
from crossdock.proof.vendors import signed
from crossdock.store.replaying import Selection
from tests.process.books import all_books, assert_nothing_twice, assert_whole, released
from tests.process.house import SHOP, Engine, House

Running = Callable[..., Awaitable[tuple[House, Engine]]]
MakeHouse = Callable[..., AbstractAsyncContextManager[House]]


async def _shipped_and_billed(house: House, ids: list[str]) -> None:
    await house.until(lambda: len(house.erp.books()["invoices"]) == len(ids), f"{len(ids)} invoices")
    await house.quiet()
    for order_id in ids:
        assert_whole(house, order_id)
        assert await house.status(order_id) == "done"
    assert_nothing_twice(house)
    assert await house.problems() == []


async def test_each_comes_three_times(running: Running) -> None:
    house, _ = await running(warehouse={"split": 1.0})
    house.vendors.mail.copies = 3
    ids = house.shop.act("place_order", {"count": 4})["ids"]
    await _shipped_and_billed(house, ids)
    assert house.statuses.count(200) == 2 * house.statuses.count(202)  # 200: known already


@pytest.mark.parametrize("seed", range(3))
async def test_they_come_in_any_order(running: Running, seed: int) -> None:
    """All that the shop has to say of five orders, late payments included, shuffled; each of them twice."""
    house, _ = await running(shop={"rates": {"late_paid": 0.5}}, warehouse={"split": 0.5})
    house.vendors.mail.held = True
    ids = house.shop.act("place_order", {"count": 5})["ids"]
    await house.until(lambda: not house.shop.books()["unpaid"], "the payments")
    house.shop.act("tag_order", {"id": ids[0], "tags": "vip"})
    kept = house.vendors.mail.kept * 2
    Random(seed).shuffle(kept)
    house.vendors.mail.let_go(kept)
    await _shipped_and_billed(house, ids)


async def test_an_update_comes_before_the_creation(running: Running) -> None:
    house, _ = await running()
    house.vendors.mail.held = True
    (order_id,) = house.shop.act("place_order", {"lines": 2})["ids"]
    created = house.vendors.mail.kept
    house.vendors.mail.kept = []
    await house.next_second()
    house.shop.act("edit_address", {"id": order_id, "city": "Elsewhere"})
    updated = house.vendors.mail.kept
    house.vendors.mail.let_go([])
    for delivery in (*updated, *created):
        assert await house.post(delivery) == 202
    await _shipped_and_billed(house, [order_id])
    (order,) = house.erp.ledger.of("salesOrder")
    assert order.header["shippingAddress"]["city"] == "Elsewhere"


async def test_a_view_without_its_instant_is_kept_and_a_person_is_told_which_field_it_is(running: Running) -> None:
    house, _ = await running()
    house.vendors.mail.held = True
    (order_id,) = house.shop.act("place_order", {"lines": 2})["ids"]
    [created] = [one for one in house.vendors.mail.kept if one.headers["X-Shopify-Topic"] == "orders/create"]
    house.vendors.mail.kept = []
    told = msgspec.json.decode(created.body)
    del told["updated_at"]
    drifted = signed(created, msgspec.json.encode(told))
    assert await house.post(drifted) == 202
    await house.until(house.problems, "the exception")
    [(key, code, _)] = await house.problems()
    assert (key, code) == (f"{SHOP}-{order_id}", "shopify.body_unreadable")
    named = await house.store.pool.fetchval("select facts->>'field' from exceptions where state = 'open'")
    assert named == "updated_at"


async def test_a_shipment_is_told_before_the_order(running: Running, make_house: MakeHouse) -> None:
    """The shop's webhooks hang for long: the warehouse, told by another way, ships and reports first."""
    house, _ = await running()
    house.vendors.mail.held = True
    (order_id,) = house.shop.act("place_order", {"lines": 2})["ids"]
    from_shop = house.vendors.mail.kept
    house.vendors.mail.let_go([])
    body = house.shop.books_.orders[int(order_id)]
    key = f"{SHOP}-{order_id}"
    lines = [
        {"sku": line["sku"], "partner_line_item_id": str(line["id"]), "quantity": line["quantity"], "price": "1.00"}
        for line in body["line_items"]
        if line["requires_shipping"]
    ]
    house.warehouse.warehouse.create({"partner_order_id": key, "order_number": body["name"], "line_items": lines})
    await house.until(lambda: released(house, order_id)[0]["shipments"], "the shipment")
    await house.until(lambda: not house.vendors.mail.waiting, "its webhook")
    assert not house.erp.books()["sales_orders"]
    house.vendors.mail.let_go(from_shop)
    await house.until(lambda: house.erp.books()["invoices"], "the invoice")
    await house.quiet()
    assert len(house.erp.books()["fulfilments"]) == 1
    assert sum(len(one["fulfillments"]) for one in house.shop.books()["orders"]) == 1
    assert house.shop.books()["repeated_tracking"] == []


async def test_all_of_them_are_lost_and_the_polls_find_everything(make_house: MakeHouse) -> None:
    async with make_house(warehouse={"split": 0.5}, shop={"rates": {"late_paid": 0.5}}) as house:
        house.vendors.mail.lost = True
        house.every_s = 0.3
        async with house.running():
            ids = house.shop.act("place_order", {"count": 5})["ids"]
            await _shipped_and_billed(house, ids)
    assert house.statuses == []


async def test_a_replay_of_everything_changes_no_book(running: Running) -> None:
    house, _ = await running(warehouse={"split": 0.5}, shop={"rates": {"late_paid": 0.5}})
    ids = house.shop.act("place_order", {"count": 5})["ids"]
    await _shipped_and_billed(house, ids)
    before, written = all_books(house), await _writes(house)
    told = await replay(house.store, house.store.pool, Selection())
    assert told.added > 5 * len(ids)
    await house.quiet()
    assert all_books(house) == before
    assert await _writes(house) == written
    assert await house.problems() == []


async def _writes(house: House) -> tuple[int, int]:
    """Commands that write, and their attempts. A signal told again may well be read again."""
    row = await house.store.pool.fetchrow(
        "select count(distinct c.id) as commands, count(*) as attempts from commands c "
        "join attempts a on a.command_id = c.id where c.purpose <> 'read_back'"
    )
    return row["commands"], row["attempts"]
