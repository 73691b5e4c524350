"""A refund made in the simulated shop: the same by webhook and read-back, balanced, within the vendor's rules."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.commands import PushFulfilment, ReadBack
from crossdock.domain.events import OrderSeen, RefundSeen
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.order import Order
from crossdock.domain.refund import Refund, Restock, gross_of, paid_back, parts_of, tax_of
from crossdock.domain.standing import standing
from crossdock.domain.state import ordered
from crossdock.domain.totals import prove
from crossdock.simulators.shopify.books import UserError

ONE_CURRENCY = {"presentment": 0.0, "duties": 0.0, "tip": 0.0, "shipping_discount": 0.0}


async def sold(make_shop: Any, *, ship: bool, **wish: Any) -> tuple[Any, str]:
    shop = make_shop(rates=ONE_CURRENCY)
    wish = {"skus": ["SKU-0003", "SKU-0004"], "paid": True, "shipping": True, "discount": True, **wish}
    order_id = ""
    while not order_id or not _rich(shop.sim.books_.orders[int(order_id)]):
        shop.sim.books_.orders.clear()
        (order_id,) = shop.sim.act("place_order", wish)["ids"]
    shop.later(60)
    if ship:
        lines = rows(shop, order_id)
        left = tuple(ShippedLine(str(one["id"]), Decimal(one["quantity"])) for one in lines)
        await shop.do(PushFulfilment(order_id, Shipment("S", left, shop.at, (Package("TN1", "DHL"),))))
        shop.later(60)
    shop.sent.clear()
    return shop, order_id


def _rich(order: dict[str, Any]) -> bool:
    """Several units to refund one of, and shipping that costs."""
    return order["line_items"][0]["quantity"] > 1 and order["shipping_lines"][0]["price"] != "0.00"


def told(shop: Any) -> tuple[list[Refund], Order]:
    """By the newest webhook of the order."""
    named, body = next(pair for pair in reversed(shop.identities()) if pair[0].topic == "orders/updated")
    *refunds, order = CONNECTOR.translate("shop1", named.topic, body)
    assert isinstance(order, OrderSeen)
    return [event.refund for event in refunds if isinstance(event, RefundSeen)], order.order


async def read(shop: Any, order_id: str) -> tuple[list[Refund], Order]:
    found = await shop.do(ReadBack("order", order_id))
    *refunds, order = [follow.event for follow in found.follows]
    return [event.refund for event in refunds], order.order


def rows(shop: Any, order_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.sim.books_.orders[int(order_id)]["line_items"]
    return found


def entry(shop: Any) -> dict[str, Any]:
    found: dict[str, Any] = shop.sim.books()["orders"][0]
    return found


ASKED: dict[str, dict[str, Any]] = {
    "everything": {"lines": "all", "shipping": True},
    "one unit": {"first": {"quantity": 1}},
    "one unit, not restocked": {"first": {"quantity": 1, "restock": "no_restock"}},
    "shipping": {"shipping": True},
    "goodwill": {"amount": "2.50"},
    "a unit, less a fee": {"first": {"quantity": 1}, "amount": "-1.25"},
    "a unit and shipping, on two gateways": {"first": {"quantity": 1}, "shipping": True, "shares": ["0.3", "0.7"]},
}


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("ship", [True, False])
@pytest.mark.parametrize("name", ASKED)
async def test_webhook_and_read_back_tell_one_balanced_refund(
    make_shop: Any, name: str, ship: bool, inclusive: bool
) -> None:
    shop, order_id = await sold(make_shop, ship=ship, tax_inclusive=inclusive)
    asked = dict(ASKED[name])
    placed = {str(line["id"]): line["quantity"] for line in rows(shop, order_id)}
    if "first" in asked:
        asked["lines"] = [{"id": rows(shop, order_id)[0]["id"], **asked.pop("first")}]
    made = shop.sim.act("refund", {"id": order_id, **asked})
    refunds, order = told(shop)
    assert (refunds, order) == await read(shop, order_id)
    [refund] = refunds
    assert refund.id == made["refund"]
    assert gross_of(parts_of(refund), "shop") == paid_back(refund, "shop") == Decimal(entry(shop)["refunded"])
    assert paid_back(refund, "shop") > 0
    assert {part.restock is Restock.CANCEL for part in refund.lines} <= {not ship}
    for line in order.lines:
        off = sum(int(part.quantity) for part in refund.lines if part.line_id == line.id and not ship)
        assert ordered(line) == placed[line.id] - off
    left = standing(order, refunds)
    assert prove(left).balanced
    if not ship:
        off = gross_of(refund.lines, "shop")
        assert left.totals.total.shop == order.totals.total.shop - off
        assert left.totals.tax.shop == order.totals.tax.shop - tax_of(refund.lines, "shop")


async def test_units_that_had_not_left_stay_cancelled_whatever_is_fulfilled_later(make_shop: Any) -> None:
    shop, order_id = await sold(make_shop, ship=False)
    line = rows(shop, order_id)[0]
    shop.sim.act("refund", {"id": order_id, "lines": [{"id": line["id"], "restock": "no_restock"}]})
    first, _ = await read(shop, order_id)
    shop.later(60)
    left = (ShippedLine(str(line["id"]), Decimal(1)),)
    await shop.do(PushFulfilment(order_id, Shipment("S", left, shop.at, (Package("TN1", "DHL"),))))
    again, order = await read(shop, order_id)
    assert first == again
    assert first[0].lines[0].restock is Restock.CANCEL
    assert order.lines[0].current_quantity == line["quantity"] - 1
    shop.later(60)
    shop.sim.act("refund", {"id": order_id, "lines": [{"id": line["id"], "restock": "no_restock"}]})
    refunds, order = await read(shop, order_id)
    assert [one.lines[0].restock for one in refunds] == [Restock.CANCEL, Restock.NONE]
    assert order.lines[0].current_quantity == line["quantity"] - 1
    assert (refunds, order) == told(shop)


async def test_paid_in_another_currency_both_tell_it(make_shop: Any) -> None:
    """A webhook tells payments in the customer's currency only."""
    shop, order_id = await sold(make_shop, ship=True, presentment="USD")
    shop.sim.act("refund", {"id": order_id, "lines": "all", "shipping": True, "shares": ["0.37", "0.63"]})
    assert "amount_set" not in msgspec.json.decode(shop.sent[0].body)["transactions"][0]
    ([one], order), ([other], same) = told(shop), await read(shop, order_id)
    assert order == same
    assert msgspec.structs.replace(one, tenders=()) == msgspec.structs.replace(other, tenders=())
    for refund in (one, other):
        assert gross_of(parts_of(refund), "presentment") == paid_back(refund, "presentment")
        assert len(refund.tenders) == 2
    assert abs(paid_back(one, "shop") - paid_back(other, "shop")) <= Decimal("0.01")


