"""The order as it stands: as placed, less the units that were cancelled before they left.

A channel goes on stating what was placed and tells beside it how much of each line is still wanted. What an ERP is to
book and to bill is this order, and it must balance like any other.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeVar

import msgspec

from crossdock.domain.money import ZERO, Amount, minor_unit
from crossdock.domain.order import Charge, Discount, Order, OrderLine, TaxLine, Totals
from crossdock.domain.refund import Refund, RefundedLine, cancelled_units, gross_of, net_of, tax_of

_replace = msgspec.structs.replace
_Share = TypeVar("_Share", Discount, TaxLine)
SHOP, PRESENTMENT = "shop", "presentment"


def standing(order: Order, refunds: Iterable[Refund] = ()) -> Order:
    """The order without its cancelled units; the very same one where there are none.

    What a refund told of such units is taken off to the cent; units that no refund told of, in proportion.
    """
    if all(line.current_quantity in (None, line.quantity) for line in order.lines):
        return order
    told = cancelled_units(refunds)
    lines, cents, gone = [], [], []
    for was in order.lines:
        taken = _taken(was, told.get(was.id, ()))
        is_ = _left(order, was, taken)
        off = less(worth(order, was), worth(order, is_))
        lines.append(is_)
        gone.append(off)
        cents.append(_cents(order, off, taken))
    kept = tuple(line for line in lines if line.quantity > ZERO)
    total = summed(order, [less(order.totals.total, summed(order, gone)), *cents])
    rounding = summed(order, [order.totals.rounding, *cents])
    totals = _replace(sums_of(order, kept), total=total, rounding=rounding)
    return _replace(order, lines=kept, totals=totals)


def _taken(line: OrderLine, told: Iterable[RefundedLine]) -> list[RefundedLine]:
    """What refunds told of the units that are gone: the first of them, where more are told of than a view knows yet.
    Nothing, where that is not known of so many."""
    left = line.quantity if line.current_quantity is None else line.current_quantity
    gone, taken = line.quantity - left, []
    for part in told:
        if gone <= ZERO:
            break
        taken.append(part)
        gone -= part.quantity
    return taken if gone == ZERO else []


def _cents(order: Order, off: Amount, taken: list[RefundedLine]) -> Amount:
    """What rounding unit by unit made of the units that are gone: it stays with the order, as declared rounding.

    More than a cent a unit is no rounding: the line is then worth what it is worth.
    """
    if not taken:
        return _amount(order, ZERO, ZERO)
    units = sum((part.quantity for part in taken), ZERO)
    rest = {side: off.on(side) - gross_of(taken, side) for side in _sides(order)}
    if any(abs(rest[side]) > units * _unit(order, side) for side in rest):
        return _amount(order, ZERO, ZERO)
    return _amount(order, rest[SHOP], rest.get(PRESENTMENT, ZERO))


def _sides(order: Order) -> tuple[str, ...]:
    return (SHOP, PRESENTMENT) if _dual(order) else (SHOP,)


def _dual(order: Order) -> bool:
    return order.presentment_currency is not None and order.presentment_currency != order.currency


def _unit(order: Order, side: str) -> Decimal:
    return minor_unit(order.currency_on(side))


def _amount(order: Order, shop: Decimal, presentment: Decimal) -> Amount:
    return Amount(shop, presentment) if _dual(order) else Amount(shop)


def less(one: Amount, other: Amount) -> Amount:
    """The difference, on both sides where there are two."""
    both = None if one.presentment is None else one.presentment - other.on(PRESENTMENT)
    return Amount(one.shop - other.shop, both)


def summed(order: Order, amounts: Iterable[Amount]) -> Amount:
    """The sum, in the order's one or two currencies."""
    amounts = list(amounts)
    shop = sum((amount.shop for amount in amounts), ZERO)
    return _amount(order, shop, sum((amount.on(PRESENTMENT) for amount in amounts), ZERO))


def worth(order: Order, line: OrderLine) -> Amount:
    """What a line adds to the total."""
    found = []
    for side in _sides(order):
        sum_ = line.quantity * line.unit_price.on(side)
        sum_ -= sum((discount.amount.on(side) for discount in line.discounts), ZERO)
        if not order.tax_inclusive:
            sum_ += sum((tax.amount.on(side) for tax in line.taxes), ZERO)
        found.append(sum_)
    return _amount(order, found[0], found[-1])


def _left(order: Order, line: OrderLine, taken: list[RefundedLine]) -> OrderLine:
    quantity = line.quantity if line.current_quantity is None else line.current_quantity
    if quantity == line.quantity or not line.quantity:
        return line if line.current_quantity is None else _replace(line, current_quantity=None)
    if quantity <= ZERO:
        return _replace(line, quantity=ZERO, current_quantity=None, discounts=(), taxes=())
    share = quantity / line.quantity
    taxes = _shrunk(order, line.taxes, {side: _tax_left(order, line, taken, share, side) for side in _sides(order)})
    off = {side: _off(order, line, taken, quantity, side) for side in _sides(order)}
    discounts = _shrunk(order, line.discounts, off)
    return _replace(line, quantity=quantity, current_quantity=None, discounts=discounts, taxes=taxes)


def _tax_left(order: Order, line: OrderLine, taken: list[RefundedLine], share: Decimal, side: str) -> Decimal:
    whole = sum((tax.amount.on(side) for tax in line.taxes), ZERO)
    return whole - tax_of(taken, side) if taken else _rounded(whole * share, _unit(order, side))


def _off(order: Order, line: OrderLine, taken: list[RefundedLine], quantity: Decimal, side: str) -> Decimal:
    """The discount that is left: in proportion, or what makes the line worth what the refund left of it."""
    whole = sum((discount.amount.on(side) for discount in line.discounts), ZERO)
    if not taken:
        return _rounded(whole * quantity / line.quantity, _unit(order, side))
    given = net_of(taken, side) + (tax_of(taken, side) if order.tax_inclusive else ZERO)
    return whole + given - (line.quantity - quantity) * line.unit_price.on(side)


def _rounded(amount: Decimal, unit: Decimal) -> Decimal:
    return amount.quantize(unit, ROUND_HALF_UP)


def _shrunk(order: Order, parts: tuple[_Share, ...], left: dict[str, Decimal]) -> tuple[_Share, ...]:
    """The parts brought to a new sum, each in proportion, the last one taking what rounding leaves."""
    found: list[_Share] = []
    sums = {side: sum((part.amount.on(side) for part in parts), ZERO) for side in left}
    rest = dict(left)
    for place, part in enumerate(parts, 1):
        sides = []
        for side in left:
            own = rest[side]
            if place < len(parts) and sums[side]:
                own = _rounded(part.amount.on(side) * left[side] / sums[side], _unit(order, side))
            rest[side] -= own
            sides.append(own)
        found.append(_replace(part, amount=_amount(order, sides[0], sides[-1])))
    return tuple(found)


def sums_of(order: Order, lines: tuple[OrderLine, ...]) -> Totals:
    """The sums of what is left; its total is the caller's."""
    parts: list[OrderLine | Charge] = [*lines, *order.charges]
    goods = [
        _amount(order, line.quantity * line.unit_price.shop, line.quantity * line.unit_price.on(PRESENTMENT))
        for line in lines
    ]
    return _replace(
        order.totals,
        lines=summed(order, goods),
        discounts=summed(order, (discount.amount for part in parts for discount in part.discounts)),
        tax=summed(order, (tax.amount for part in parts for tax in part.taxes)),
    )
