"""Fulfilments: by location, of what remains, once, whatever happens to the answer."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.domain.commands import PushFulfilment, ReadBack
from crossdock.domain.events import AllocationsSeen
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.outcome import Conflict, Done, Rejected
from crossdock.kit.http import AnswerLost
from crossdock.simulators.shopify.books import UserError


def order(shop: Any, order_id: str) -> dict[str, Any]:
    return next(one for one in shop.sim.books()["orders"] if one["id"] == order_id)


def place(shop: Any, split: bool = False, **wish: Any) -> str:
    shop.sim.rates["split"] = 1.0 if split else 0.0
    wish = {"lines": 4, "paid": True, "tip": False, "gift_card": False} | wish
    (order_id,) = shop.sim.act("place_order", wish)["ids"]
    return str(order_id)


def shipment(shop: Any, order_id: str, *numbers: str, lines: int | None = None, id_: str = "S1") -> PushFulfilment:
    told = [line for line in order(shop, order_id)["lines"] if line["ships"]][:lines]
    shipped = tuple(ShippedLine(line["id"], Decimal(line["quantity"])) for line in told)
    packages = tuple(Package(number, "DHL", tracking_url=f"https://track.example.com/{number}") for number in numbers)
    return PushFulfilment(order_id, Shipment(id_, shipped, shop.at, packages))


async def test_one_fulfilment_per_location(shop: Any) -> None:
    order_id = place(shop, split=True)
    result = await shop.do(shipment(shop, order_id, "TN1", "TN2"))
    assert isinstance(result.outcome, Done)
    made = order(shop, order_id)["fulfillments"]
    assert sorted(one["location"] for one in made) == ["101", "102"]
    assert [one["tracking"] for one in made] == [["TN1", "TN2"]] * 2
    assert order(shop, order_id)["fulfillment_status"] == "fulfilled"
    assert set(result.outcome.refs.values()) == {one["id"] for one in made}


async def test_parts_add_up(shop: Any) -> None:
    order_id = place(shop)
    await shop.do(shipment(shop, order_id, "TN1", lines=1))
    assert order(shop, order_id)["fulfillment_status"] == "partial"
    whole = shipment(shop, order_id, "TN2", id_="S2")
    rest = PushFulfilment(order_id, Shipment("S2", whole.shipment.lines[1:], shop.at, whole.shipment.packages))
    await shop.do(rest)
    assert order(shop, order_id)["fulfillment_status"] == "fulfilled"


@pytest.mark.parametrize("lost", [{1}, {2}, {1, 2}, {1, 2, 3}])
async def test_lost_answers_leave_one_effect(lost: set[int], shop: Any) -> None:
    order_id = place(shop, split=True)
    push = shipment(shop, order_id, "TN1")
    shop.lose = lost
    for _ in range(5):
        found = await shop.look_up(push) if shop.mutations else None
        if found is not None:
            break
        try:
            found = await shop.do(push)
            break
        except AnswerLost:
            continue
    assert found is not None
    assert isinstance(found.outcome, Done)
    assert len(order(shop, order_id)["fulfillments"]) == 2
    assert shop.sim.books()["repeated_tracking"] == []


async def test_a_repeat_changes_nothing(shop: Any) -> None:
    order_id = place(shop)
    push = shipment(shop, order_id, "TN1")
    assert await shop.look_up(push) is None
    first = (await shop.do(push)).outcome
    again, found = (await shop.do(push)).outcome, await shop.look_up(push)
    assert isinstance(first, Done)
    assert again == Done(first.refs, repeated=True)
    assert found is not None
    assert found.outcome == again
    assert shop.mutations == 1


def part(shop: Any, order_id: str, number: str, pieces: list[int], id_: str) -> PushFulfilment:
    """A shipment of so many pieces of each line."""
    whole = shipment(shop, order_id, number, id_=id_).shipment
    lines = zip(whole.lines, pieces, strict=True)
    shipped = tuple(ShippedLine(line.line_id, Decimal(quantity)) for line, quantity in lines)
    return PushFulfilment(order_id, msgspec.structs.replace(whole, lines=shipped))


@pytest.mark.parametrize("lost", [set(), {3}, {4}, {3, 4}])
async def test_two_shipments_under_one_number_are_both_told_whole(lost: set[int], shop: Any) -> None:
    """Freight. No unit of the first is the second's, and the second finds its own after a lost answer."""
    order_id = place(shop, split=True, lines=2, quantity=3)
    first = (await shop.do(part(shop, order_id, "PRO-1", [2, 1], "S1"))).outcome
    assert isinstance(first, Done)
    others = tuple(first.refs.values())
    second = msgspec.structs.replace(part(shop, order_id, "PRO-1", [1, 2], "S2"), others=others)
    assert await shop.look_up(second) is None
    shop.lose, found = lost, None
    for _ in range(5):
        try:
            found = await shop.look_up(second) or await shop.do(second)
            break
        except AnswerLost:
            continue
    assert found is not None
    assert isinstance(found.outcome, Done)
    made = {one["id"] for one in order(shop, order_id)["fulfillments"]}
    assert len(made) == 4, "two at each location"
    assert set(found.outcome.refs.values()) == made - set(others)
    assert order(shop, order_id)["fulfillment_status"] == "fulfilled"
    assert (await shop.do(second)).outcome == Done(found.outcome.refs, repeated=True)


