"""An order less its cancelled units balances like any other, and takes off what refunds told to the cent."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.domain.factories import NOON, line, money, order, shipping, with_changes

from crossdock.domain.money import ZERO, Amount
from crossdock.domain.order import Order, OrderLine
from crossdock.domain.refund import Refund, RefundedLine, Restock
from crossdock.domain.standing import standing
from crossdock.domain.totals import prove

cents = st.integers(0, 99_999).map(lambda minor: Decimal(minor).scaleb(-2))


@st.composite
def lines(draw: st.DrawFn, number: int) -> OrderLine:
    quantity = draw(st.integers(1, 9))
    price = draw(cents)
    off = draw(st.none() | st.integers(0, int(price * quantity * 100)).map(lambda minor: Decimal(minor).scaleb(-2)))
    tax = draw(st.none() | cents)
    left = draw(st.none() | st.integers(0, quantity))
    return line(
        str(number),
        quantity=quantity,
        price=price,
        discount=off,
        tax=tax,
        current_quantity=None if left is None else Decimal(left),
    )


@st.composite
def orders(draw: st.DrawFn) -> Order:
    found = [draw(lines(number)) for number in range(1, draw(st.integers(1, 4)) + 1)]
    return order(lines=found, charges=[shipping(tax="0.50")], inclusive=draw(st.booleans()))


@given(orders())
def test_what_stands_balances(placed: Order) -> None:
    left = standing(placed)
    assert prove(left).balanced
    assert all(one.current_quantity is None and one.quantity > ZERO for one in left.lines) or left is placed
    assert {one.id: one.quantity for one in left.lines} == {
        one.id: one.quantity if one.current_quantity is None else one.current_quantity
        for one in placed.lines
        if one.current_quantity != ZERO
    }
    assert left.totals.total.shop <= placed.totals.total.shop


@given(orders(), st.data())
def test_what_refunds_told_is_taken_off_to_the_cent(placed: Order, data: Any) -> None:
    """As long as the line has a discount and a tax to take it from: a line without either is quantity x price."""
    told = []
    for one in placed.lines:
        if one.discounts and one.taxes and one.current_quantity not in (None, ZERO, one.quantity):
            assert one.current_quantity is not None
            net, tax = money(data.draw(cents)), money(data.draw(st.integers(0, 9)))
            told.append(RefundedLine(one.id, one.quantity - one.current_quantity, net, tax, Restock.CANCEL))
    refund = Refund("r1", NOON, "EUR", tuple(told))
    names = {part.line_id for part in told}
    rest = with_changes(
        placed, lines=tuple(with_changes(o, current_quantity=None) if o.id in names else o for o in placed.lines)
    )
    left = standing(placed, [refund])
    assert prove(left).balanced
    taken = sum((part.net.shop + part.tax.shop for part in told), ZERO)
    assert standing(rest).totals.total.shop - left.totals.total.shop == taken


def test_what_rounding_unit_by_unit_makes_stays_with_the_order_as_rounding() -> None:
    """Three units of 10.00 less 0.50, refunded one by one at 9.83: the shop kept a cent of the line."""
    one = line("1", quantity=3, price="10.00", discount="0.50", current_quantity=Decimal(0))
    placed = order(lines=[one, line("2")], charges=[shipping()])
    told = RefundedLine("1", Decimal(1), money("9.83"), restock=Restock.CANCEL)
    refunds = [Refund(f"r{n}", NOON, "EUR", (told,)) for n in range(3)]
    left = standing(placed, refunds)
    assert left.totals.rounding.shop == Decimal("0.01")
    assert left.totals.total.shop == placed.totals.total.shop - 3 * Decimal("9.83")
    assert prove(left, "0.01").balanced
    much = Refund("r", NOON, "EUR", (with_changes(told, quantity=Decimal(3), net=money("9.00")),))
    assert standing(placed, [much]).totals.rounding.shop == ZERO


def test_of_more_refunds_than_the_view_knows_the_first_are_taken_off_to_the_cent() -> None:
    """The third refund is there before the view that lacks its unit."""
    one = line("1", quantity=3, price="10.00", discount="0.50", current_quantity=Decimal(1))
    placed = order(lines=[one, line("2")], charges=[shipping()])
    told = RefundedLine("1", Decimal(1), money("9.83"), restock=Restock.CANCEL)
    left = standing(placed, [Refund(f"r{n}", NOON, "EUR", (told,)) for n in range(3)])
    assert left.totals.total.shop == placed.totals.total.shop - 2 * Decimal("9.83")
    assert prove(left, "0.01").balanced


def test_nothing_cancelled_is_the_very_same_order() -> None:
    placed = order(lines=[line("1", quantity=2, current_quantity=Decimal(2)), line("2")])
    assert standing(placed) is placed


def test_both_currencies_balance() -> None:
    one = with_changes(
        line("1", quantity=3, tax="1.00", discount="0.10"),
        unit_price=Amount(Decimal("10.00"), Decimal(1633)),
        current_quantity=Decimal(1),
    )
    [tax], [off] = one.taxes, one.discounts
    one = with_changes(
        one,
        taxes=(with_changes(tax, amount=Amount(Decimal("1.00"), Decimal(163))),),
        discounts=(with_changes(off, amount=Amount(Decimal("0.10"), Decimal(16))),),
    )
    placed = order(lines=[one], presentment_currency="JPY")
    whole = Amount(Decimal("30.90"), Decimal(4899 + 163 - 16))
    totals = with_changes(
        placed.totals, total=whole, lines=Amount(Decimal("30.00"), Decimal(4899)), tax=one.taxes[0].amount,
        discounts=one.discounts[0].amount,
    )  # fmt: skip
    placed = with_changes(placed, totals=totals)
    assert prove(placed).balanced
    left = standing(placed)
    assert prove(left).balanced
    assert left.totals.total == Amount(Decimal("10.30"), Decimal(1633 + 54 - 5))
