"""What a Shopify order means in canonical words."""

import copy
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.events import Event, OrderSeen
from crossdock.domain.order import ChargeKind, LineKind, Order, PaymentStatus
from crossdock.domain.totals import prove
from crossdock.kit.manifest import Untranslatable

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.json"))
_ROOT = Path(__file__).parents[5]
_VENDOR = Path(os.environ.get("CROSSDOCK_VENDOR_CONTRACTS") or _ROOT.parent / "shared/vendors/contracts")
REAL = sorted((_VENDOR.parent / "samples").glob("shopify_*.json"))


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES[0].parent / f"{name}.json").read_text())
    return found


def order_of(body: Any, topic: str = "orders/create") -> Order:
    events = CONNECTOR.translate("shop1", topic, json.dumps(body).encode())
    order = events[-1]  # what tells why the view wants less comes before it
    assert isinstance(order, OrderSeen)
    return order.order


def failure(body: Any) -> Untranslatable:
    with pytest.raises(Untranslatable) as caught:
        order_of(body)
    return caught.value


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_gives_its_expected_events(path: Path) -> None:
    told = json.loads(path.read_text())
    events = CONNECTOR.translate("shop1", told["topic"], json.dumps(told["body"]).encode())
    assert events == msgspec.convert(told["events"], list[Event], strict=False)


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.stem.startswith("orders_c")], ids=lambda p: p.stem)
def test_each_sample_balances(path: Path) -> None:
    proof = prove(order_of(json.loads(path.read_text())["body"]), "0.05")
    assert proof.balanced, proof.findings


@pytest.mark.skipif(not REAL, reason="the vendor samples are not here (CROSSDOCK_VENDOR_CONTRACTS)")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_each_real_order_maps_and_balances(path: Path) -> None:
    body = json.loads(path.read_text())
    order = order_of(body)
    assert prove(order).balanced
    assert order.totals.total.shop == Decimal(body["total_price"])
    assert [line.sku for line in order.lines] == [line["sku"] for line in body["line_items"]]
    assert order.updated_at.utcoffset() is not None


def test_tips_and_gift_cards_have_kinds_of_their_own() -> None:
    order = order_of(sample("orders_create.tip_and_gift_card")["body"])
    assert [line.kind for line in order.lines][-2:] == [LineKind.GIFT_CARD, LineKind.TIP]


def test_a_tip_without_a_line_is_a_charge() -> None:
    order = order_of(sample("orders_create.tip_without_line")["body"])
    assert [(c.kind, c.amount.shop) for c in order.charges if c.kind is ChargeKind.TIP] == [
        (ChargeKind.TIP, Decimal("3.00"))
    ]


def test_a_tip_line_in_another_language_is_known_by_its_amount() -> None:
    body = sample("orders_create.tip_and_gift_card")["body"]
    body["line_items"][-1] |= {"name": "Trinkgeld", "title": "Trinkgeld"}
    order = order_of(body)
    assert order.lines[-1].kind is LineKind.TIP
    assert not [charge for charge in order.charges if charge.kind is ChargeKind.TIP]


def test_cash_rounding_moves_what_is_owed() -> None:
    body = sample("orders_create.pos_cash_rounding_no_customer")["body"]
    order = order_of(body)
    assert order.totals.rounding.shop
    assert order.totals.total.shop == Decimal(body["total_price"]) + order.totals.rounding.shop
    assert (order.customer, order.ship_to, order.bill_to, order.region) == (None, None, None, None)


def test_an_empty_sku_is_kept_for_validation_to_name() -> None:
    assert order_of(sample("orders_create.pos_cash_rounding_no_customer")["body"]).lines[0].sku in (None, "")


def test_shop_and_presentment_amounts_stay_apart() -> None:
    order = order_of(sample("orders_create.presentment_jpy")["body"])
    assert (order.currency, order.presentment_currency) == ("EUR", "JPY")
    price = order.lines[0].unit_price
    assert price.presentment is not None
    assert price.presentment > price.shop


def test_a_gift_card_as_tender_is_a_payment() -> None:
    order = order_of(sample("orders_updated.gift_card_tender")["body"], "orders/updated")
    assert [(payment.gateway, payment.gift_card) for payment in order.payments] == [
        ("gift_card", True),
        ("manual", False),
    ]
    assert order.payment_status is PaymentStatus.PARTIALLY_PAID


def test_removed_shipping_lines_count_for_nothing() -> None:
    body = sample("orders_create.test_order")["body"]
    gone = copy.deepcopy(body["shipping_lines"][0]) | {"is_removed": True, "id": 1}
    body["shipping_lines"].append(gone)
    assert len(order_of(body).charges) == 1


def test_duties_included_in_prices_are_not_charged_again() -> None:
    body = sample("orders_create.duties")["body"]
    assert [c.kind for c in order_of(body).charges].count(ChargeKind.DUTY) == 1
    assert not [c for c in order_of(body | {"duties_included": True}).charges if c.kind is ChargeKind.DUTY]


def test_fields_nobody_knows_are_no_obstacle() -> None:
    body = sample("orders_create.test_order")["body"]
    assert order_of(body | {"invented_next_year": [{"deep": 1}]}) == order_of(body)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("line_items", 0, "quantity"), "three", "line_items[0].quantity"),
        (("line_items", 1, "price_set", "shop_money", "amount"), "twelve", "line_items[1].price"),
        (("line_items", 1, "price_set", "shop_money", "amount"), "NaN", "line_items[1].price"),
        (("line_items", 1, "price_set", "shop_money", "amount"), 12, "line_items[1].price_set.shop_money.amount"),
        (("line_items", 0, "price_set", "shop_money", "currency_code"), "GBP", "line_items[0].price"),
        (("updated_at",), "yesterday", "updated_at"),
        (("updated_at",), "2026-11-20T09:30:00", "updated_at"),
        (("financial_status",), "in_limbo", "financial_status"),
        (("total_price_set",), {"shop_money": {}}, "total_price_set.shop_money.amount"),
    ],
)
def test_what_cannot_be_translated_names_the_field(path: tuple[Any, ...], value: Any, field: str) -> None:
    body: Any = sample("orders_create.tax_included_discount")["body"]
    target = body
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    error = failure(body)
    assert error.field == field
    assert error.code.startswith("shopify.")


def test_a_discount_that_is_not_there_is_named() -> None:
    body = sample("orders_create.tax_included_discount")["body"]
    body["discount_applications"] = []
    assert failure(body).field == "line_items[0].discount_allocations[0].discount_application_index"


def test_a_missing_presentment_amount_is_not_guessed() -> None:
    body = sample("orders_create.presentment_jpy")["body"]
    body["line_items"][0]["price_set"] = None
    assert failure(body).code == "shopify.presentment_missing"


def test_a_missing_field_is_named_in_the_text() -> None:
    body = sample("orders_create.test_order")["body"]
    del body["currency"]
    assert "currency" in failure(body).detail
