"""The simulated store: exact books, the vendor's rules, signed webhooks."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.connectors.shopify.topics import SUBSCRIBED
from crossdock.domain.commands import ReadBack
from crossdock.domain.events import OrderSeen
from crossdock.domain.order import LineKind
from crossdock.domain.outcome import RateLimited, Rejected
from crossdock.domain.totals import prove
from crossdock.kit.manifest import Unreachable
from crossdock.simulators.base import Request
from crossdock.simulators.shopify import api
from crossdock.simulators.shopify.scopes import USUAL
from crossdock.simulators.shopify.traffic import printed, sku_price

BUSY = {"tip": 0.3, "gift_card_line": 0.3, "duties": 0.3, "discount": 0.7, "shipping_discount": 0.5, "presentment": 0.6}


@pytest.mark.parametrize("currency", ["EUR", "USD", "JPY"])
async def test_every_order_is_exact_and_the_same_by_webhook_and_by_query(currency: str, make_shop: Any) -> None:
    shop = make_shop(currency=currency, rates={**BUSY, "skuless": 0.1, "test": 0.1})
    shop.sim.act("place_order", {"count": 60})
    seen: Counter[str] = Counter()
    for named, body in shop.identities():
        if named.topic != "orders/create":
            continue
        (event,) = CONNECTOR.translate("shop1", named.topic, body)
        assert isinstance(event, OrderSeen)
        order = event.order
        proof = prove(order)
        assert proof.balanced, proof.findings
        read = await shop.do(ReadBack("order", order.external_id))
        assert [follow.event for follow in read.follows] == [OrderSeen(order, authoritative=True)]
        assert read.follows[0].stream_key == named.stream_key == order.key
        seen.update(line.kind.value for line in order.lines)
        seen.update(charge.kind.value for charge in order.charges)
        seen.update([f"inclusive {order.tax_inclusive}", f"paid in {order.presentment_currency}", f"test {order.test}"])
        seen.update(["skuless"] * any(not line.sku and line.kind is LineKind.ITEM for line in order.lines))
    for trait in ("tip", "gift_card", "duty", "shipping", "inclusive True", "inclusive False", "test True", "skuless"):
        assert seen[trait], f"no order was {trait}"
    assert len([trait for trait in seen if trait.startswith("paid in ")]) == 3


_CONTRACTS = os.environ.get("CROSSDOCK_VENDOR_CONTRACTS")
_VENDOR = Path(_CONTRACTS).parent if _CONTRACTS else Path(__file__).parents[4] / "shared/vendors"
REAL = sorted((_VENDOR / "samples").glob("shopify_*.json"))


@pytest.mark.skipif(not REAL, reason="the vendor samples are not here (CROSSDOCK_VENDOR_CONTRACTS)")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
async def test_real_orders_can_be_taken_in_and_read_the_same_both_ways(path: Path, shop: Any) -> None:
    topic = "orders/cancelled" if "cancelled" in path.stem else "orders/create"
    taken = shop.sim.act("import_order", {"body": json.loads(path.read_text()), "topic": topic})
    ((named, body),) = shop.identities()
    *refunds, event = CONNECTOR.translate("shop1", named.topic, body)
    assert named.stream_key == f"shop1-{taken['id']}"
    assert isinstance(event, OrderSeen)
    read = await shop.do(ReadBack("order", taken["id"]))
    assert [follow.event for follow in read.follows] == [*refunds, OrderSeen(event.order, authoritative=True)]
    assert len(refunds) == ("refund" in path.stem)


def test_prices_are_the_shared_ones() -> None:
    assert [printed(sku_price(index), "EUR") for index in (1, 100, 200)] == ["5.37", "42.00", "79.00"]


def test_orders_split_over_two_locations(make_shop: Any) -> None:
    shop = make_shop(rates={"split": 1.0})
    shop.sim.act("place_order", {"count": 1, "lines": 4})
    assert {each.location_id for each in shop.sim.books_.fulfilment_orders.values()} == {101, 102}


def test_an_order_is_told_under_all_its_topics(shop: Any) -> None:
    shop.sim.act("place_order", {"paid": True})
    assert [named.topic for named, _ in shop.identities()][:2] == ["orders/create", "orders/paid"]
    headers = shop.sent[0].headers
    assert headers["X-Shopify-Shop-Domain"] == "simulated.myshopify.com"
    assert headers["X-Shopify-Webhook-Id"] != shop.sent[1].headers["X-Shopify-Webhook-Id"]


async def test_late_money_arrives_with_the_clock(make_shop: Any) -> None:
    shop = make_shop(rates={"late_paid": 1.0})
    shop.sim.act("place_order", {})
    await shop.sim.tick()
    assert shop.sim.books()["orders"][0]["financial_status"] == "pending"
    shop.later(3)
    await shop.sim.tick()
    assert shop.sim.books()["orders"][0]["financial_status"] == "paid"
    assert shop.sim.books()["unpaid"] == 0


def test_acts_change_the_books_and_tell(shop: Any) -> None:
    (order_id,) = shop.sim.act("place_order", {"paid": True})["ids"]
    shop.sent.clear()
    shop.later(5)
    shop.sim.act("edit_address", {"id": order_id, "city": "Gent"})
    shop.sim.act("tag_order", {"id": order_id, "tags": "vip"})
    shop.sim.act("cancel_order", {"id": order_id, "reason": "customer"})
    topics = [named.topic for named, _ in shop.identities()]
    assert topics == ["orders/updated", "orders/updated", "orders/cancelled", "orders/updated"]
    (event,) = CONNECTOR.translate("shop1", "orders/cancelled", shop.sent[-1].body)
    assert isinstance(event, OrderSeen)
    assert event.order.ship_to is not None
    assert (event.order.ship_to.city, event.order.tags, event.order.cancel_reason) == ("Gent", ("vip",), "customer")
    with pytest.raises(LookupError, match="no order 5"):
        shop.sim.act("cancel_order", {"id": 5})
    with pytest.raises(LookupError, match="no verb"):
        shop.sim.act("explode", {})


async def ask(shop: Any, query: str, variables: dict[str, Any] | None = None, token: str = "simulated-token") -> Any:
    body = msgspec.json.encode({"query": query, "variables": variables or {}})
    path = "/admin/api/2026-10/graphql.json"
    reply = await shop.sim.handle(Request("POST", path, {}, {"x-shopify-access-token": token}, body))
    return msgspec.json.decode(reply.body)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("query { shop { nome } }", "undefinedField"),
        ("query { shop }", "selectionMismatch"),
        ("query { shop { name }", "parseError"),
        ("query { locations { nodes { id } } }", "BAD_REQUEST"),
        (
            "query { orders(first: 250, sortKey: UPDATED_AT) { nodes { lineItems(first: 250) "
            "{ nodes { product { id } duties { id } taxLines { title } } } } } }",
            "MAX_COST",
        ),
    ],
)
async def test_wrong_documents_are_refused_as_the_vendor_does(query: str, code: str, shop: Any) -> None:
    answer = await ask(shop, query)
    assert answer["errors"][0]["extensions"]["code"].startswith(code)


async def test_aliases_arguments_and_locations(shop: Any) -> None:
    answer = await ask(shop, "query Q($n: Int!) { here: locations(first: $n) { nodes { name } } }", {"n": 1})
    assert answer["data"] == {"here": {"nodes": [{"name": "Rotterdam"}]}}


async def test_a_wrong_token_and_a_wrong_path(shop: Any) -> None:
    assert "Invalid API key" in (await ask(shop, "query { shop { name } }", token="x"))["errors"]
    assert (await shop.sim.handle(Request("GET", "/", {}, {}))).status == 404


async def test_the_cost_bucket_empties_and_refills(make_shop: Any) -> None:
    shop = make_shop(maximum=200.0, restore_rate=100.0)
    (order_id,) = shop.sim.act("place_order", {"paid": True})["ids"]
    assert (await shop.do(ReadBack("order", order_id))).throttle_s > 0
    limited = (await shop.do(ReadBack("order", order_id))).outcome
    assert isinstance(limited, RateLimited)
    shop.later(limited.after_s)
    assert (await shop.do(ReadBack("order", order_id))).follows


async def test_the_hosts_rate_limit_is_the_vendors_own(shop: Any) -> None:
    reply = shop.sim.throttled(Request("POST", "/", {}, {}))
    assert (reply.status, msgspec.json.decode(reply.body)["errors"][0]["extensions"]["code"]) == (200, "THROTTLED")


async def test_subscriptions_are_made_again(shop: Any) -> None:
    uri = "http://127.0.0.1:1/in/shopify/shop1"
    shop.settings["public_url"] = uri
    shop.sim.act("unsubscribe", {"topic": "ORDERS_PAID"})
    poll = CONNECTOR.polls["subscriptions"]
    assert (await poll.run(shop.client, None, {})).cursor == f"{len(SUBSCRIBED)} subscribed, 1 of them anew"
    assert (await poll.run(shop.client, None, {})).cursor == f"{len(SUBSCRIBED)} subscribed, 0 of them anew"
    assert {one.topic for one in shop.sim.books_.subscriptions} == set(SUBSCRIBED) == set(api.TOPICS)


async def test_the_watchdog_is_off_without_an_address(shop: Any) -> None:
    page = await CONNECTOR.polls["subscriptions"].run(shop.client, None, {})
    assert (page.cursor, shop.answers) == ("off: public_url is not set", [])


async def test_check_names_shop_and_plan(shop: Any) -> None:
    assert CONNECTOR.check is not None
    told = await CONNECTOR.check(shop.client)
    assert "Simulated store shop1 (simulated.myshopify.com), plan Basic, EUR" in told


@pytest.mark.parametrize(
    ("setting", "value", "scope"),
    [("payouts", True, "read_shopify_payments_payouts"), ("return_location", "101", "write_returns"),
     ("stock_locations", ["101"], "write_inventory")],
)  # fmt: skip
async def test_check_tells_the_scope_that_a_setting_needs(make_shop: Any, setting: str, value: Any, scope: str) -> None:
    assert CONNECTOR.check is not None
    shop = make_shop(granted=tuple(one for one in USUAL if one != scope))
    assert "Simulated store" in await CONNECTOR.check(shop.client)
    shop.settings[setting] = value
    with pytest.raises(Unreachable, match=f"lacks the access scope {scope}"):
        await CONNECTOR.check(shop.client)


async def test_an_order_that_is_gone_is_rejected(shop: Any) -> None:
    outcome = (await shop.do(ReadBack("order", "1"))).outcome
    assert isinstance(outcome, Rejected)
    assert outcome.code == "shopify.order_not_found"
