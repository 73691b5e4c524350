"""Thin views of the shop's orders: by window, by key, with the totals that the mapping reads."""

from datetime import timedelta
from typing import Any

import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.commands import ReadBack
from crossdock.domain.events import OrderSeen
from crossdock.kit.listing import Listed, Window
from crossdock.kit.manifest import Call

LISTING = CONNECTOR.listing
assert LISTING is not None


async def listed(shop: Any, window: Window) -> list[Listed]:
    found: list[Listed] = []
    cursor = None
    for _ in range(20):
        page = await LISTING.pages(shop.client, window, cursor)
        assert not page.keys
        found += page.views
        if page.cursor is None:
            return found
        cursor = page.cursor
    raise AssertionError("the list does not end")


def around(shop: Any, by: str = "changed") -> Window:
    return Window(shop.at - timedelta(days=1), shop.at + timedelta(days=1), by)


@pytest.mark.parametrize("by", ["changed", "placed"])
async def test_a_window_lists_each_order_once_over_its_pages(shop: Any, by: str) -> None:
    ids = shop.sim.act("place_order", {"count": 230})["ids"]
    found = await listed(shop, around(shop, by))
    assert sorted(view.external_id for view in found) == sorted(ids)
    assert {view.key for view in found} == {f"shop1-{one}" for one in ids}


async def test_a_window_ends_before_its_end(shop: Any) -> None:
    (first,) = shop.sim.act("place_order", {})["ids"]
    began = shop.at
    shop.later(60)
    (second,) = shop.sim.act("place_order", {})["ids"]
    shop.later(60)
    early = await listed(shop, Window(began - timedelta(seconds=30), began + timedelta(seconds=60)))
    assert [view.external_id for view in early] == [first]
    late = await listed(shop, Window(began + timedelta(seconds=60), shop.at))
    assert [view.external_id for view in late] == [second]


async def test_an_order_that_changed_later_belongs_to_the_day_it_was_placed_on(shop: Any) -> None:
    (order_id,) = shop.sim.act("place_order", {"paid": True})["ids"]
    window = Window(shop.at - timedelta(hours=1), shop.at + timedelta(hours=1), "placed")
    shop.later(7200)
    shop.sim.act("cancel_order", {"id": order_id})
    (view,) = await listed(shop, window)
    assert view.status == "cancelled"
    assert await listed(shop, by_change(window)) == []


def by_change(window: Window) -> Window:
    return Window(window.since, window.until, "changed")


async def test_a_view_has_the_total_and_the_units_that_the_order_itself_has(shop: Any) -> None:
    ids = shop.sim.act("place_order", {"count": 25, "paid": True})["ids"]
    for view in await listed(shop, around(shop)):
        result = await CONNECTOR.operations["read_back"].send(
            shop.client, ReadBack("order", view.external_id), Call("k")
        )
        order = next(f.event.order for f in result.follows if isinstance(f.event, OrderSeen))
        assert (view.total, view.currency) == (order.totals.total.shop, order.currency)
        assert (view.presentment_total, view.presentment_currency) == (
            order.totals.total.presentment,
            order.presentment_currency,
        )
        assert view.quantity == sum(line.quantity for line in order.lines if line.kind == "item")
        assert (view.changed_at, view.placed_at) == (order.updated_at, order.placed_at)
        assert view.number == order.number
    assert len(ids) == 25


async def test_what_left_shows(shop: Any) -> None:
    (order_id,) = shop.sim.act("place_order", {"paid": True, "lines": 2})["ids"]
    assert (await LISTING.named(shop.client, [f"shop1-{order_id}"]))[0].fulfilment == "none"
    for status, shown in (("partial", "part"), ("fulfilled", "whole")):
        shop.sim.books_.orders[int(order_id)]["fulfillment_status"] = status
        assert (await LISTING.named(shop.client, [f"shop1-{order_id}"]))[0].fulfilment == shown


async def test_what_a_question_costs_is_told_by_the_shops_own_meter(make_shop: Any) -> None:
    shop = make_shop(restore_rate=100.0)
    shop.sim.act("place_order", {"count": 3})
    client = shop.client
    assert LISTING.load is not None
    await LISTING.pages(client, around(shop), None)
    assert 0.5 < LISTING.load(client) < 5
    fast = make_shop(restore_rate=1000.0).client
    await LISTING.named(fast, ["shop1-1"])
    assert 0 < LISTING.load(fast) < LISTING.load(client)


async def test_only_what_is_there_is_named(shop: Any) -> None:
    ids = shop.sim.act("place_order", {"count": 3})["ids"]
    keys = [f"shop1-{ids[0]}", "shop1-999", f"shop2-{ids[1]}", "shop1-not a number", f"shop1-{ids[2]}"]
    assert {view.external_id for view in await LISTING.named(shop.client, keys)} == {ids[0], ids[2]}
    assert await LISTING.named(shop.client, ["other-1"]) == ()