async def test_without_tracking_a_lost_answer_is_found_by_its_lines(shop: Any) -> None:
    order_id = place(shop)
    push = shipment(shop, order_id, lines=2)
    assert await shop.look_up(push) is None
    shop.later(1)
    await shop.do(push)
    assert await shop.look_up(push) is not None
    assert await shop.look_up(shipment(shop, order_id, lines=1)) is None


async def test_a_cancelled_fulfilment_told_nobody(shop: Any) -> None:
    order_id = place(shop)
    push = shipment(shop, order_id, "TN1")
    await shop.do(push)
    for made in shop.sim.books_.fulfilments.values():
        made.status = "CANCELLED"
    assert await shop.look_up(push) is None


async def test_holds_cancellations_and_moves(shop: Any) -> None:
    order_id = place(shop)
    push = shipment(shop, order_id, "TN1")
    (one,) = shop.sim.books_.fulfilment_orders_of(int(order_id))
    shop.sim.act("hold_fulfilment", {"fulfillment_order": one.id})
    held = (await shop.do(push)).outcome
    assert isinstance(held, Rejected)
    assert held.code == "shopify.fulfilment_on_hold"
    shop.sim.act("release_fulfilment", {"fulfillment_order": one.id})
    moved = shop.sim.act("move_fulfilment", {"fulfillment_order": one.id, "location": 102})
    assert moved["fulfillment_order"] != str(one.id)
    assert isinstance((await shop.do(push)).outcome, Done)
    assert [made["location"] for made in order(shop, order_id)["fulfillments"]] == ["102"]
    other = place(shop)
    shop.sim.act("cancel_order", {"id": other})
    cancelled = (await shop.do(shipment(shop, other, "TN9"))).outcome
    assert isinstance(cancelled, Conflict)
    assert cancelled.code == "shopify.order_cancelled"


async def test_orders_with_more_lines_than_a_page(shop: Any) -> None:
    skus = [f"SKU-{index:04d}" for index in range(1, 121)]
    order_id = place(shop, skus=skus, split=True)
    result = await shop.do(ReadBack("order", order_id))
    assert [line.sku for line in result.follows[0].event.order.lines] == skus
    assert isinstance((await shop.do(shipment(shop, order_id, "TN1"))).outcome, Done)
    assert await shop.look_up(shipment(shop, order_id, "TN1")) is not None
    assert order(shop, order_id)["fulfillment_status"] == "fulfilled"


async def test_fulfilment_orders_are_read_back_to_their_order(shop: Any) -> None:
    order_id = place(shop, split=True)
    first, second = shop.sim.books_.fulfilment_orders_of(int(order_id))
    result = await shop.do(ReadBack("fulfillment_order", str(first.id)))
    (follow,) = result.follows
    assert (follow.stream_kind, follow.stream_key) == ("order", f"shop1-{order_id}")
    assert isinstance(follow.event, AllocationsSeen)
    seen = follow.event.allocations
    assert [(one.id, one.status, one.location_id) for one in seen] == [
        (str(first.id), "open", "101"),
        (str(second.id), "open", "102"),
    ]
    assert {line.line_id for one in seen for line in one.lines} == {
        line["id"] for line in order(shop, order_id)["lines"]
    }
    gone = await shop.do(ReadBack("fulfillment_order", "1"))
    assert (gone.outcome, gone.follows) == (Done(facts={"gone": True}), ())


def wanted(shop: Any, order_id: str, quantity: int | None = None) -> list[dict[str, Any]]:
    return [
        {
            "fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{one.id}",
            "fulfillmentOrderLineItems": [
                {"id": f"gid://shopify/FulfillmentOrderLineItem/{line.id}", "quantity": quantity or line.remaining}
                for line in one.lines
            ],
        }
        for one in shop.sim.books_.fulfilment_orders_of(int(order_id))
    ]


async def test_the_store_guards_its_rules(shop: Any) -> None:
    books, split, single = shop.sim.books_, place(shop, split=True), place(shop)
    for parts, words in (
        (wanted(shop, split), "single location"),
        (wanted(shop, single, 99), "quantity"),
        ([], "blank"),
        ([{"fulfillmentOrderId": "gid://shopify/FulfillmentOrder/1"}], "does not exist"),
    ):
        with pytest.raises(UserError, match=words):
            books.fulfil({"lineItemsByFulfillmentOrder": parts})
    whole = {"lineItemsByFulfillmentOrder": wanted(shop, single)}
    books.fulfil(whole)
    with pytest.raises(UserError, match="unfulfillable"):
        books.fulfil(whole)
    assert len(books.fulfilments) == 1


async def test_the_store_counts_what_its_customers_were_to_be_told_again(shop: Any) -> None:
    books, order_id = shop.sim.books_, place(shop)
    told = {"numbers": ["TN1"]}
    whole = {"lineItemsByFulfillmentOrder": wanted(shop, order_id), "trackingInfo": told}
    made = books.fulfil(whole)
    assert not books.asked_again
    with pytest.raises(UserError, match="unfulfillable"):
        books.fulfil(whole)
    assert books.asked_again == {(int(order_id), made.location_id, "TN1"): 1}
    gid = f"gid://shopify/Fulfillment/{made.id}"
    books.relabel({"fulfillmentId": gid, "trackingInfoInput": {"number": "TN2"}})
    assert books.asked_again.total() == 1
    books.relabel({"fulfillmentId": gid, "trackingInfoInput": {"number": "TN2"}})
    assert books.asked_again[int(order_id), made.location_id, "TN2"] == 1
    assert shop.sim.books()["repeated_tracking"] == []
