"""Prices and units: exact or not at all, and the price that holds for a quantity."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.domain.pricing import Price, PriceMaster, UnitError, convert, currencies, priced_in, quote

D = Decimal
ITEM = PriceMaster(
    "SKU-1",
    "1001",
    (
        Price("1", "USD", D("24.00")),
        Price("1", "USD", D("21.60"), least=D(10)),
        Price("2", "USD", D("19.20")),
        Price("1", "EUR", D("22.00")),
    ),
    "Dozen",
    "Each",
    {"Each": D(1), "Dozen": D(12), "Carton": D(48), "Foot": D("0.3048")},
)


@pytest.mark.parametrize(
    ("quantity", "given", "wanted", "comes_to"),
    [
        (D(3), "Carton", "Each", D(144)),
        (D(6), "Each", "Dozen", D("0.5")),
        (D("2.5"), "Carton", "Dozen", D(10)),
        (D("0.1"), "Foot", "Each", D("0.03048")),
        (D(7), "Dozen", "Dozen", D(7)),
    ],
)
def test_a_quantity_is_the_same_quantity_in_another_unit(quantity: D, given: str, wanted: str, comes_to: D) -> None:
    assert convert(ITEM, quantity, given, wanted) == comes_to


def test_what_no_decimal_states_is_refused_and_not_rounded() -> None:
    with pytest.raises(UnitError, match="5 Each of SKU-1 is no exact number of Dozen") as refused:
        convert(ITEM, D(5), "Each", "Dozen")
    assert refused.value.unit == "Each"


@pytest.mark.parametrize("unit", ["Pallet", "", "each"])
def test_a_unit_that_the_item_does_not_have_is_named(unit: str) -> None:
    with pytest.raises(UnitError, match="has no unit") as refused:
        convert(ITEM, D(1), unit, "Each")
    assert refused.value.unit == unit
    assert "Carton, Dozen, Each, Foot" in str(refused.value)


def test_an_item_without_units_has_one_and_no_other() -> None:
    plain = PriceMaster("SKU-2", "1002", (Price("", "USD", D("9.99")),))
    assert convert(plain, D(3), "", "") == D(3)
    with pytest.raises(UnitError, match="it has: none"):
        convert(plain, D(3), "Each", "")


@pytest.mark.parametrize(
    ("lists", "currency", "quantity", "unit", "amount"),
    [
        ("1", "USD", D(1), "", D("24.00")),
        ("1", "USD", D("9.99"), "", D("24.00")),
        ("1", "USD", D(10), "", D("21.60")),
        ("1", "USD", D(119), "Each", D("24.00")),
        ("1", "USD", D(120), "Each", D("21.60")),
        ("1", "USD", D("2.5"), "Carton", D("21.60")),
        ("2", "USD", D(500), "", D("19.20")),
        ("1", "EUR", D(500), "", D("22.00")),
        ("2", "EUR", D(1), "", None),
        ("9", "USD", D(1), "", None),
    ],
)
def test_the_price_that_holds_for_a_quantity(
    lists: str, currency: str, quantity: D, unit: str, amount: D | None
) -> None:
    found = quote(ITEM, lists, currency, quantity, unit)
    assert (found.amount if found else None) == amount


def test_a_price_in_another_unit_is_exact_or_refused() -> None:
    dozen = ITEM.prices[0]
    assert priced_in(ITEM, dozen, "Each") == D(2)
    assert priced_in(ITEM, dozen, "Carton") == D(96)
    with pytest.raises(UnitError, match="is no exact price for one Each"):
        priced_in(ITEM, Price("1", "USD", D("24.01")), "Each")
    assert currencies(ITEM, ["1"]) == ["EUR", "USD"]


@given(st.decimals(0, 10**9, places=4), st.sampled_from(["Each", "Dozen", "Carton"]))
def test_there_and_back_is_the_same_to_the_last_digit(quantity: D, unit: str) -> None:
    assert convert(ITEM, convert(ITEM, quantity, unit, "Each"), "Each", unit) == quantity