@pytest.mark.parametrize("status", ["pending", "awaiting_response"])
async def test_a_payment_under_way_is_no_refund_yet(make_shop: Any, status: str) -> None:
    shop, order_id = await sold(make_shop, ship=True)
    shop.sim.act("refund", {"id": order_id, "lines": "all"})
    books = shop.sim.books_.orders[int(order_id)]["refunds"][0]
    books["transactions"][0]["status"] = status
    assert (await read(shop, order_id))[0] == []
    books["transactions"][0]["status"] = "success"
    assert len((await read(shop, order_id))[0]) == 1


async def test_shipping_is_given_back_once_whatever_kind_the_shop_calls_it(make_shop: Any) -> None:
    shop, order_id = await sold(make_shop, ship=True)
    shop.sim.act("refund", {"id": order_id, "shipping": True})
    named, body = next(pair for pair in reversed(shop.identities()) if pair[0].topic == "orders/updated")
    bare = msgspec.json.decode(body)
    del bare["refunds"][0]["order_adjustments"][0]["kind"]
    (refund,) = [
        event.refund
        for event in CONNECTOR.translate("shop1", named.topic, msgspec.json.encode(bare))
        if isinstance(event, RefundSeen)
    ]
    assert gross_of(parts_of(refund), "shop") == paid_back(refund, "shop")


async def test_a_refund_that_we_made_carries_its_mark(make_shop: Any) -> None:
    shop, order_id = await sold(make_shop, ship=True)
    shop.sim.act("refund", {"id": order_id, "amount": "1.00", "note": "Crossdock credit 4711 as agreed"})
    assert [one.made_for for one in told(shop)[0]] == ["4711"]


async def test_a_restock_type_that_is_new_to_us_is_named(make_shop: Any) -> None:
    shop, order_id = await sold(make_shop, ship=True)
    shop.sim.act("refund", {"id": order_id, "lines": "all"})
    shop.sim.books_.orders[int(order_id)]["refunds"][0]["refund_line_items"][0]["restock_type"] = "teleport"
    outcome = (await shop.do(ReadBack("order", order_id))).outcome
    assert outcome.code == "shopify.restock_type_unknown"


async def test_a_refund_is_told_under_its_topic_as_a_signal(make_shop: Any) -> None:
    shop, order_id = await sold(make_shop, ship=True)
    shop.sim.act("refund", {"id": order_id, "amount": "1.00"})
    topics = [(named.topic, named.stream_key) for named, _ in shop.identities()]
    assert topics == [("refunds/create", f"shop1:order:{order_id}"), ("orders/updated", f"shop1-{order_id}")]
    body = msgspec.json.decode(shop.sent[0].body)
    assert "sides" not in body["transactions"][0]


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"amount": "9999"}, "net payment"),
        ({"lines": [{"id": 1}]}, "more items"),
        ({"first": {"quantity": 99}}, "more items"),
        ({"first": {"quantity": 1, "restock": "cancel"}}, "cannot be restocked"),
    ],
)
async def test_the_shop_refuses(make_shop: Any, asked: dict[str, Any], match: str) -> None:
    shop, order_id = await sold(make_shop, ship=True)
    if "first" in asked:
        asked = {"lines": [{"id": rows(shop, order_id)[0]["id"], **asked["first"]}]}
    with pytest.raises(UserError, match=match):
        shop.sim.act("refund", {"id": order_id, **asked})
    assert entry(shop)["refunds"] == 0
