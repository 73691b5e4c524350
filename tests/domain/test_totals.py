"""The money proof: honest orders balance to the cent in every currency, dishonest ones name what is off."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.factories import five_lines, line, money, order, shipping, smallest, totals_of, with_changes

from crossdock.domain.money import NOTHING, Amount
from crossdock.domain.order import Charge, ChargeKind, Order, OrderLine, Payment, Totals
from crossdock.domain.totals import balances, prove

CURRENCIES = ["EUR", "JPY", "KWD", "USD"]


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Orders as an honest channel makes them, with 0, 2 or 3 decimals, prices with or without tax."""
    currency = draw(st.sampled_from(CURRENCIES))
    unit = smallest(currency)
    inclusive = draw(st.booleans())
    rate = draw(st.sampled_from([Decimal("0"), Decimal("0.05"), Decimal("0.1"), Decimal("0.19")]))
    lines = []
    for n in range(draw(st.integers(1, 6))):
        price = draw(st.integers(0, 100_000)) * unit
        quantity = draw(st.integers(1, 9))
        discount = draw(st.integers(0, int(price * quantity / unit))) * unit
        net = price * quantity - discount
        tax = (net * rate / (1 + rate) if inclusive else net * rate).quantize(unit, ROUND_HALF_UP)
        lines.append(line(str(n), price=price, quantity=quantity, discount=discount, tax=tax, rate=str(rate)))
    charges = [shipping(draw(st.integers(0, 2_000)) * unit)] if draw(st.booleans()) else []
    return order(lines=lines, charges=charges, inclusive=inclusive, currency=currency)


@given(orders())
def test_honest_orders_balance(one: Order) -> None:
    assert balances(one)
    proof = prove(one)
    assert proof.balanced
    assert proof.findings == ()
    assert proof.sides[0].difference == 0


@given(orders(), st.sampled_from(["total", "lines", "discounts", "tax", "charges"]), st.integers(-500, 500))
def test_a_sum_that_is_off_by_any_minor_unit_is_named(one: Order, name: str, units: int) -> None:
    off = units * smallest(one.currency)
    stated = getattr(one.totals, name).shop
    wrong = with_changes(one, totals=with_changes(one.totals, **{name: Amount(stated + off)}))
    proof = prove(wrong)
    assert proof.balanced is (units == 0)
    assert balances(wrong) is (units == 0)
    if units:
        assert [finding.code for finding in proof.findings if not finding.code.startswith("line_")] == [name]


@given(orders(), st.integers(1, 500))
def test_the_wrong_line_is_told_by_its_tax_rate(one: Order, units: int) -> None:
    first = one.lines[0]
    tax = with_changes(first.taxes[0], amount=Amount(first.taxes[0].amount.shop + (units + 1) * smallest(one.currency)))
    wrong = with_changes(one, lines=(with_changes(first, taxes=(tax,)), *one.lines[1:]))
    findings = prove(wrong).findings
    assert "tax" in {finding.code for finding in findings}
    assert [finding.where for finding in findings if finding.code == "line_tax"] == [first.id]


def test_the_proof_shows_its_terms() -> None:
    [side] = prove(five_lines()).sides
    assert {term.name: (term.sign, term.value) for term in side.terms} == {
        "lines": (1, Decimal("299.85")),
        "discounts": (-1, Decimal("5.00")),
        "charges": (1, Decimal("5.00")),
        "tax": (1, Decimal("20.00")),
        "rounding": (1, Decimal(0)),
    }
    assert side.expected == side.stated == Decimal("319.85")


def test_included_tax_is_shown_and_not_added() -> None:
    [side] = prove(order(lines=[line(price="11.00", tax="1.00", rate="0.1")], inclusive=True)).sides
    assert side.stated == Decimal("11.00")
    assert next(term for term in side.terms if term.name == "tax").sign == 0


def test_declared_rounding_is_bounded_by_the_route() -> None:
    one = order(lines=[line(price="10.02")], rounding=money("-0.02"))
    assert [finding.code for finding in prove(one).findings] == ["rounding"]
    assert prove(one, "0.04").balanced
    assert balances(one, "0.04")
    assert not balances(one, "0.01")


def test_a_gift_card_as_tender_reduces_nothing() -> None:
    one = order(payments=(Payment("gift_card", money("10.00"), "success", gift_card=True),))
    assert prove(one).balanced


@pytest.mark.parametrize(("presentment", "balanced"), [("15.00", True), ("15.01", False)])
def test_both_sides_must_balance(presentment: str, balanced: bool) -> None:
    both = OrderLine("1", "Product", Decimal(2), Amount(Decimal("5.00"), Decimal("7.50")), "SKU-1")
    totals = Totals(Amount(Decimal("10.00"), Decimal(presentment)), Amount(Decimal("10.00"), Decimal("15.00")))
    one = order(lines=[both], totals=totals, presentment_currency="USD")
    proof = prove(one)
    assert [side.basis for side in proof.sides] == ["shop", "presentment"]
    assert proof.balanced is balanced
    assert proof.sides[0].findings == ()


def test_unit_prices_finer_than_the_minor_unit_may_round() -> None:
    lines = [line(price="0.3333", quantity=3)]
    stated = totals_of([line(price="1.00")], [], False)
    assert prove(order(lines=lines, totals=stated)).balanced


@pytest.mark.parametrize(("stated", "balanced"), [("4.99", True), ("5.00", True), ("4.98", False), ("5.01", False)])
def test_half_a_cent_may_be_rounded_either_way(stated: str, balanced: bool) -> None:
    """1.5 m at 3.33 make 4.995: channels round it up or to the even cent; a cent more is wrong."""
    lines = [line(price="3.33", quantity="1.5")]
    totals = totals_of([line(price=stated)], [], False)
    assert prove(order(lines=lines, totals=totals)).balanced is balanced


def test_a_discount_above_the_price_is_named() -> None:
    one = order(lines=[line("7", price="5.00", discount="6.00")], totals=Totals(NOTHING, money("5.00"), money("6.00")))
    assert ("line_discount", "7") in {(finding.code, finding.where) for finding in prove(one).findings}


def test_a_negative_quantity_never_balances() -> None:
    one = order(lines=[line("7", quantity=-1)])
    assert not balances(one)
    assert [(finding.code, finding.where) for finding in prove(one).findings][:1] == [("quantity", "7")]


def test_tips_and_duties_are_charges() -> None:
    charges = [Charge(ChargeKind.TIP, "Tip", money("2.00")), Charge(ChargeKind.DUTY, "Duty", money("1.50"))]
    assert prove(order(charges=charges)).balanced
