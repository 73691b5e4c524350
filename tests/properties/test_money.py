"""Money is exact: in every currency, through every sum and every stored form."""

from decimal import Decimal, localcontext

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from crossdock.domain.money import Amount, exponent, minor_unit, rounded

CURRENCIES = st.sampled_from(["JPY", "KRW", "CLP", "EUR", "USD", "AUD", "KWD", "BHD", "TND", "XXX"])
WHOLE = st.integers(-(10**13), 10**13)
AMOUNTS = st.decimals(-(10**9), 10**9, places=6)


@given(CURRENCIES)
def test_the_minor_unit_is_what_the_exponent_says(currency: str) -> None:
    assert exponent(currency) in (0, 2, 3)
    assert minor_unit(currency) * 10 ** exponent(currency) == 1


@given(AMOUNTS, CURRENCIES)
def test_rounding_is_to_the_nearest_half_up_and_settled(amount: Decimal, currency: str) -> None:
    unit = minor_unit(currency)
    once = rounded(amount, currency)
    assert once % unit == 0
    assert abs(once - amount) <= unit / 2
    assert rounded(once, currency) == once
    assert rounded(-amount, currency) == -once, "half goes away from zero on both sides: a refund mirrors its charge"


@given(st.lists(st.tuples(WHOLE, st.integers(0, 999)), max_size=30), CURRENCIES)
def test_a_sum_does_not_depend_on_the_order_of_its_parts(parts: list[tuple[int, int]], currency: str) -> None:
    unit = minor_unit(currency)
    amounts = [unit * whole * quantity for whole, quantity in parts]
    assert sum(amounts, Decimal(0)) == sum(reversed(amounts), Decimal(0)) == sum(sorted(amounts), Decimal(0))
    assert sum(amounts, Decimal(0)) == unit * sum(whole * quantity for whole, quantity in parts)


@given(AMOUNTS, st.none() | AMOUNTS)
def test_an_amount_is_stored_and_read_without_a_float(shop: Decimal, presentment: Decimal | None) -> None:
    amount = Amount(shop, presentment)
    stored = msgspec.json.encode(amount)
    again = msgspec.json.decode(stored, type=Amount)
    assert again == amount
    assert str(again.shop) == str(shop), "trailing zeros say in what unit an amount was told"
    assert stored.startswith(b'["'), "as text: a JSON number would be read as a float by somebody"


@given(AMOUNTS, st.none() | AMOUNTS)
def test_each_side_is_asked_for_by_name(shop: Decimal, presentment: Decimal | None) -> None:
    amount = Amount(shop, presentment)
    assert amount.on("shop") == shop
    assert amount.on("presentment") == (shop if presentment is None else presentment)


@given(WHOLE, CURRENCIES)
def test_nothing_depends_on_the_precision_of_whoever_calls(whole: int, currency: str) -> None:
    amount = minor_unit(currency) * whole
    with localcontext() as context:
        context.prec = 60
        assert rounded(amount, currency) == amount
