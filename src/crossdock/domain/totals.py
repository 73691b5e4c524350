"""The totals proof: an order's parts must come to what its channel says it comes to, to the minor unit.

lines + tax (where prices exclude it) + charges - discounts + declared rounding = total, on the shop's side and, where
the customer paid in another currency, on the presentment side. A gift card as tender is a payment: it plays no part.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from crossdock.domain.money import ZERO, Amount, minor_unit
from crossdock.domain.order import Charge, Order, OrderLine


class Term(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of the proof. ``stated`` is the channel's own sum of it, where it tells one."""

    name: str  # lines, discounts, charges, tax, rounding
    sign: int  # +1, -1; 0: shown, but contained in the prices already
    value: Decimal
    stated: Decimal | None = None


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is off, and where it can be told, in which line or charge."""

    code: str  # total, lines, discounts, charges, tax, rounding, quantity, line_tax, line_discount
    text: str
    where: str | None = None  # the line's or charge's id


class Side(msgspec.Struct, frozen=True, omit_defaults=True):
    """The proof in one currency. ``difference`` is stated total minus expected."""

    basis: str
    currency: str
    terms: tuple[Term, ...]
    expected: Decimal
    stated: Decimal
    difference: Decimal
    findings: tuple[Finding, ...] = ()


class Proof(msgspec.Struct, frozen=True, omit_defaults=True):
    """The money proof as the console shows it."""

    balanced: bool
    sides: tuple[Side, ...]
    inclusive: bool = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for side in self.sides for finding in side.findings)


def prove(order: Order, rounding_ceiling: str = "0.00") -> Proof:
    """Prove an order's totals. ``rounding_ceiling``: how much declared rounding may move the total, as text."""
    sides = [_side(order, False, Decimal(rounding_ceiling))]
    if order.presentment_currency is not None and order.presentment_currency != order.currency:
        sides.append(_side(order, True, Decimal(rounding_ceiling)))
    return Proof(all(not side.findings for side in sides), tuple(sides), order.tax_inclusive)


def balances(order: Order, rounding_ceiling: str = "0.00") -> bool:
    """Whether the proof holds, without writing it down: a sixth of the cost of ``prove``, for every order booked.

    ``False`` may also mean that only the full proof can tell (sums that are off by half a minor unit or less).
    """
    if order.presentment_currency is not None and order.presentment_currency != order.currency:
        return False
    lines = charges = discounts = taxes = ZERO
    for line in order.lines:
        if line.quantity < ZERO:
            return False
        lines += line.quantity * line.unit_price.shop
        for discount in line.discounts:
            discounts += discount.amount.shop
        for tax in line.taxes:
            taxes += tax.amount.shop
    for charge in order.charges:
        charges += charge.amount.shop
        for discount in charge.discounts:
            discounts += discount.amount.shop
        for tax in charge.taxes:
            taxes += tax.amount.shop
    stated = order.totals
    rounding = stated.rounding.shop
    if rounding and abs(rounding) > Decimal(rounding_ceiling):
        return False
    expected = lines + charges - discounts + rounding
    if not order.tax_inclusive:
        expected += taxes
    return (
        expected == stated.total.shop
        and lines == stated.lines.shop
        and discounts == stated.discounts.shop
        and taxes == stated.tax.shop
        and charges == stated.charges.shop
    )


def _of(amount: Amount, presentment: bool) -> Decimal:
    return amount.presentment if presentment and amount.presentment is not None else amount.shop


