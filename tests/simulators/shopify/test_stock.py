"""Levels: set only if nothing changed, once under one key, and what changed is told."""

from typing import Any

import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.commands import PublishStock
from crossdock.domain.outcome import Conflict, Done, Rejected
from crossdock.domain.stock_events import LevelSeen
from crossdock.kit.http import AnswerLost
from crossdock.kit.manifest import Call, Untranslatable
from crossdock.simulators.shopify.stock import Change

SKU, AT = "SKU-0001", "101"


def number(quantity: int, version: int = 1, expected: int | None = None, ref: str | None = None) -> PublishStock:
    return PublishStock(SKU, AT, quantity, version, expected, ref)


async def publish(shop: Any, payload: PublishStock) -> Any:
    call = Call(f"stock:{SKU}/shop1/stock.publish/{AT}/{payload.version}")
    return await CONNECTOR.operations["stock.publish"].send(shop.client, payload, call)


def level(shop: Any) -> int:
    return int(shop.sim.books()["stock"][SKU][AT])


async def test_the_first_number_reads_what_is_there(shop: Any) -> None:
    shop.sim.act("set_stock", {"sku": SKU, "quantity": 3})
    result = await publish(shop, number(7))
    assert result.outcome == Done({"inventoryItem": "4400001"})
    assert level(shop) == 7
    assert shop.sim.shelf.changes == [Change(shop.at, SKU, 101, 3, 7, "crossdock://stock/v1")]


async def test_a_known_place_costs_one_call(shop: Any) -> None:
    shop.sim.act("set_stock", {"sku": SKU, "quantity": 3})
    before = len(shop.answers)
    assert (await publish(shop, number(7, 1, 3, "4400001"))).outcome == Done({"inventoryItem": "4400001"})
    assert len(shop.answers) == before + 1


async def test_a_sale_meanwhile_is_never_overwritten(shop: Any) -> None:
    shop.sim.act("set_stock", {"sku": SKU, "quantity": 5})
    assert not shop.sim.act("buy", {"sku": SKU, "quantity": 2})["sold_out"]
    result = await publish(shop, number(9, 2, 5, "4400001"))
    assert isinstance(result.outcome, Conflict)
    assert result.outcome.code == "stock.stale"
    (follow,) = result.follows
    assert (follow.stream_kind, follow.stream_key) == ("stock", SKU)
    assert follow.event == LevelSeen("shop1", AT, SKU, 3, shop.at, "4400001")
    assert level(shop) == 3


async def test_a_lost_answer_is_repeated_without_a_second_effect(shop: Any) -> None:
    shop.sim.act("set_stock", {"sku": SKU, "quantity": 5})
    shop.lose = {1}
    with pytest.raises(AnswerLost):
        await publish(shop, number(9, 1, 5, "4400001"))
    shop.sim.act("buy", {"sku": SKU})
    assert (await publish(shop, number(9, 1, 5, "4400001"))).outcome == Done({"inventoryItem": "4400001"})
    assert level(shop) == 8, "the sale after it stands"
    assert len(shop.sim.shelf.changes) == 1


async def test_a_first_number_whose_answer_was_lost_is_read_not_set_again(shop: Any) -> None:
    shop.sim.act("set_stock", {"sku": SKU, "quantity": 0})
    shop.lose = {1}
    with pytest.raises(AnswerLost):
        await publish(shop, number(9))
    shop.sim.act("buy", {"sku": SKU})
    result = await publish(shop, number(9))
    assert isinstance(result.outcome, Conflict)
    assert result.follows[0].event.quantity == 8
    assert level(shop) == 8


async def test_what_the_shop_does_not_stock_is_not_listed(shop: Any) -> None:
    result = await publish(shop, number(9))
    assert isinstance(result.outcome, Rejected)
    assert result.outcome.code == "stock.unlisted"
    shop.sim.act("set_stock", {"sku": SKU, "quantity": 0, "location": 102})
    assert (await publish(shop, number(9))).outcome.code == "stock.unlisted"
    assert (await publish(shop, number(9, 2, 0, "4400001"))).outcome.code == "stock.unlisted"


async def test_a_number_below_zero_is_refused(shop: Any) -> None:
    shop.sim.act("set_stock", {"sku": SKU, "quantity": 0})
    outcome = (await publish(shop, number(-1, 1, 0, "4400001"))).outcome
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field) == ("shopify.invalid_quantity_negative", "input.quantities")


async def test_nobody_buys_what_is_not_available(shop: Any) -> None:
    shop.sim.act("set_stock", {"sku": SKU, "quantity": 1})
    assert shop.sim.act("buy", {"sku": SKU, "quantity": 2}) == {"sold_out": True}
    assert not shop.sim.act("buy", {"sku": SKU})["sold_out"]
    assert shop.sim.act("buy", {"sku": SKU}) == {"sold_out": True}


async def test_a_sale_at_the_till_takes_from_the_level_and_is_no_order(shop: Any) -> None:
    shop.sim.act("set_stock", {"sku": SKU, "quantity": 1})
    assert shop.sim.act("sell_at_till", {"sku": SKU, "quantity": 2}) == {"sold_out": True}
    assert shop.sim.act("sell_at_till", {"sku": SKU}) == {"sold_out": False}
    assert (level(shop), shop.sim.books()["orders"]) == (0, [])


@pytest.mark.parametrize(("restock", "left"), [(True, 5), (False, 3)])
async def test_who_cancels_says_whether_the_units_are_for_sale_again(shop: Any, restock: bool, left: int) -> None:
    shop.sim.act("set_stock", {"sku": SKU, "quantity": 5})
    order = shop.sim.act("buy", {"sku": SKU, "quantity": 2})["id"]
    for _ in range(2):
        shop.sim.act("cancel_order", {"id": order, "restock": restock})
        assert level(shop) == left


async def test_the_full_compare_lists_every_level_of_every_location(shop: Any) -> None:
    for nth in range(130):
        shop.sim.act("set_stock", {"sku": f"SKU-{nth:04d}", "quantity": nth})
    shop.sim.act("set_stock", {"sku": SKU, "quantity": 9, "location": 102})
    shop.settings["stock_locations"] = ["101", "102"]
    poll, cursor, found = CONNECTOR.polls["levels"], None, []
    for _ in range(10):
        page = await poll.run(shop.client, cursor, {})
        found += page.found
        cursor = page.cursor
        if not page.more:
            break
    assert len(found) == 131
    assert len({one.delivery_id for one in found}) == 131
    events = [event for one in found for event in CONNECTOR.translate("shop1", one.topic, one.body)]
    assert events[-1] == LevelSeen("shop1", "102", SKU, 9, shop.at, events[-1].ref)  # type: ignore[union-attr]
    assert {one.stream_kind for one in found} == {"stock"}
    again = await poll.run(shop.client, cursor, {})
    assert len(again.found) == 100, "from the beginning each time"
    shop.settings["stock_locations"] = []
    assert (await poll.run(shop.client, None, {})).found == ()


def test_a_level_that_cannot_be_read_names_the_field() -> None:
    with pytest.raises(Untranslatable) as caught:
        CONNECTOR.translate("shop1", "poll/level", b'{"sku": 7}')
    assert caught.value.field == "body"
