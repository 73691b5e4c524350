"""Exchanges as the store makes them: on the same order, with books that hold to the cent, told alike both ways."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.commands import PushFulfilment, ReadBack
from crossdock.domain.events import OrderSeen, PaymentsSeen, RefundSeen
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.money import ZERO
from crossdock.domain.order import Order
from crossdock.domain.outcome import Done, Rejected
from crossdock.domain.refund import Refund, gross_of, paid_back, parts_of
from crossdock.domain.totals import prove
from crossdock.simulators.shopify.books import UserError


async def exchanged(shop: Any, times: str, **wish: Any) -> tuple[str, dict[str, Any], str]:
    """An order of one unit, which is exchanged; its id, its line, and the new line's id."""
    wished = {"skus": ["SKU-0001"], "quantity": 1, "paid": True, "discount": False, **wish}
    (order_id,) = shop.sim.act("place_order", wished)["ids"]
    line = shop.sim.books_.orders[int(order_id)]["line_items"][0]
    lines = (ShippedLine(str(line["id"]), Decimal(1)),)
    push = PushFulfilment(order_id, Shipment("S", lines, shop.at, (Package("TN1", "DHL"),)))
    assert isinstance((await shop.do(push)).outcome, Done)
    shop.later(60)
    new = {"sku": "SKU-0042", "price": (Decimal(line["price"]) * Decimal(times)).quantize(Decimal("0.01"))}
    back = [{"id": line["id"], "quantity": 1}]
    made = shop.sim.act("exchange", {"id": order_id, "lines": back, "new": [new]})
    return order_id, line, made["lines"][0]


def told(shop: Any, order_id: str) -> tuple[Order, list[Refund]]:
    """What the newest webhook of the order says."""
    bodies = [body for named, body in shop.identities() if named.topic == "orders/updated"]
    events = CONNECTOR.translate("shop1", "orders/updated", bodies[-1])
    (order,) = [one.order for one in events if isinstance(one, OrderSeen)]
    assert order.external_id == order_id
    return order, [one.refund for one in events if isinstance(one, RefundSeen)]


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("times", ["0.5", "1", "2"])
async def test_what_comes_back_pays_for_what_goes_out(make_shop: Any, times: str, inclusive: bool) -> None:
    shop = make_shop(rates={"presentment": 0.0, "duties": 0.0, "tip": 0.0})
    order_id, _, new = await exchanged(shop, times, tax_inclusive=inclusive)
    order, (refund,) = told(shop, order_id)
    assert prove(order).balanced
    back = gross_of(parts_of(refund), "shop")
    added = next(line for line in order.lines if line.id == new)
    price = added.unit_price.shop + (ZERO if inclusive else sum((tax.amount.shop for tax in added.taxes), ZERO))
    assert paid_back(refund, "shop") == max(back - price, ZERO)
    assert order.outstanding == max(price - back, ZERO)
    assert order.payment_status.value == {"0.5": "partially_refunded", "1": "paid", "2": "partially_paid"}[times]
    read = await shop.do(ReadBack("order", order_id))
    assert [follow.event for follow in read.follows][-1] == OrderSeen(order, authoritative=True)
    entry = next(one for one in shop.sim.books()["orders"] if one["id"] == order_id)
    kept = Decimal(entry["received"]) + Decimal(entry["outstanding"]) - Decimal(entry["refunded"])
    assert kept == order.totals.total.shop - back, "in the end the customer pays for what is kept"


async def test_what_is_outstanding_holds_the_new_fulfilment_order_until_it_is_paid(shop: Any) -> None:
    order_id, _, new = await exchanged(shop, "2", presentment="EUR")
    push = PushFulfilment(order_id, Shipment("S2", (ShippedLine(new, Decimal(1)),), shop.at, (Package("TN2", "DHL"),)))
    held = (await shop.do(push)).outcome
    assert isinstance(held, Rejected)
    assert held.code == "shopify.fulfilment_on_hold"
    due = told(shop, order_id)[0].outstanding
    shop.later(60)
    shop.sim.act("pay_order", {"id": order_id})
    assert isinstance((await shop.do(push)).outcome, Done)
    order, _ = told(shop, order_id)
    assert (order.outstanding, order.payment_status.value) == (ZERO, "paid")
    read = await shop.do(ReadBack("payments", order_id))
    (event,) = [follow.event for follow in read.follows]
    assert isinstance(event, PaymentsSeen)
    first, second = event.captures
    assert second.amount.shop == due
    assert first.captured_at < second.captured_at


