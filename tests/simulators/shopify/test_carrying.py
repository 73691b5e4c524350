"""Where parcels are, told to the shop and by it. The shop takes the same event twice, and may know more than we."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.connectors.shopify.tracking import WORDS
from crossdock.domain.commands import PushFulfilment, TellTracking
from crossdock.domain.events import OrderSeen, ParcelSeen
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.lattice import PARCEL
from crossdock.domain.outcome import Conflict, Done, Rejected
from crossdock.kit.http import AnswerLost
from crossdock.kit.manifest import Refused, Untranslatable
from crossdock.simulators.shopify.scopes import USUAL


async def shipped(shop: Any, **wish: Any) -> tuple[str, tuple[str, ...]]:
    """An order and the fulfilments that its one shipment was told as."""
    [order_id] = shop.sim.act("place_order", {"paid": True, **wish})["ids"]
    lines = [one for one in shop.sim.books_.orders[int(order_id)]["line_items"] if one["requires_shipping"]]
    held = tuple(ShippedLine(str(one["id"]), Decimal(one["quantity"])) for one in lines)
    made = await shop.do(PushFulfilment(order_id, Shipment("S1", held, shop.at, (Package("T1", "DHL"),))))
    assert isinstance(made.outcome, Done)
    return order_id, tuple(made.outcome.refs.values())


def events(shop: Any) -> list[str]:
    return [event.status for one in shop.sim.books_.fulfilments.values() for event in one.events]


def tell(shop: Any, order_id: str, fulfilments: tuple[str, ...], status: str = "delivered") -> TellTracking:
    return TellTracking(order_id, fulfilments, status, shop.at)


@pytest.mark.parametrize(
    ("status", "word"),
    [("in_transit", "IN_TRANSIT"), ("out_for_delivery", "OUT_FOR_DELIVERY"), ("exception", "DELAYED"),
     ("delivered", "DELIVERED")],
)  # fmt: skip
async def test_a_milestone_is_told_once_to_each_fulfilment(shop: Any, status: str, word: str) -> None:
    order_id, made = await shipped(shop)
    payload = tell(shop, order_id, made, status)
    first, second = await shop.do(payload), await shop.do(payload)
    assert isinstance(first.outcome, Done)
    assert not first.outcome.repeated
    assert isinstance(second.outcome, Done)
    assert second.outcome.repeated
    assert second.outcome.refs == first.outcome.refs
    assert events(shop) == [word] * len(made)


async def test_a_lost_answer_leaves_one_event(shop: Any) -> None:
    order_id, made = await shipped(shop)
    shop.lose = {shop.mutations + 1}
    with pytest.raises(AnswerLost):
        await shop.do(tell(shop, order_id, made))
    found = await shop.look_up(tell(shop, order_id, made))
    assert isinstance(found.outcome, Done)
    assert found.outcome.repeated
    assert events(shop) == ["DELIVERED"]


async def test_a_send_that_never_arrived_is_found_to_be_missing(shop: Any) -> None:
    order_id, made = await shipped(shop)
    assert await shop.look_up(tell(shop, order_id, made)) is None


async def test_two_fulfilments_of_one_shipment_are_both_told_though_an_answer_is_lost(shop: Any) -> None:
    shop.sim.rates["split"] = 1.0
    order_id, made = await shipped(shop, skus=("SKU-0001", "SKU-0002"))
    assert len(made) == 2
    shop.lose = {shop.mutations + 2}
    with pytest.raises(AnswerLost):
        await shop.do(tell(shop, order_id, made))
    await shop.do(tell(shop, order_id, made))
    assert events(shop) == ["DELIVERED", "DELIVERED"]


async def test_what_the_shop_knows_already_or_knows_better_is_not_told(shop: Any) -> None:
    order_id, made = await shipped(shop)
    shop.sim.act("carry", {"fulfillment": made[0], "status": "DELIVERED"})
    result = await shop.do(tell(shop, order_id, made, "in_transit"))
    assert isinstance(result.outcome, Done)
    assert result.outcome.repeated
    assert events(shop) == ["DELIVERED"]


async def test_a_fulfilment_that_is_cancelled_or_gone_is_not_told(shop: Any) -> None:
    order_id, made = await shipped(shop)
    shop.sim.books_.fulfilments[int(made[0])].status = "CANCELLED"
    assert isinstance((await shop.do(tell(shop, order_id, made))).outcome, Conflict)
    assert isinstance((await shop.do(tell(shop, order_id, ("1",)))).outcome, Rejected)
    assert events(shop) == []


async def test_a_long_history_is_read_to_its_end(shop: Any) -> None:
    order_id, made = await shipped(shop)
    for _ in range(120):
        shop.sim.act("carry", {"fulfillment": made[0], "status": "IN_TRANSIT"})
    shop.sim.act("carry", {"fulfillment": made[0], "status": "DELIVERED"})
    assert (await shop.do(tell(shop, order_id, made))).outcome.repeated


async def test_what_shopify_follows_itself_comes_as_the_carriers_word(shop: Any) -> None:
    order_id, made = await shipped(shop)
    shop.sent.clear()
    shop.later(60)
    shop.sim.act("carry", {"fulfillment": made[0], "status": "ATTEMPTED_DELIVERY", "message": "Nobody was there"})
    told = [pair for pair in shop.identities() if pair[0].topic == "fulfillment_events/create"]
    [(identity, body)] = told
    assert (identity.stream_kind, identity.stream_key) == ("order", f"shop1-{order_id}")
    [event] = CONNECTOR.translate("shop1", identity.topic, body)
    assert event == ParcelSeen("exception", shop.at, "shop1", fulfilment=made[0], detail="Nobody was there")


def test_words_that_say_nothing_of_the_way_are_nothing_and_odd_bodies_are_refused() -> None:
    body = b'{"order_id":1,"fulfillment_id":2,"status":"label_printed","happened_at":"2026-11-23T12:00:00Z"}'
    assert CONNECTOR.translate("shop1", "fulfillment_events/create", body) == []
    with pytest.raises(Untranslatable):
        CONNECTOR.translate("shop1", "fulfillment_events/create", b'{"order_id":1}')
    assert CONNECTOR.webhook is not None
    headers = {"x-shopify-webhook-id": "1", "x-shopify-topic": "fulfillment_events/create"}
    with pytest.raises(Refused):
        CONNECTOR.webhook.identify("shop1", headers, b'{"id":1}')
    assert set(WORDS.values()) == set(PARCEL) - {"returned"}


async def test_an_order_is_the_same_after_its_parcels_were_told(shop: Any) -> None:
    order_id, made = await shipped(shop)
    before = shop.sim.books_.orders[int(order_id)]["total_price"]
    shop.later(timedelta(minutes=2).total_seconds())
    await shop.do(tell(shop, order_id, made))
    views = [
        CONNECTOR.translate("shop1", one.topic, body)
        for one, body in shop.identities()
        if one.topic == "orders/updated"
    ]
    last = views[-1][-1]
    assert isinstance(last, OrderSeen)
    assert f"{last.order.totals.total.shop}" == before


async def test_events_are_subscribed_only_where_the_app_may_read_them(
    make_shop: Any,
) -> None:
    shop = make_shop(granted=tuple(one for one in USUAL if one != "write_fulfillments"))
    shop.settings["public_url"] = "https://orders.example.com/in/shopify/shop1"
    shop.sim.act("unsubscribe", {})
    await CONNECTOR.polls["subscriptions"].run(shop.client, None, {})
    topics = {one.topic for one in shop.sim.books_.subscriptions}
    assert "FULFILLMENT_EVENTS_CREATE" not in topics
    assert "RETURNS_APPROVE" in topics
