"""Returns: told by a webhook that names the order, read back with what came and with the refunds made for them."""

from decimal import Decimal
from typing import Any

import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.connectors.shopify.topics import SUBSCRIBED
from crossdock.domain.commands import PushFulfilment, ReadBack
from crossdock.domain.decision import Context
from crossdock.domain.events import CommandSettled, ReturnSeen, SignalSeen
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.outcome import Done, Rejected
from crossdock.domain.refund import Return
from crossdock.domain.signal_decider import SIGNAL
from crossdock.kit.manifest import Refused


async def shipped(shop: Any) -> tuple[str, dict[str, Any]]:
    """An order of which everything has left; its id and its first line."""
    (order_id,) = shop.sim.act("place_order", {"lines": 1, "skus": ["SKU-0001"], "paid": True})["ids"]
    line = shop.sim.books_.orders[int(order_id)]["line_items"][0]
    lines = (ShippedLine(str(line["id"]), Decimal(line["quantity"])),)
    push = PushFulfilment(order_id, Shipment("S", lines, shop.at, (Package("TN1", "DHL"),)))
    assert isinstance((await shop.do(push)).outcome, Done)
    return order_id, line


async def read(shop: Any, order_id: str) -> list[Return]:
    result = await shop.do(ReadBack("return", order_id))
    assert isinstance(result.outcome, Done), result.outcome
    assert all(isinstance(one.event, ReturnSeen) for one in result.follows)
    return [one.event.returned for one in result.follows]


async def test_a_return_goes_from_open_to_received_with_its_refund(shop: Any) -> None:
    order_id, line = await shipped(shop)
    assert await read(shop, order_id) == []
    rows = [{"id": line["id"], "quantity": 1}]
    ref = shop.sim.act("open_return", {"id": order_id, "lines": rows})["return"]
    (seen,) = await read(shop, order_id)
    assert (seen.id, seen.status, seen.refunds) == (ref, "authorised", ())
    assert [(one.line_id, one.quantity) for one in seen.lines] == [(str(line["id"]), 1)]
    shop.later(60)
    shop.sim.act("close_return", {"return": ref})
    (closed,) = await read(shop, order_id)
    assert (closed.status, closed.at > seen.at) == ("received", True)
    shop.later(60)
    given = shop.sim.act("refund", {"id": order_id, "lines": [{**rows[0], "restock": "return"}], "return": ref})
    (refunded,) = await read(shop, order_id)
    assert refunded.refunds == (given["refund"],)
    assert refunded.at > closed.at


async def test_a_return_that_is_shortened_or_cancelled_is_told(shop: Any) -> None:
    order_id, line = await shipped(shop)
    rows = [{"id": line["id"], "quantity": line["quantity"]}]
    ref = shop.sim.act("open_return", {"id": order_id, "lines": rows})["return"]
    (whole,) = await read(shop, order_id)
    shop.sent.clear()
    shop.sim.act("cancel_return", {"return": ref})
    assert [identity.topic for identity, _ in shop.identities()] == ["returns/cancel"]
    (cancelled,) = await read(shop, order_id)
    assert (cancelled.status, cancelled.at, cancelled.lines) == ("cancelled", whole.at, whole.lines)
    other = shop.sim.act("open_return", {"id": order_id, "lines": rows})["return"]
    shop.sim.act("shorten_return", {"return": other, "line": line["id"], "quantity": line["quantity"]})
    assert [(one.id, one.lines) for one in await read(shop, order_id) if one.id != ref] == [(other, ())]


async def test_a_webhook_names_the_order_whose_returns_are_read(shop: Any) -> None:
    order_id, line = await shipped(shop)
    shop.sent.clear()
    shop.sim.act("open_return", {"id": order_id, "lines": [{"id": line["id"], "quantity": 1}]})
    ((identity, body),) = shop.identities()
    assert (identity.topic, identity.stream_key) == ("returns/approve", f"shop1:return:{order_id}")
    (event,) = CONNECTOR.translate("shop1", identity.topic, body)
    assert isinstance(event, SignalSeen)
    assert (event.kind, event.external_id) == ("return", order_id)
    assert CONNECTOR.webhook is not None
    headers = {"x-shopify-webhook-id": "1", "x-shopify-topic": "returns/close"}
    with pytest.raises(Refused):
        CONNECTOR.webhook.identify("shop1", headers, b'{"id":1}')


async def test_every_webhook_of_a_return_is_read_though_its_body_is_that_of_an_earlier_one(shop: Any) -> None:
    order_id, line = await shipped(shop)
    shop.sent.clear()
    rows = [{"id": line["id"], "quantity": line["quantity"]}]
    ref = shop.sim.act("open_return", {"id": order_id, "lines": rows})["return"]
    shop.sim.act("shorten_return", {"return": ref, "line": line["id"], "quantity": 1})
    (_, one), (_, two) = shop.identities()
    assert one == two, "it tells neither lines nor an instant"
    state, reads = SIGNAL.blank(), []
    for identity, body in shop.identities():
        (event,) = CONNECTOR.translate("shop1", identity.topic, body)
        decision = SIGNAL.decide(state, event, Context(shop.at, {}, {}, lambda _: []))
        reads += decision.commands
        state = SIGNAL.evolve(state, decision.entries)
        done = CommandSettled(state.key, "read_back", "shop1", Done({}))
        state = SIGNAL.evolve(state, SIGNAL.decide(state, done, Context(shop.at, {}, {}, lambda _: [])).entries)
    assert len(reads) == 2


async def test_what_did_not_leave_is_not_returned(shop: Any) -> None:
    order_id, line = await shipped(shop)
    with pytest.raises(Exception, match="fulfilled"):
        shop.sim.act("open_return", {"id": order_id, "lines": [{"id": line["id"], "quantity": line["quantity"] + 1}]})


async def test_an_order_that_is_not_there(shop: Any) -> None:
    assert isinstance((await shop.do(ReadBack("return", "1"))).outcome, Rejected)


async def test_returns_are_subscribed_only_where_the_app_may_read_them(shop: Any) -> None:
    shop.settings["public_url"] = "https://orders.example.com/in/shopify/shop1"
    granted = shop.sim.scopes
    shop.sim.scopes = tuple(one for one in granted if one not in ("read_returns", "write_returns"))
    shop.sim.act("unsubscribe", {})
    await CONNECTOR.polls["subscriptions"].run(shop.client, None, {})
    assert {one.topic for one in shop.sim.books_.subscriptions} == {
        one for one in SUBSCRIBED if not one.startswith("RETURNS_")
    }
    shop.sim.scopes = granted
    await CONNECTOR.polls["subscriptions"].run(shop.client, None, {})
    assert {one.topic for one in shop.sim.books_.subscriptions} == set(SUBSCRIBED)