def _sums(order: Order, presentment: bool) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Lines, charges, discounts, taxes, each added up from its smallest parts."""
    lines = charges = discounts = taxes = ZERO
    for line in order.lines:
        lines += line.quantity * _of(line.unit_price, presentment)
        for discount in line.discounts:
            discounts += _of(discount.amount, presentment)
        for tax in line.taxes:
            taxes += _of(tax.amount, presentment)
    for charge in order.charges:
        charges += _of(charge.amount, presentment)
        for discount in charge.discounts:
            discounts += _of(discount.amount, presentment)
        for tax in charge.taxes:
            taxes += _of(tax.amount, presentment)
    return lines, charges, discounts, taxes


def _side(order: Order, presentment: bool, ceiling: Decimal) -> Side:
    lines, charges, discounts, taxes = _sums(order, presentment)
    stated = order.totals
    rounding = _of(stated.rounding, presentment)
    expected = lines + charges - discounts + rounding
    if not order.tax_inclusive:
        expected += taxes
    total = _of(stated.total, presentment)
    terms = (
        Term("lines", 1, lines, _of(stated.lines, presentment)),
        Term("discounts", -1, discounts, _of(stated.discounts, presentment)),
        Term("charges", 1, charges, _of(stated.charges, presentment)),
        Term("tax", 0 if order.tax_inclusive else 1, taxes, _of(stated.tax, presentment)),
        Term("rounding", 1, rounding),
    )
    basis = "presentment" if presentment else "shop"
    currency = order.currency_on(basis)
    difference = total - expected
    if _clean(order, terms, difference, ceiling):
        return Side(basis, currency, terms, expected, total, difference)
    findings = _findings(order, presentment, currency, terms, difference, ceiling)
    return Side(basis, currency, terms, expected, total, difference, findings)


def _clean(order: Order, terms: tuple[Term, ...], difference: Decimal, ceiling: Decimal) -> bool:
    """The usual case, told without rounding anything: every sum is exactly what the channel states."""
    return (
        not difference
        and all(term.value == term.stated for term in terms[:4])
        and (not terms[4].value or abs(terms[4].value) <= ceiling)
        and all(line.quantity >= ZERO for line in order.lines)
    )


def _findings(
    order: Order,
    presentment: bool,
    currency: str,
    terms: tuple[Term, ...],
    difference: Decimal,
    ceiling: Decimal,
) -> tuple[Finding, ...]:
    found: list[Finding] = []
    unit = minor_unit(currency)
    if abs(difference) * 2 > unit:  # half a unit exactly is rounding, up or down: 1.5 m at 3.33 make 5.00 or 4.99
        found.append(Finding("total", f"the parts come to {difference:+f} {currency} beside the stated total"))
    for term in terms[:4]:
        if term.stated is not None and abs(term.value - term.stated) * 2 > unit:
            text = f"{term.name} add up to {term.value:f} {currency}, the channel states {term.stated:f}"
            found.append(Finding(term.name, text))
    if abs(terms[4].value) > ceiling:
        text = f"declared rounding {terms[4].value:f} {currency} is above the ceiling of {ceiling:f}"
        found.append(Finding("rounding", text))
    found += [
        Finding("quantity", f"line {line.id} has the quantity {line.quantity:f}", line.id)
        for line in order.lines
        if line.quantity < ZERO
    ]
    if found:
        found += _suspects(order, presentment, currency, unit)
    return tuple(found)


def _suspects(order: Order, presentment: bool, currency: str, unit: Decimal) -> Iterable[Finding]:
    """Lines and charges whose own arithmetic does not hold: the likely place of a difference."""
    for line in order.lines:
        yield from _suspect(line, line.quantity * _of(line.unit_price, presentment), order, presentment, currency, unit)
    for charge in order.charges:
        yield from _suspect(charge, _of(charge.amount, presentment), order, presentment, currency, unit)


def _suspect(
    part: OrderLine | Charge, gross: Decimal, order: Order, presentment: bool, currency: str, unit: Decimal
) -> Iterable[Finding]:
    name = f"line {part.id}" if isinstance(part, OrderLine) else f"charge {part.title}"
    off = sum((_of(discount.amount, presentment) for discount in part.discounts), ZERO)
    if off > gross:
        yield Finding("line_discount", f"{name}: discounts {off:f} {currency} exceed its price {gross:f}", part.id)
    rates = sum((tax.rate for tax in part.taxes if tax.rate is not None), ZERO)
    if not part.taxes or any(tax.rate is None for tax in part.taxes):
        return
    net = gross - off
    due = net * rates / (1 + rates) if order.tax_inclusive else net * rates
    told = sum((_of(tax.amount, presentment) for tax in part.taxes), ZERO)
    if abs(told - due) > unit * len(part.taxes):
        yield Finding("line_tax", f"{name}: tax {told:f} {currency}, its rates give {due:.4f}", part.id)
