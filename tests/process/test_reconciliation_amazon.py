"""The continuous compare where the channel is Amazon, whose questions are dear, and the ERP moves what it posts."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.engine.world import World
from crossdock.reconcile import certificate
from crossdock.reconcile.closing import Signing, close
from crossdock.reconcile.rounds import Round, routes_of
from crossdock.store.differences import Differences
from crossdock.store.pool import reading_pool
from tests.process.amazon_house import SHOP, AmazonHouse
from tests.process.house import Engine, House
from tests.process.test_businesscentral import AmazonCentralVendors
from tests.process.test_reconciliation import AT_ONCE, SLOW, codes, key, kinds, prompt, rounds, standing, told

Running = Callable[..., Awaitable[tuple[House, Engine]]]


async def amazon(running: Running, **settings: Any) -> AmazonHouse:
    house, _ = await running(accounts=AmazonCentralVendors, made=AmazonHouse, **settings)
    assert isinstance(house, AmazonHouse)
    return house


def place(house: AmazonHouse, count: int = 1, **wish: Any) -> list[str]:
    return [str(one) for one in house.shop.act("place_order", {"count": count, **wish})["ids"]]


def of(house: AmazonHouse, kind: str, order_id: str) -> list[dict[str, Any]]:
    return [one for one in house.erp.books()[kind] if one["external"] == f"{SHOP}-{order_id}".upper()]


def calls(house: AmazonHouse, operation: str) -> int:
    return int(house.shop.books()["calls"].get(operation, 0))


async def done(house: AmazonHouse, ids: list[str]) -> None:
    async def all_done() -> bool:
        return {await house.status(one) for one in ids} == {"done"}

    await house.until(all_done, "the orders to be done")
    await house.quiet()


async def whole(house: AmazonHouse, count: int = 1, **wish: Any) -> list[str]:
    """Orders that went all the way."""
    ids = place(house, count, **wish)
    await house.hear()
    await done(house, ids)
    return ids


async def rests(house: AmazonHouse, order_id: str) -> bool:
    if not of(house, "orders", order_id):
        return False
    state = await house.state(order_id)
    return state.erp_ref is not None and not any(one.status == "open" for one in state.commands.values())


async def booked_only(house: AmazonHouse) -> str:
    (order_id,) = place(house)
    await house.hear()
    await house.until(lambda: rests(house, order_id), "the order to wait for its shipment")
    return order_id


async def test_nothing_differs_between_books_that_agree_whatever_nobody_is_to_have(running: Running) -> None:
    house = await amazon(running)
    ids = await whole(house, 3) + await whole(house, 2, marketplace="DE", gift_wrap=True)
    left_alone = place(house, afn=True) + place(house, pending=True)
    await house.hear()
    await house.next_second()
    searched, read = calls(house, "searchOrders"), calls(house, "getOrder")
    await rounds(house, 3)
    assert await kinds(house) == await kinds(house, "suspected") == []
    assert [await house.status(one) for one in left_alone] == [None, None]
    assert all(of(house, "orders", one) == [] and len(of(house, "invoices", one)) == 1 for one in ids), "all posted"
    assert calls(house, "searchOrders") - searched == 3, "one search a round"
    assert calls(house, "getOrder") == read, "and no order is asked for that nothing was told of"


async def test_an_order_whose_notice_was_lost_is_found_and_goes_all_the_way(running: Running) -> None:
    house = await amazon(running)
    house.shop.faults.dropped_webhooks = 1.0
    (order_id,) = place(house)
    await house.next_second()
    await rounds(house, 1)
    assert await kinds(house, "suspected") == [(key(order_id), "missing_here")]
    assert await house.status(order_id) is None
    await rounds(house, 1)
    await done(house, [order_id])
    (bill,) = of(house, "invoices", order_id)
    entry = next(one for one in house.shop.books()["orders"] if one["id"] == order_id)
    assert Decimal(bill["total"]) == Decimal(entry["total"])
    assert house.erp.books()["doubled"] == []
    await rounds(house, 1)
    assert (await kinds(house), await kinds(house, "settled")) == ([], [(key(order_id), "missing_here")])


async def test_a_document_that_was_deleted_in_the_erp_is_told_and_booked_again_by_a_retry(running: Running) -> None:
    house = await amazon(running, warehouse=SLOW)
    order_id = await booked_only(house)
    (before,) = of(house, "orders", order_id)
    house.erp.act("delete", {"order": before["id"]})
    await rounds(house, 2)
    assert await kinds(house) == [(key(order_id), "missing_in_erp")]
    await house.until(lambda: told(house, [(key(order_id), "reconcile.missing_in_erp")]), "a person to be told")
    assert of(house, "orders", order_id) == [], "nothing is booked again before a person says so"
    await house.act(order_id, "retry", problem="reconcile/missing_in_erp")
    await house.until(lambda: rests(house, order_id), "the order to be booked again")
    (again,) = of(house, "orders", order_id)
    assert (again["total"], again["external"]) == (before["total"], before["external"])
    await rounds(house, 1)
    assert (await kinds(house), await codes(house)) == ([], [])


async def test_a_total_that_differs_is_told_until_it_agrees_again(running: Running) -> None:
    house = await amazon(running, warehouse=SLOW)
    order_id = await booked_only(house)
    (there,) = of(house, "orders", order_id)
    line = next(one for one in there["lines"] if one["kind"] == "Item")
    changed = {"order": there["id"], "sequence": line["sequence"]}
    house.erp.act("edit_line", {**changed, "quantity": Decimal(line["quantity"]) + 2})
    await rounds(house, 2)
    assert await kinds(house) == [(key(order_id), "erp_amount_differs"), (key(order_id), "erp_quantity_differs")]
    both = [(key(order_id), "reconcile.erp_amount_differs"), (key(order_id), "reconcile.erp_quantity_differs")]
    await house.until(lambda: told(house, both), "a person to be told")
    amount = next(one for one in await standing(house) if one.kind == "erp_amount_differs")
    assert Decimal(amount.expected.split()[0]) == Decimal(there["total"])
    assert Decimal(amount.found.split()[0]) == Decimal(of(house, "orders", order_id)[0]["total"])
    house.erp.act("edit_line", {**changed, "quantity": Decimal(line["quantity"])})
    await rounds(house, 1)
    await house.until(lambda: told(house, []), "the exceptions to be settled")
    assert await kinds(house) == []


async def test_an_invoice_that_is_gone_from_a_posted_order_is_told(running: Running) -> None:
    house = await amazon(running)
    (order_id,) = await whole(house)
    house.erp.ledger.remove(next(one for one in house.erp.ledger.of("salesInvoice")))
    await rounds(house, 2)
    assert await kinds(house) == [(key(order_id), "invoiced_amount_differs")]


async def test_a_cancellation_that_nobody_heard_of_is_read_back(running: Running) -> None:
    house = await amazon(running, warehouse=SLOW)
    order_id = await booked_only(house)
    await house.next_second()
    house.shop.faults.dropped_webhooks = 1.0
    house.shop.act("cancel_order", {"id": order_id})
    await house.next_second()
    await rounds(house, 2)

    async def cancelled() -> bool:
        return await house.status(order_id) == "cancelled"

    await house.until(cancelled, "the cancellation to be read")
    await house.quiet()
    assert of(house, "orders", order_id) == []
    await rounds(house, 1)
    assert (await kinds(house), await kinds(house, "settled")) == ([], [(key(order_id), "cancelled_in_channel")])


async def test_units_that_were_cancelled_after_a_part_had_left_are_read_back(running: Running) -> None:
    house = await amazon(running, warehouse=SLOW)
    (order_id,) = place(house, lines=2, quantity=2)
    await house.hear()
    await house.until(lambda: rests(house, order_id), "the order to wait for its shipment")
    kept, gone = next(one for one in house.shop.books()["orders"] if one["id"] == order_id)["lines"]
    house.warehouse.act("ship_line", {"order": key(order_id), "line": kept["id"]})

    async def told_amazon() -> bool:
        return "fulfilment.push" in {
            one.step for one in (await house.state(order_id)).commands.values()
        } and await rests(house, order_id)

    await house.until(told_amazon, "Amazon to be told of the first line")
    await house.next_second()
    house.shop.faults.dropped_webhooks = 1.0
    house.shop.act("cancel_item", {"id": order_id, "item": gone["id"]})
    await house.next_second()
    await rounds(house, 2)
    await house.until(lambda: told(house, [(key(order_id), "order.edited_after_booking")]), "a person to be told")
    await rounds(house, 1)
    assert (key(order_id), "channel_quantity_differs") in await kinds(house, "settled")
    assert "channel_quantity_differs" not in {kind for _, kind in await kinds(house)}


async def test_a_start_takes_over_no_order_and_searches_are_rare(running: Running) -> None:
    house = await amazon(running)
    house.shop.faults.dropped_webhooks = 1.0
    place(house)
    await house.next_second()
    searched = calls(house, "searchOrders")
    async with house.world(house.store, "reconciler") as world:
        await _round(house, world)
        await _round(house, world)
        assert calls(house, "searchOrders") == searched, "what was there before the first round is nobody's loss"
        rare = msgspec.structs.replace(world.links[SHOP].connector.listing, lag_s=0.0, from_start=False, every_s=3600.0)
        connector = msgspec.structs.replace(world.links[SHOP].connector, listing=rare)
        links = {**world.links, SHOP: msgspec.structs.replace(world.links[SHOP], connector=connector)}
        await house.store.save_cursor(SHOP, f"reconcile/{SHOP}", "2026-01-01T00:00:00+00:00")
        for _ in range(3):
            await _round(house, msgspec.structs.replace(world, links=links))
        assert calls(house, "searchOrders") == searched + 1
    assert await kinds(house) == []


def placed_yesterday(house: AmazonHouse, *ids: str) -> None:
    """They belong to a date that has ended."""
    for order_id in ids:
        books = house.shop.books_
        for order in (books.orders[order_id], *(view for _, view in books._views[order_id])):
            order.created_at -= timedelta(days=1)


async def test_a_day_closes_over_amazon_and_documents_that_posting_moved(running: Running) -> None:
    house = await amazon(running)
    day = ((datetime.now(UTC) - timedelta(days=1)).date(), "UTC")
    ids = place(house, 3)
    placed_yesterday(house, *ids, *place(house, afn=True), *place(house, pending=True))
    await house.hear()
    await done(house, ids)
    secret, public = certificate.make_key()
    db = await reading_pool(house.url)
    try:
        async with prompt(house) as world:
            signing = Signing(secret.decode(), "ada", "", lambda: "first")
            made = await close(world, house.store.pool, db, AT_ONCE, day, signing, asyncio.sleep)
    finally:
        await db.close()
    told = certificate.verify(made.file, certificate.public_key(public))
    (route,) = told["routes"]
    entries = [one for one in house.shop.books()["orders"] if one["id"] in ids]
    total = sum((Decimal(one["total"]) for one in entries), Decimal(0))
    for side in ("channel", "crossdock", "erp"):
        assert (route[side]["orders"], Decimal(route[side]["total"])) == (3, total), side
    assert (Decimal(route["erp"]["invoiced"]), route["differing"]) == (total, 0)
    assert told["differences"]["open"] == 0
    assert told["not_listed"] == []


async def _round(house: AmazonHouse, world: World) -> None:
    (route,) = routes_of(world, AT_ONCE, asyncio.sleep)
    await Round(world, Differences(house.store.pool), route, lambda: True).run()