async def test_taken_back_before_it_left_it_is_paid_back(shop: Any) -> None:
    order_id, _, new = await exchanged(shop, "1", presentment="EUR")
    shop.sim.act("unexchange", {"id": order_id, "line": new})
    order, (_, off) = told(shop, order_id)
    (line,) = [each for each in order.lines if each.id == new]
    assert (line.current_quantity, [each.line_id for each in off.lines]) == (ZERO, [new])
    entry = next(one for one in shop.sim.books()["orders"] if one["id"] == order_id)
    assert Decimal(entry["outstanding"]) == 0
    assert Decimal(entry["refunded"]) == paid_back(off, "shop") > 0


async def test_what_is_taken_along_in_a_store_is_told_as_handed_over(shop: Any) -> None:
    order_id, line, _ = await exchanged(shop, "1", presentment="EUR")
    before, _ = told(shop, order_id)
    assert before.handed_over == (), "what came back is wanted no more, what goes out has not left"
    (order_id,) = shop.sim.act("place_order", {"skus": ["SKU-0001", "SKU-0002"], "paid": True, "presentment": "EUR"})[
        "ids"
    ]
    line = shop.sim.books_.orders[int(order_id)]["line_items"][0]
    push = PushFulfilment(
        order_id,
        Shipment("S", (ShippedLine(str(line["id"]), Decimal(line["quantity"])),), shop.at, (Package("TN3", "DHL"),)),
    )
    assert isinstance((await shop.do(push)).outcome, Done)
    back, new = [{"id": line["id"], "quantity": line["quantity"]}], [{"sku": "SKU-0042", "price": "1.00"}]
    made = shop.sim.act("exchange", {"id": order_id, "lines": back, "new": new, "over_counter": True})
    order, _ = told(shop, order_id)
    assert order.handed_over == tuple(made["lines"])
    read = await shop.do(ReadBack("order", order_id))
    assert [follow.event for follow in read.follows][-1] == OrderSeen(order, authoritative=True)


async def test_only_what_left_is_exchanged(shop: Any) -> None:
    (order_id,) = shop.sim.act("place_order", {"skus": ["SKU-0001"], "paid": True, "presentment": "EUR"})["ids"]
    line = shop.sim.books_.orders[int(order_id)]["line_items"][0]
    new = [{"sku": "SKU-0042", "price": "1.00"}]
    with pytest.raises(UserError, match="must be fulfilled"):
        shop.sim.act("exchange", {"id": order_id, "lines": [{"id": line["id"], "quantity": 1}], "new": new})


async def test_an_exchange_that_the_shop_refuses_leaves_nothing_behind_and_is_an_answer(make_shop: Any) -> None:
    shop = make_shop(rates={"presentment": 0.0, "duties": 0.0, "tip": 0.0})
    (order_id,) = shop.sim.act("place_order", {"skus": ["SKU-0001"], "quantity": 1, "paid": True})["ids"]
    shop.sim.books_.orders[int(order_id)]["presentment_currency"] = "XTS"
    new = [{"sku": "SKU-0042", "price": "1.00"}]
    with pytest.raises(ValueError, match="one currency only"):  # what the control turns into a 4xx
        shop.sim.act("exchange", {"id": order_id, "lines": "one", "new": new})
    assert shop.sim.books_.returns == {}
    assert len(shop.sim.books_.orders[int(order_id)]["line_items"]) == 1


async def test_an_exchange_whose_money_the_shop_refuses_leaves_nothing_behind(make_shop: Any) -> None:
    shop = make_shop(rates={"presentment": 0.0, "duties": 0.0, "tip": 0.0})
    wished = {"skus": ["SKU-0001"], "quantity": 1, "paid": True, "discount": False}
    (order_id,) = shop.sim.act("place_order", wished)["ids"]
    order = shop.sim.books_.orders[int(order_id)]
    lines = (ShippedLine(str(order["line_items"][0]["id"]), Decimal(1)),)
    await shop.do(PushFulfilment(order_id, Shipment("S", lines, shop.at, (Package("TN1", "DHL"),))))
    shop.sim.act("refund", {"id": order_id, "amount": str(Decimal(order["total_price"]) - Decimal("0.01"))})
    before, sent = msgspec.json.encode(shop.sim.books()["orders"]), len(shop.sent)
    new = [{"sku": "SKU-0042", "price": "0.01"}]
    with pytest.raises(UserError, match="greater than net payment"):
        shop.sim.act("exchange", {"id": order_id, "lines": "one", "new": new})
    assert msgspec.json.encode(shop.sim.books()["orders"]) == before
    assert (shop.sim.books_.returns, len(shop.sent)) == ({}, sent)
