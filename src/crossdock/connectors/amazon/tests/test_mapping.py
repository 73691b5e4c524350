"""What an Amazon order means in canonical words."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossdock.connectors.amazon import CONNECTOR
from crossdock.domain.events import Event, LaterSeen, OrderSeen, ShipmentSeen, SignalSeen
from crossdock.domain.order import ChargeKind, Order, PaymentStatus, TaxLine
from crossdock.domain.totals import prove
from crossdock.kit.manifest import Untranslatable

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.json"))
ORDERS = [path for path in SAMPLES if path.stem.startswith("order.")]
US = "order.us_facilitator_gift_and_promotions"


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES[0].parent / f"{name}.json").read_text("utf-8"))["body"]
    return found


def order_of(body: Any) -> Order:
    event, *_ = CONNECTOR.translate("amazon", "order", json.dumps(body).encode())
    assert isinstance(event, OrderSeen)
    return event.order


def failure(body: Any) -> Untranslatable:
    with pytest.raises(Untranslatable) as caught:
        order_of(body)
    return caught.value


def sums(order: Order) -> dict[str, Decimal]:
    return {name: getattr(order.totals, name).shop for name in ("total", "lines", "discounts", "tax", "charges")}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_gives_its_expected_events(path: Path) -> None:
    told = json.loads(path.read_text("utf-8"))
    events = CONNECTOR.translate("amazon", told["topic"], json.dumps(told["body"]).encode())
    assert events == msgspec.convert(told["events"], list[Event], strict=False)


@pytest.mark.parametrize("path", ORDERS, ids=lambda path: path.stem)
def test_each_sample_balances(path: Path) -> None:
    proof = prove(order_of(json.loads(path.read_text("utf-8"))["body"]))
    assert proof.balanced, proof.findings


def test_what_amazon_collects_is_amazons_to_pay_and_part_of_the_total() -> None:
    order = order_of(sample(US))
    assert not order.tax_inclusive
    assert {name: str(amount) for name, amount in sums(order).items()} == {
        "total": "37.34", "lines": "33.00", "discounts": "7.50", "tax": "2.85", "charges": "8.99",
    }  # fmt: skip
    taxes = [tax for line in order.lines for tax in line.taxes]
    taxes += [tax for charge in order.charges for tax in charge.taxes]
    assert {tax.title for tax in taxes} == {"US tax"}
    assert all(tax.channel_liable for tax in taxes)
    mug, plate = order.lines
    assert (mug.unit_price.shop, mug.quantity, mug.sku) == (Decimal("12.50"), Decimal(2), "MUG-RED")
    assert [(one.amount.shop, one.code) for one in mug.discounts] == [(Decimal("2.50"), "TEN-OFF, FREE-SHIP")]
    assert plate.discounts == ()


def test_shipping_and_gift_wrap_are_charges_with_what_is_theirs() -> None:
    shipping, wrap = order_of(sample(US)).charges
    assert (shipping.kind, shipping.code, shipping.amount.shop) == (ChargeKind.SHIPPING, "STANDARD", Decimal("5.00"))
    assert [one.amount.shop for one in shipping.discounts] == [Decimal("5.00")]
    assert shipping.taxes == ()
    assert (wrap.kind, wrap.title, wrap.amount.shop) == (ChargeKind.FEE, "Gift wrap", Decimal("3.99"))
    assert [tax.amount.shop for tax in wrap.taxes] == [Decimal("0.33")]
    assert order_of(sample(US)).note == "Gift message: All the best"


def test_the_service_level_is_told_even_when_shipping_is_free() -> None:
    (shipping,) = order_of(sample("order.no_person")).charges
    assert (shipping.kind, shipping.code, shipping.amount.shop) == (ChargeKind.SHIPPING, "STANDARD", Decimal(0))


def test_tax_inside_the_prices_is_the_sellers() -> None:
    order = order_of(sample("order.de_tax_included_discount"))
    assert order.tax_inclusive
    assert order.totals.total.shop == Decimal("37.03")
    (line,) = order.lines
    assert line.taxes == (TaxLine(line.taxes[0].amount, "DE tax"),)
    assert (order.customer and order.customer.company, order.po_number) == ("Brandt GmbH", "PO-77")
    assert order.ship_to is not None
    assert (order.ship_to.line1, order.ship_to.line2) == ("Brandt GmbH", "Lindenweg 4, Hinterhaus")
    assert (order.ship_to.region, order.ship_to.region_code, order.region) == (None, None, "DE")


def test_yen_have_no_decimals_and_cash_on_delivery_is_not_paid_yet() -> None:
    order = order_of(sample("order.jp_yen_cash_on_delivery"))
    assert (order.currency, str(order.totals.total.shop)) == ("JPY", "1530")
    assert order.payment_status is PaymentStatus.PENDING
    assert [(charge.title, str(charge.amount.shop)) for charge in order.charges][1:] == [("Cash on delivery", "330")]
    assert order.payments[0].amount is not None
    assert (order.payments[0].gateway, order.payments[0].amount.shop) == ("CashOnDelivery", Decimal(1530))


def test_tax_that_amazon_keeps_back_is_no_part_of_the_order() -> None:
    order = order_of(sample("order.us_tax_withheld"))
    assert not order.tax_inclusive
    assert order.totals.tax.shop == 0
    assert order.lines[0].taxes == ()
    assert order.totals.total.shop == Decimal("12.50")


def test_tax_inside_the_prices_of_a_country_with_tax_inside_is_told_though_amazon_pays_it() -> None:
    body = sample("order.us_tax_withheld")
    body["salesChannel"] |= {"marketplaceId": "A1F83G8C2ARO7P"}
    order = order_of(body)
    assert order.tax_inclusive
    assert [tax.channel_liable for tax in order.lines[0].taxes] == [True]


def test_missing_people_are_no_error() -> None:
    order = order_of(sample("order.no_person"))
    assert (order.customer, order.ship_to, order.bill_to, order.region) == (None, None, None, "US")


def test_a_replacement_costs_nothing() -> None:
    order = order_of(sample("order.replacement_without_money"))
    assert (order.totals.total.shop, order.currency) == (Decimal(0), "USD")
    assert list(order.tags) == ["REPLACEMENT_ORIGINAL_ID"]
    assert order.lines[0].requires_shipping
    assert order.payment_status is PaymentStatus.PAID


def test_what_amazon_shipped_left_without_us() -> None:
    body = sample("order.shipped_by_amazon")
    seen, left = CONNECTOR.translate("amazon", "order", json.dumps(body).encode())
    assert isinstance(seen, OrderSeen)
    assert isinstance(left, ShipmentSeen)
    assert not seen.order.lines[0].requires_shipping
    assert (left.source, left.shipment.id) == ("amazon", "111-0000001-0000011-left")
    body["lastUpdatedTime"] = "2026-12-01T00:00:00Z"
    _, again = CONNECTOR.translate("amazon", "order", json.dumps(body).encode())
    assert isinstance(again, ShipmentSeen)
    assert (again.shipment.id, again.shipment.lines) == (left.shipment.id, left.shipment.lines), (
        "a later view adds none"
    )


def test_a_cancellation_is_told_with_its_reason() -> None:
    order = order_of(sample("order.cancelled_before_it_was_paid"))
    assert order.cancelled_at == order.updated_at
    assert order.cancel_reason == "No longer needed"
    assert order.payment_status is PaymentStatus.VOIDED


def test_partial_cancellations_are_read_either_way() -> None:
    (line,) = order_of(sample("order.partly_cancelled")).lines
    assert (line.quantity, line.current_quantity, line.unit_price.shop) == (Decimal(2), None, Decimal("12.50"))
    body = sample("order.partly_cancelled")  # the money is for three still
    for row in (body["orderItems"][0]["proceeds"]["breakdowns"][0], body["proceeds"]["breakdowns"][0]):
        row["subtotal"]["amount"] = "37.50"
    body["proceeds"]["grandTotal"]["amount"] = "37.50"
    (line,) = order_of(body).lines
    assert (line.quantity, line.current_quantity) == (Decimal(3), Decimal(2))
    assert prove(order_of(body)).balanced
    kept, gone = order_of(sample("order.one_item_cancelled")).lines
    assert (kept.quantity, gone.quantity, gone.current_quantity) == (Decimal(2), Decimal(0), None)


def test_a_sum_that_no_unit_price_gives_is_divided() -> None:
    order = order_of(sample("order.bundle_price_and_tip"))
    assert order.lines[0].unit_price.shop == Decimal("3.33333333")
    assert order.charges[-1].kind is ChargeKind.TIP
    assert order.totals.lines.shop == 10


def test_whatever_does_not_add_up_fails_the_proof() -> None:
    for amount in ("37.33", "40.00", "34.49"):
        body = sample(US)
        body["proceeds"]["grandTotal"]["amount"] = amount
        if amount != "34.49":  # without the tax: that would be "kept back"
            assert not prove(order_of(body)).balanced, amount
        else:
            assert prove(order_of(body)).balanced
            assert order_of(body).lines[0].taxes == ()
    body = sample(US)
    body["orderItems"][0]["proceeds"]["breakdowns"][0]["subtotal"]["amount"] = "24.00"
    assert not prove(order_of(body)).balanced
    body = sample(US)
    body["proceeds"]["breakdowns"][0]["subtotal"]["amount"] = "32.00"
    assert {finding.code for finding in prove(order_of(body)).findings} == {"lines"}


def test_a_discount_told_as_a_positive_amount_is_one_all_the_same() -> None:
    body = sample(US)
    rows = [body["orderItems"][0]["proceeds"]["breakdowns"][3], body["proceeds"]["breakdowns"][3]]
    for row in rows:
        row["subtotal"]["amount"] = row["subtotal"]["amount"].lstrip("-")
    for part in rows[0]["detailedBreakdowns"]:
        part["value"]["amount"] = part["value"]["amount"].lstrip("-")
    assert prove(order_of(body)).balanced
    assert order_of(body) == order_of(sample(US))


@pytest.mark.parametrize(
    ("path", "value", "code", "field"),
    [
        (("fulfillment",), None, "amazon.field_missing", "fulfillment"),
        (("fulfillment", "fulfillmentStatus"), "NEW", "amazon.status_unknown", "fulfillment.fulfillmentStatus"),
        (("fulfillment", "fulfillmentStatus"), "PENDING", "amazon.status_unknown", "fulfillment.fulfillmentStatus"),
        (("fulfillment", "fulfilledBy"), None, "amazon.status_unknown", "fulfillment.fulfilledBy"),
        (("proceeds",), None, "amazon.amount_missing", "proceeds.grandTotal"),
        (("proceeds", "grandTotal", "amount"), "x", "amazon.amount_not_a_number", "proceeds.grandTotal"),
        (("proceeds", "grandTotal", "amount"), "1E+999", "amazon.amount_not_a_number", "proceeds.grandTotal"),
        (("proceeds", "grandTotal", "currencyCode"), "EUR", "amazon.currency_mismatch", "orderItems[0].proceeds"),
        (("proceeds", "breakdowns", 0, "type"), "NEW", "amazon.category_unknown", "proceeds.breakdowns[0]"),
        (("orderItems", 0, "proceeds", "breakdowns", 1, "type"), "NEW", "amazon.category_unknown", "orderItems[0]"),
        (("orderItems", 0, "quantityOrdered"), -1, "amazon.quantity_wrong", "orderItems[0].quantityOrdered"),
        (("orderItems", 0, "quantityOrdered"), 10**12, "amazon.quantity_wrong", "orderItems[0].quantityOrdered"),
        (("orderItems", 0, "quantityOrdered"), "2", "amazon.body_unreadable", "orderItems[0].quantityOrdered"),
        (("lastUpdatedTime",), "2026-11-20T09:45:10", "amazon.body_unreadable", "lastUpdatedTime"),
        (("createdTime",), "0001-01-01T00:00:00Z", "amazon.instant_out_of_range", "createdTime"),
        (("orderId",), None, "amazon.body_unreadable", ""),
    ],
)
def test_what_is_off_is_named(path: tuple[Any, ...], value: Any, code: str, field: str) -> None:
    body = sample(US)
    at = body
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    found = failure(body)
    assert found.code == code
    assert (found.field or "").startswith(field)


def test_a_notification_is_a_signal_and_its_body_tells_it_from_the_next() -> None:
    body = json.dumps(sample("ORDER_CHANGE.unshipped")).encode()
    (event,) = CONNECTOR.translate("amazon", "ORDER_CHANGE", body)
    assert isinstance(event, SignalSeen)
    assert (event.kind, event.external_id) == ("order", "111-0000001-0000001")
    (other,) = CONNECTOR.translate("amazon", "ORDER_CHANGE", body.replace(b"000000000001", b"000000000002"))
    assert isinstance(other, SignalSeen)
    assert other.content != event.content


@pytest.mark.parametrize("topic", ["order/ignored", "ORDER_CHANGE/ignored", "other"])
def test_what_is_left_alone_leads_to_nothing(topic: str) -> None:
    assert CONNECTOR.translate("amazon", topic, b"{}") == []


def test_a_change_after_goods_have_left_is_for_the_order_that_is_here() -> None:
    """Whichever way it comes, it says which order and no more."""
    head = {"orderId": "111-1", "createdTime": "2026-11-20T12:00:00Z", "lastUpdatedTime": "2026-11-20T12:00:00Z"}
    change = json.dumps(sample("ORDER_CHANGE.unshipped")).encode()
    for topic, body, order_id in (
        ("order/later", json.dumps(head).encode(), "111-1"),
        ("ORDER_CHANGE/later", change, "111-0000001-0000001"),
    ):
        assert CONNECTOR.translate("amazon", topic, body) == [LaterSeen("amazon", order_id)]
        with pytest.raises(Untranslatable):
            CONNECTOR.translate("amazon", topic, b"{}")


def test_an_unknown_topic_is_said() -> None:
    with pytest.raises(Untranslatable) as caught:
        CONNECTOR.translate("amazon", "orders", b"{}")
    assert caught.value.code == "amazon.topic_unknown"


def test_what_amazon_promised_the_buyer_is_kept() -> None:
    body = sample(US)
    body["fulfillment"]["shipByWindow"] = {"latestDateTime": "2026-11-25T07:59:59Z"}
    body["fulfillment"]["deliverByWindow"] = {"earliestDateTime": "2026-11-27T08:00:00Z"}
    order = order_of(body)
    assert (order.ship_by, order.deliver_by) == (datetime(2026, 11, 25, 7, 59, 59, tzinfo=UTC), None)
