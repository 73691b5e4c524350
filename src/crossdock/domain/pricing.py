"""What an ERP asks for an item and the units it counts it in: the masters that are kept, and arithmetic on them. Pure.

Units are converted exactly or not at all: a factor that is not known, or a result that no decimal can state, is an
exception that names it and never a rounded number.
"""

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact
from fractions import Fraction

import msgspec

from crossdock.domain.money import ZERO

_EXACT = Context(prec=60, traps=[Inexact])
ONE = Decimal(1)


class Price(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one unit of an item costs on one list, from a quantity on. Both are in the master's ``unit``."""

    list: str  # the ERP's id of the price list or level; "": the item's own price
    currency: str
    amount: Decimal
    title: str = ""  # what the ERP's people call the list
    least: Decimal = ZERO  # from this quantity on


class PriceMaster(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item's prices and units as last read, all of them at once."""

    sku: str
    ref: str  # the ERP's item id
    prices: tuple[Price, ...] = ()
    unit: str = ""  # what the prices are for one of; "": the ERP tells none
    base_unit: str = ""  # what stock is counted in
    units: dict[str, Decimal] = {}  # unit -> how many of one another's common measure are in it
    includes_tax: bool = False
    # What a customer without a list of their own buys by. "": lists are not read, so that an item's own price is all
    # that is known, whoever asks.
    base_list: str = ""


class OwnPrice(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was agreed with one customer for one item: an amount in a currency, or a list instead of the usual one."""

    item: str  # the ERP's item id
    currency: str = ""
    amount: Decimal | None = None
    list: str | None = None


class TermsMaster(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a customer of the ERP buys by. ``own``: ids of items that have a price for this customer alone.

    ``agreed``: what those prices are, where they are read; an item of ``own`` that is not in it has an unknown price.
    """

    ref: str
    list: str
    own: tuple[str, ...] = ()
    agreed: tuple[OwnPrice, ...] = ()


OWN = "own"  # the list of an item's prices for one customer alone


def as_agreed(master: PriceMaster, terms: TermsMaster) -> tuple[PriceMaster, str] | None:
    """The item with what was agreed with the customer, and the list that holds; None where that is not known."""
    if master.ref not in terms.own:
        return master, terms.list
    mine = [one for one in terms.agreed if one.item == master.ref]
    amounts = tuple(Price(OWN, one.currency, one.amount, "agreed") for one in mine if one.amount is not None)
    if amounts:
        return msgspec.structs.replace(master, prices=(*master.prices, *amounts)), OWN
    lists = {one.list for one in mine if one.list is not None}
    return (master, lists.pop()) if len(lists) == 1 else None


class UnitError(Exception):
    """A quantity or a price cannot be stated in a unit. ``unit`` is the one at fault."""

    def __init__(self, detail: str, unit: str) -> None:
        super().__init__(detail)
        self.unit = unit


def factor(master: PriceMaster, unit: str) -> Decimal:
    """How much one unit is in the item's common measure. Raises ``UnitError`` for a unit that it does not have."""
    if unit == master.unit and unit not in master.units:
        return ONE
    found = master.units.get(unit)
    if found is None or found <= ZERO:
        known = ", ".join(sorted(master.units) or [master.unit or "none"])
        raise UnitError(f"{master.sku} has no unit {unit!r}; it has: {known}", unit)
    return found


def convert(master: PriceMaster, quantity: Decimal, given: str, wanted: str) -> Decimal:
    """A quantity in another unit, exactly. Raises ``UnitError``: unknown unit, or no decimal states it."""
    exact = Fraction(quantity) * Fraction(factor(master, given)) / Fraction(factor(master, wanted))
    return _decimal(exact, f"{quantity:f} {given} of {master.sku} is no exact number of {wanted}", given)


def priced_in(master: PriceMaster, price: Price, unit: str) -> Decimal:
    """What one of another unit costs, exactly. Raises ``UnitError``."""
    exact = Fraction(price.amount) * Fraction(factor(master, unit)) / Fraction(factor(master, master.unit))
    return _decimal(exact, f"{price.amount:f} for one {master.unit} is no exact price for one {unit}", unit)


def quote(master: PriceMaster, lists: str, currency: str, quantity: Decimal, unit: str = "") -> Price | None:
    """The price of a list in a currency that holds for a quantity; None where there is none. Raises ``UnitError``."""
    wanted = Fraction(quantity) * Fraction(factor(master, unit or master.unit))
    one = Fraction(factor(master, master.unit))
    holds = [
        each
        for each in master.prices
        if (each.list, each.currency) == (lists, currency) and Fraction(each.least) * one <= wanted
    ]
    return max(holds, key=lambda each: each.least, default=None)


def currencies(master: PriceMaster, lists: Iterable[str]) -> list[str]:
    """In which currencies some lists have a price of the item."""
    wanted = frozenset(lists)
    return sorted({each.currency for each in master.prices if each.list in wanted})


def _decimal(exact: Fraction, refusal: str, unit: str) -> Decimal:
    try:
        return _EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    except Inexact:
        raise UnitError(refusal, unit) from None
