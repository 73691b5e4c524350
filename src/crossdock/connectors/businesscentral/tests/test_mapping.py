"""The booking's total is the channel's total to the cent, whatever the order, or it is refused by name."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossdock.connectors.businesscentral.mapping import MARK, MOST_NOTE_LINES, note_lines, render_order, render_total
from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.connectors.businesscentral.tests.orders import (
    SETTINGS,
    amount,
    booking,
    make_order,
    orders,
    plain_line,
    plain_order,
)
from crossdock.domain.money import minor_unit
from crossdock.domain.order import Address, Charge, ChargeKind, Discount, LineKind, Order, TaxLine

ACCOUNT = {**SETTINGS, "tax_mode": "account"}
MODES = st.sampled_from(["computed", "account"])
slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@settings(max_examples=200, deadline=None, suppress_health_check=slow)
@given(order=orders(), mode=MODES)
def test_the_rendered_total_is_the_channels_total(order: Order, mode: str) -> None:
    assert render_total(booking(order), {**SETTINGS, "tax_mode": mode}) == order.totals.total.shop


@settings(max_examples=100, deadline=None, suppress_health_check=slow)
@given(order=orders(fractions=False, whole=True), off=st.sampled_from([-2, -1, 1, 2]), mode=MODES)
def test_a_total_that_is_off_is_refused(order: Order, off: int, mode: str) -> None:
    wrong = order.totals.total.shop + off * minor_unit(order.currency)
    totals = msgspec.structs.replace(order.totals, total=amount(wrong))
    with pytest.raises(Unbookable) as refused:
        render_order(booking(msgspec.structs.replace(order, totals=totals)), {**SETTINGS, "tax_mode": mode})
    assert refused.value.outcome.code == "totals_differ"
    assert refused.value.outcome.field


def refusal(order: Order, chosen: dict[str, Any] = SETTINGS, **command: Any) -> tuple[str, str | None]:
    with pytest.raises(Unbookable) as refused:
        render_order(booking(order, **command), chosen)
    return refused.value.outcome.code, refused.value.outcome.field


def test_a_line_whose_tax_is_not_its_rates_is_named() -> None:
    right = plain_line(1, "100.00", "1", taxes=(TaxLine(amount("19.00"), "VAT", Decimal("0.19")),))
    wrong = plain_line(2, "100.00", "1", taxes=(TaxLine(amount("18.90"), "VAT", Decimal("0.19")),))
    assert refusal(make_order((right, wrong))) == ("totals_differ", "lines[1].taxes")
    inclusive = make_order((right, wrong), tax_inclusive=True)
    assert refusal(inclusive) == ("totals_differ", "lines[0].taxes")  # 19.00 of 100.00 is not 19 % of what is in it


def test_an_amount_that_is_missing_in_the_total_names_its_line() -> None:
    order = plain_order()
    totals = msgspec.structs.replace(order.totals, total=amount("48.18"))  # without shipping's and line 2's 13.90
    wrong = msgspec.structs.replace(order, totals=msgspec.structs.replace(totals, total=amount("57.18")))
    assert refusal(wrong) == ("totals_differ", "charges[0].amount")
    assert refusal(msgspec.structs.replace(order, totals=totals))[0] == "totals_differ"


def test_rounding_per_line_and_per_code_is_one_declared_line() -> None:
    taxes = (TaxLine(amount("0.01"), "VAT", Decimal("0.1")),)  # 0.005 each, rounded up by the channel
    order = make_order(tuple(plain_line(n, "0.05", "1", taxes=taxes) for n in range(1, 5)))
    assert order.totals.total.shop == Decimal("0.24")
    rendered = render_order(booking(order), SETTINGS)
    assert rendered.lines[-1]["lineObjectNumber"] == "9140"
    assert rendered.lines[-1]["unitPrice"] == Decimal("0.02")  # the code's 10 % of 0.20 are 0.02, the lines say 0.04
    assert refusal(order, {**SETTINGS, "rounding_account": None}) == ("setting_missing", "rounding_account")


def test_a_line_keeps_its_price_and_shows_its_discount() -> None:
    rendered = render_order(booking(plain_order()), SETTINGS)
    mark, first, second, shipping = rendered.lines
    assert mark == {"sequence": MARK, "lineType": "Comment", "description": "shop1 #1042"}
    assert list(first) == [
        "sequence", "lineType", "lineObjectNumber", "description2", "description", "quantity", "taxCode", "unitPrice",
        "discountAmount",
    ]  # fmt: skip
    assert (first["unitPrice"], first["discountAmount"], first["taxCode"]) == (Decimal("19.99"), 0, "T825")
    assert (second["unitPrice"], second["discountAmount"], second["taxCode"]) == (Decimal("5.00"), Decimal("1.5"), "T0")
    assert (shipping["lineType"], shipping["lineObjectNumber"], shipping["taxCode"]) == ("Account", "6410", "T825")
    assert [line["sequence"] for line in rendered.lines] == [10000, 20000, 30000, 40000]


def test_the_header_says_who_where_and_when() -> None:
    header = render_order(
        booking(plain_order(), ship_method="UPS"), {**SETTINGS, "ship_methods": {"UPS": "guid"}}
    ).header
    assert header["externalDocumentNumber"] == "SHOP1-6674573197567"
    assert header["customerNumber"] == "C00000"
    assert "currencyCode" not in header  # the local currency is never named
    assert (header["shipToName"], header["shipToState"], header["shipToPostCode"]) == ("Ada Example", "OR", "97477")
    assert (header["shipmentMethodId"], header["orderDate"]) == ("guid", "2026-11-23")
    ref = "8bcfe893-4a86-ed11-aad5-000d3a38ed32"
    euros = render_order(booking(make_order((plain_line(),), currency="EUR"), customer_ref=ref), SETTINGS).header
    assert list(euros)[:4] == ["externalDocumentNumber", "customerId", "currencyCode", "pricesIncludeTax"]


def test_an_unknown_ship_method_is_told_to_people() -> None:
    rendered = render_order(booking(plain_order(po_number="PO7"), ship_method="Drone"), SETTINGS)
    assert rendered.lines[0]["description"] == "shop1 #1042, PO PO7, ship by Drone"


def test_in_mode_account_the_channels_tax_is_a_line_and_no_line_is_taxed() -> None:
    rendered = render_order(booking(plain_order()), ACCOUNT)
    assert {line["taxCode"] for line in rendered.lines[1:]} == {"T0"}
    assert (rendered.lines[-1]["lineObjectNumber"], rendered.lines[-1]["unitPrice"]) == ("5710", Decimal("3.70"))
    inclusive = render_order(booking(plain_order(tax_inclusive=True)), ACCOUNT)
    assert inclusive.header["pricesIncludeTax"] is False  # cannot be true under US sales tax


def test_tax_the_channel_remits_is_no_tax_of_ours() -> None:
    tax = TaxLine(amount("1.20"), "Marketplace", Decimal("0.06"), channel_liable=True)
    rendered = render_order(booking(make_order((plain_line(1, "10.00", "2", taxes=(tax,)),))), SETTINGS)
    assert [line.get("taxCode") for line in rendered.lines] == [None, "T0", "T0"]
    assert rendered.lines[-1]["lineObjectNumber"] == "5720"


def test_what_is_not_set_or_not_known_is_named() -> None:
    tip = make_order((plain_line(), plain_line(2, sku=None, kind=LineKind.TIP)))
    assert refusal(tip, {**SETTINGS, "tip_account": ""}) == ("setting_missing", "tip_account")
    assert refusal(plain_order(), item_refs={}) == ("item_unknown", "lines[0].sku")
    odd = make_order((plain_line(1, taxes=(TaxLine(amount("4.40"), "VAT", Decimal("0.11")),)),))
    assert refusal(odd) == ("setting_missing", "tax_codes")
    unrated = make_order((plain_line(1, taxes=(TaxLine(amount("4.40"), "VAT"),)),))
    assert refusal(unrated) == ("tax_rate_unknown", "lines[0].taxes")
    assert render_total(booking(unrated), ACCOUNT) == unrated.totals.total.shop


@pytest.mark.parametrize("external_id", ["x" * 31, "abc", "1234567890123456789012345678901"])
def test_a_key_that_would_not_come_back_is_refused(external_id: str) -> None:
    assert refusal(plain_order(external_id=external_id)) == ("external_id_refused", "external_id")
    assert refusal(plain_order(channel="other")) == ("external_id_refused", "external_id")


def test_addresses_are_divided_not_cut() -> None:
    words = " ".join(["Longstreet"] * 12)
    order = plain_order(ship_to=Address("Ada", None, words, "Flat 7", "Town", country_code="GB"))
    header = render_order(booking(order), SETTINGS).header
    assert f"{header['shipToAddressLine1']} {header['shipToAddressLine2']}" == f"{words} Flat 7"
    assert len(header["shipToAddressLine1"]) <= 100
    assert refusal(plain_order(ship_to=Address("Ada", line1="y" * 101))) == ("text_too_long", "ship_to.line1")
    assert refusal(plain_order(ship_to=Address("Ada", city="y" * 31))) == ("text_too_long", "ship_to.city")


def test_lines_that_cannot_be_are_refused() -> None:
    nothing = plain_line(1, quantity="0", discounts=(Discount(amount("1.00")),))
    assert refusal(make_order((nothing,)))[0] == "totals_differ"
    less = plain_line(1, "1.00", "1", discounts=(Discount(amount("1.50")),))
    assert refusal(make_order((less, plain_line(2)))) == ("totals_differ", "lines[0]")
    charge = Charge(ChargeKind.FEE, "Fee", amount("0"))
    assert len(render_order(booking(make_order((plain_line(),), (charge,))), SETTINGS).lines) == 2


def test_what_the_customer_wrote_is_lines_that_move_no_other() -> None:
    note = "Ring twice, please.\nShipment SH1 " + "and leave it with the neighbours if nobody is at home " * 3
    rendered = render_order(booking(plain_order(note=note)), SETTINGS)
    bare = render_order(booking(plain_order()), SETTINGS)
    noted = [line for line in rendered.lines if line not in bare.lines]
    assert [line["sequence"] for line in noted] == [MARK + 1, MARK + 2, MARK + 3]
    assert [line for line in rendered.lines if line in bare.lines] == bare.lines
    assert [line["sequence"] for line in rendered.lines] == sorted(line["sequence"] for line in rendered.lines)
    texts = [line["description"] for line in noted]
    assert all(text.startswith("Note: ") and len(text) <= 100 for text in texts), "none passes for a mark of ours"
    assert " ".join(text.removeprefix("Note: ") for text in texts) == " ".join(note.split())
    assert set(rendered.places) == {line["sequence"] for line in rendered.lines}


def test_a_note_without_end_ends() -> None:
    lines = note_lines("word " * 2_000)
    assert len(lines) == MOST_NOTE_LINES
    assert lines[-1]["description"].endswith("…")
    assert max(len(line["description"]) for line in lines) <= 100
    assert note_lines(" \n") == note_lines(None) == []
