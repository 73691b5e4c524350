"""The booking's total is the channel's total to the cent, whatever the order, or it is refused by name."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossdock.connectors.netsuite.documents import external_id
from crossdock.connectors.netsuite.manifest import MANIFEST
from crossdock.connectors.netsuite.mapping import LONGEST_MEMO, render_order, render_total
from crossdock.connectors.netsuite.proof import Unbookable
from crossdock.connectors.netsuite.tests.orders import (
    amount,
    booking,
    make_order,
    orders,
    plain_line,
    plain_order,
    presentment,
)
from crossdock.domain.money import Amount, minor_unit
from crossdock.domain.order import Charge, ChargeKind, Discount, LineKind, Order, OrderLine, TaxLine
from crossdock.kit.http import Exchange
from crossdock.kit.redact import Redactor

SETTINGS: dict[str, Any] = {
    "currencies": {"USD": "1", "EUR": "4", "AUD": "5", "JPY": "8", "KWD": "9"},
    "tax_code": "301",
    "tax_type": "401",
    "shipping_item": "2001",
    "tip_item": "2002",
    "gift_card_item": "2003",
    "duty_item": "2004",
    "rounding_item": "2005",
    "tax_item": "2007",
    "fee_item": "2008",
    "channel_tax_item": "2009",
}
MODES = st.sampled_from(["details", "line", "item"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=orders(), mode=MODES, discount_item=st.sampled_from([None, "2006"]))
def test_the_rendered_total_is_the_channels_total(order: Order, mode: str, discount_item: str | None) -> None:
    chosen = {**SETTINGS, "tax_mode": mode, "discount_item": discount_item}
    assert render_total(booking(order), chosen) == order.totals.total.shop


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=orders(fractions=False), mode=MODES)
def test_the_presentment_side_balances_too(order: Order, mode: str) -> None:
    both = presentment(order, Decimal(7), order.currency)
    assert (
        render_total(booking(both, basis="presentment"), {**SETTINGS, "tax_mode": mode}) == order.totals.total.shop * 7
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=orders(fractions=False), off=st.sampled_from([-2, -1, 1, 2]))
def test_a_total_that_is_off_is_refused(order: Order, off: int) -> None:
    wrong = order.totals.total.shop + off * minor_unit(order.currency)
    order = msgspec.structs.replace(order, totals=msgspec.structs.replace(order.totals, total=Amount(wrong)))
    with pytest.raises(Unbookable) as refused:
        render_order(booking(order), SETTINGS)
    assert refused.value.outcome.code == "totals_differ"
    assert refused.value.outcome.field


def test_the_line_that_is_off_is_named() -> None:
    order = plain_order()
    lost = order.lines[1].unit_price.shop * order.lines[1].quantity
    totals = msgspec.structs.replace(order.totals, total=Amount(order.totals.total.shop - lost))
    with pytest.raises(Unbookable) as refused:
        render_order(booking(msgspec.structs.replace(order, totals=totals)), SETTINGS)
    assert refused.value.outcome.field == "lines[1].unit_price"
    assert "62.08" in refused.value.outcome.detail
    assert order.key in refused.value.outcome.detail


def test_rounding_that_is_left_over_is_a_line_of_its_own() -> None:
    lines = tuple(OrderLine(f"l{n}", "Ribbon", Decimal("0.5"), amount("1.11"), f"SKU-000{n}") for n in (1, 2, 3))
    order = make_order(lines)  # 3 x 0.555 = 1.665 -> 1.67, while three rounded lines make 1.68
    document = render_order(booking(order), SETTINGS)
    assert [str(line["amount"]) for line in document["item"]["items"]] == ["0.56", "0.56", "0.56", "-0.01"]
    assert document["item"]["items"][-1]["item"] == {"id": "2005"}
    with pytest.raises(Unbookable) as refused:
        render_order(booking(order), {**SETTINGS, "rounding_item": None})
    assert refused.value.outcome.field == "rounding_item"


def test_a_tax_inclusive_line_is_net_plus_tax() -> None:
    line = plain_line(
        1, "1599.00", "1", discounts=(Discount(amount("30.00")),), taxes=(TaxLine(amount("142.64"), "GST"),)
    )
    document = render_order(booking(make_order((line,), currency="AUD", tax_inclusive=True)), SETTINGS)
    assert document["item"]["items"][0]["amount"] == Decimal("1426.36")
    assert document["taxDetails"]["items"][0]["taxAmount"] == Decimal("142.64")
    assert document["taxDetailsOverride"] is True


def test_discounts_as_lines_follow_the_line_they_fell_on() -> None:
    document = render_order(booking(plain_order()), {**SETTINGS, "discount_item": "2006"})
    rows = [(line["item"]["id"], str(line["amount"])) for line in document["item"]["items"]]
    assert rows == [("1001", "39.98"), ("1002", "15.00"), ("2006", "-1.50"), ("2001", "4.90")]


def test_tax_the_channel_remits_is_no_tax_of_ours() -> None:
    line = plain_line(1, "10.00", "1", taxes=(TaxLine(amount("0.80"), "State", channel_liable=True),))
    document = render_order(booking(make_order((line,))), SETTINGS)
    assert "taxDetails" not in document
    assert document["item"]["items"][-1]["item"] == {"id": "2009"}
    assert document["item"]["items"][-1]["amount"] == Decimal("0.80")


def test_header_shipping_carries_its_tax_by_reference() -> None:
    document = render_order(booking(plain_order()), {**SETTINGS, "shipping_item": None})
    assert document["shippingCost"] == Decimal("4.90")
    assert document["shippingTaxDetailsReference"] == "SHIPPING"
    assert document["taxDetails"]["items"][-1]["taxDetailsReference"] == "SHIPPING"


def test_every_line_has_a_custom_price() -> None:
    document = render_order(booking(plain_order()), SETTINGS)
    assert {line["price"]["id"] for line in document["item"]["items"]} == {"-1"}


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (make_order((plain_line(1, sku=None),)), "lines[0].sku"),
        (make_order((plain_line(1, sku="SKU-9999"),)), "lines[0].sku"),
        (make_order((plain_line(1),), currency="CHF"), "currencies"),
        (make_order((plain_line(1, kind=LineKind.TIP, sku=None),)), "tip_item"),
        (make_order((plain_line(1),), (Charge(ChargeKind.DUTY, "Duty", amount("3.00")),)), "duty_item"),
    ],
)
def test_what_cannot_be_booked_names_the_field(order: Order, field: str) -> None:
    with pytest.raises(Unbookable) as refused:
        render_order(booking(order), {**SETTINGS, "tip_item": None, "duty_item": None})
    assert refused.value.outcome.field == field
    assert order.key in refused.value.outcome.detail


def test_the_address_names_the_country_by_id_and_the_state_by_code() -> None:
    address = render_order(booking(plain_order()), SETTINGS)["shippingAddress"]
    assert address["country"] == {"id": "US"}
    assert address["state"] == "OR"
    assert "attention" not in address


def test_dates_are_the_accounts_days() -> None:
    late = plain_order(placed_at=plain_order().placed_at.replace(hour=3))
    assert render_order(booking(late), SETTINGS)["tranDate"] == "2026-11-23"
    assert render_order(booking(late), {**SETTINGS, "time_zone": "America/Los_Angeles"})["tranDate"] == "2026-11-22"


def test_a_ship_method_is_an_id_or_is_told_in_the_memo() -> None:
    named = {**SETTINGS, "ship_methods": {"ground": "801"}}
    assert render_order(booking(plain_order(), ship_method="ground"), named)["shipMethod"] == {"id": "801"}
    told = render_order(booking(plain_order(), ship_method="drone"), named)
    assert "shipMethod" not in told
    assert "drone" in told["memo"]


def test_external_ids_hold_only_what_netsuite_takes() -> None:
    assert external_id("shop1-1", "SH9") == "shop1-1-SH9"
    one, other = external_id("shop1-1", "a=b"), external_id("shop1-1", "a_b")
    assert one != other
    assert one.replace("-", "").replace("_", "").isalnum()
    with pytest.raises(Unbookable):
        external_id("shop 1|2")


def test_what_the_customer_wrote_is_in_the_memo_as_far_as_it_fits() -> None:
    memo = render_order(booking(plain_order(note="Ring twice,\n please ")), SETTINGS)["memo"]
    assert memo == "shop1 #1042 · note: Ring twice, please"
    drone = render_order(booking(plain_order(note="Ring"), ship_method="drone"), SETTINGS)["memo"]
    assert drone == "shop1 #1042 · ship by drone · note: Ring"
    assert render_order(booking(plain_order(note=" ")), SETTINGS)["memo"] == "shop1 #1042"
    long = render_order(booking(plain_order(note="Grüße " * 400)), SETTINGS)["memo"]
    assert LONGEST_MEMO - 8 < len(long.encode()) <= LONGEST_MEMO
    assert long.endswith("…")


def test_what_the_customer_wrote_is_not_kept_with_the_call() -> None:
    sent = msgspec.json.encode(render_order(booking(plain_order(note="For Canarynote")), SETTINGS))
    assert b"Canarynote" in sent
    kept = b"".join(Redactor(MANIFEST.redact)([Exchange("PUT", "https://x/salesOrder/eid:1", sent, 200, sent)]))
    assert b"Canarynote" not in kept
    assert b"shop1-6674573197567" in kept
