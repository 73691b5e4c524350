"""A line in another unit: NetSuite counts its own, and the line comes to the same cent."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock.connectors.netsuite.mapping import render_order, render_total
from crossdock.connectors.netsuite.proof import document_total
from crossdock.connectors.netsuite.tests.orders import PLACED
from crossdock.domain.commands import BookOrder
from crossdock.domain.money import Amount
from crossdock.domain.order import Discount, Order, OrderLine, TaxLine, Totals

SETTINGS = {"tax_code": "301", "tax_type": "401", "rounding_item": "2005", "currencies": {"USD": "1"}}
CENT = Decimal("0.01")


def sold(quantity: int, price: Decimal, per_unit: Decimal, off: Decimal, tax: Decimal) -> BookOrder:
    line = OrderLine(
        "1",
        "Thing",
        Decimal(quantity),
        Amount(price),
        "SKU-1",
        unit="Carton",
        per_unit=per_unit,
        discounts=(Discount(Amount(off)),) if off else (),
        taxes=(TaxLine(Amount(tax), "GST"),) if tax else (),
    )
    goods = quantity * price
    totals = Totals(Amount(goods - off + tax), Amount(goods), Amount(off), Amount(tax))
    order = Order("portal1", "7", "7", PLACED, PLACED, "USD", totals, (line,))
    return BookOrder(order, "9001", {"SKU-1": "1001"})


def test_cartons_of_twelve_are_pieces_at_a_rate_that_comes_to_the_line() -> None:
    command = sold(2, Decimal("10.00"), Decimal(12), Decimal(0), Decimal("1.66"))
    document = render_order(command, SETTINGS)
    [row] = document["item"]["items"]
    assert (row["quantity"], row["rate"], row["amount"]) == (Decimal(24), Decimal("0.83333333"), Decimal("20.00"))
    assert document_total(document, CENT) == Decimal("21.66")


def test_a_unit_of_one_is_as_without() -> None:
    plain = sold(2, Decimal("10.00"), Decimal(1), Decimal(0), Decimal(0))
    [row] = render_order(plain, SETTINGS)["item"]["items"]
    assert (row["quantity"], row["rate"]) == (Decimal(2), Decimal("10.00"))


@given(
    quantity=st.integers(1, 500),
    price=st.decimals("0.01", "5000", places=2),
    per_unit=st.sampled_from([Decimal(text) for text in ("1", "6", "12", "48", "144", "0.3048", "0.5", "7")]),
    share=st.integers(0, 50),
    tax=st.decimals("0", "900", places=2),
    discounts=st.booleans(),
)
@settings(deadline=None)
def test_whatever_a_case_holds_the_line_comes_to_its_cent(
    quantity: int, price: Decimal, per_unit: Decimal, share: int, tax: Decimal, discounts: bool
) -> None:
    off = (quantity * price * share / 100).quantize(CENT)
    command = sold(quantity, price, per_unit, off, tax)
    with_item = {**SETTINGS, "discount_item": "2006"} if discounts else SETTINGS
    document = render_order(command, with_item)
    assert document["item"]["items"][0]["quantity"] == quantity * per_unit
    assert len(document["item"]["items"]) == (2 if off and discounts else 1)  # nothing is left over to be rounded
    assert render_total(command, with_item) == command.order.totals.total.shop
