"""From a shop's body to the ERP's document and the warehouse's order: nothing is lost on the way, to the minor unit."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock.connectors.netsuite.mapping import render_order
from crossdock.connectors.shiphero.mapping import order_input
from crossdock.connectors.shopify import CONNECTOR, graph
from crossdock.connectors.shopify.mapping import to_order
from crossdock.domain.commands import BookOrder, ReleaseOrder
from crossdock.domain.events import OrderSeen
from crossdock.domain.money import minor_unit
from crossdock.domain.order import LineKind, Order
from crossdock.domain.totals import balances, prove
from tests.properties.shop_orders import CURRENCIES, ShopOrder, fall, shop_orders

ITEMS = {f"SKU-{number:04}": str(1000 + number) for number in range(10)}
BOOKS: dict[str, Any] = {
    "currencies": {code: str(number) for number, code in enumerate(CURRENCIES, 1)},
    **{f"{name}_item": f"20{at}" for at, name in enumerate(
        ("shipping", "tip", "gift_card", "duty", "rounding", "tax", "fee", "channel_tax")
    )},
    "tax_code": "301",
    "tax_type": "401",
}  # fmt: skip


def read(shop: ShopOrder) -> Order:
    (event,) = CONNECTOR.translate("shop", "orders/create", msgspec.json.encode(shop.webhook))
    assert isinstance(event, OrderSeen)
    return event.order


@given(st.integers(0, 10_000), st.lists(st.integers(0, 5_000), min_size=1, max_size=8))
def test_an_amount_that_falls_on_lines_is_still_all_there(amount: int, weights: list[int]) -> None:
    amount = min(amount, sum(weights))
    shares = fall(amount, weights)
    assert sum(shares) == amount
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))


@settings(max_examples=150)
@given(shop_orders())
def test_a_shops_order_is_read_to_the_minor_unit(shop: ShopOrder) -> None:
    order = read(shop)
    totals = order.totals
    dual = shop.presentment != shop.currency
    for told, wanted in (
        (totals.total, shop.owed), (totals.lines, shop.goods), (totals.discounts, shop.discounted),
        (totals.tax, shop.tax), (totals.charges, shop.charges), (totals.rounding, shop.rounding),
    ):  # fmt: skip
        assert told.shop == shop.money(wanted.shop)
        assert not dual or told.presentment == shop.money(wanted.customer, customer=True)
    proof = prove(order, str(abs(shop.money(shop.rounding.shop))))
    assert proof.balanced, proof.findings
    for line, row in zip(order.lines, shop.lines, strict=True):
        assert line.quantity == row.quantity
        assert line.current_quantity in (None, row.current)
        assert sum((part.amount.shop for part in line.discounts), Decimal(0)) == shop.money(
            sum(share.shop for _, share in row.shares)
        )
        assert (line.kind is LineKind.TIP) == (row.title == "Tip")
    assert msgspec.json.decode(msgspec.json.encode(order), type=Order) == order


@settings(max_examples=150)
@given(shop_orders())
def test_webhook_and_read_back_tell_one_order(shop: ShopOrder) -> None:
    answered = msgspec.json.decode(msgspec.json.encode(shop.graph), type=graph.Order)
    assert to_order("shop", graph.as_wire(answered, answered.line_items.nodes)) == read(shop)


@settings(max_examples=200)
@given(shop_orders(), st.sampled_from(["details", "line", "item"]), st.booleans(), st.booleans())
def test_what_the_erp_adds_up_is_what_the_customer_owes(
    shop: ShopOrder, mode: str, as_lines: bool, customers: bool
) -> None:
    """The document is added up here once more, from its own rows, and nothing but its rows."""
    order = read(shop)
    side = "presentment" if customers else "shop"
    books = {**BOOKS, "tax_mode": mode, "discount_item": "2099" if as_lines else None}
    document = render_order(BookOrder(order, "9001", ITEMS, side), books)
    currency = shop.presentment if customers else shop.currency
    owed = shop.money(shop.owed.customer if customers else shop.owed.shop, customer=customers)
    assert document["currency"] == {"id": BOOKS["currencies"][currency]}
    assert added_up(document, minor_unit(currency)) == owed
    assert tax_of(document, mode) == shop.money(
        sum(
            tax.amount.customer if customers else tax.amount.shop
            for row in shop.rows for tax in row.taxes if not tax.liable
        ),
        customer=customers,
    )  # fmt: skip
    goods = [row for row in document["item"]["items"] if row["item"]["id"] in ITEMS.values()]
    assert [row["quantity"] for row in goods] == [line.quantity for line in shop.lines if line.title != "Tip"]


def added_up(document: dict[str, Any], unit: Decimal) -> Decimal:
    """As the ERP adds up: quantity x rate to the minor unit for each row; then tax and shipping of the header."""
    rows = document["item"]["items"]
    goods = sum(((row["quantity"] * row["rate"]).quantize(unit, ROUND_HALF_UP) for row in rows), Decimal(0))
    line_tax = sum((row.get("tax1Amt", Decimal(0)) for row in rows), Decimal(0))
    details = sum((row["taxAmount"] for row in document.get("taxDetails", {}).get("items", ())), Decimal(0))
    return goods + line_tax + details + document.get("shippingCost", Decimal(0))


def tax_of(document: dict[str, Any], mode: str) -> Decimal:
    """What the document states as tax that is ours to pay."""
    if mode == "details":
        return sum((row["taxAmount"] for row in document.get("taxDetails", {}).get("items", ())), Decimal(0))
    rows = document["item"]["items"]
    if mode == "line":
        return sum((row.get("tax1Amt", Decimal(0)) for row in rows), Decimal(0))
    return sum((row["amount"] for row in rows if row["item"]["id"] == BOOKS["tax_item"]), Decimal(0))


@settings(max_examples=100)
@given(shop_orders())
def test_the_warehouse_is_told_what_is_still_wanted_and_ships(shop: ShopOrder) -> None:
    told = order_input(ReleaseOrder(read(shop)), {})["line_items"]
    wanted = {
        str(500 + number): (line.sku, line.current)
        for number, line in enumerate(shop.lines)
        if line.ships and line.product and line.current
    }
    assert {line["partner_line_item_id"]: (line["sku"], line["quantity"]) for line in told} == wanted


@settings(max_examples=150)
@given(shop_orders(), st.data())
def test_one_minor_unit_anywhere_is_found(shop: ShopOrder, data: st.DataObject) -> None:
    """Change one amount of a balanced order: the proof fails, and the quick one does not pass either."""
    order = read(shop)
    where = data.draw(st.sampled_from(["total", "line", "tax", "discounts"]))
    unit = minor_unit(order.currency) * data.draw(st.sampled_from([-1, 1, 7]))
    totals = order.totals
    if where == "line":
        at = data.draw(st.integers(0, len(order.lines) - 1))
        line = order.lines[at]
        price = msgspec.structs.replace(line.unit_price, shop=line.unit_price.shop + unit)
        lines = (*order.lines[:at], msgspec.structs.replace(line, unit_price=price), *order.lines[at + 1 :])
        off = msgspec.structs.replace(order, lines=lines)
    else:
        told = getattr(totals, where)
        changed = msgspec.structs.replace(told, shop=told.shop + unit)
        off = msgspec.structs.replace(order, totals=msgspec.structs.replace(totals, **{where: changed}))
    ceiling = str(abs(order.totals.rounding.shop))
    assert prove(order, ceiling).balanced
    assert not prove(off, ceiling).balanced
    assert not balances(off, ceiling)
