"""Money: exact decimals. A float never comes near an amount."""

from decimal import ROUND_HALF_UP, Decimal

import msgspec

ZERO = Decimal(0)

# ISO 4217 minor units that are not 2. Source: ISO 4217 list one.
_EXPONENTS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def exponent(currency: str) -> int:
    """How many decimals the currency's smallest unit has: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _EXPONENTS.get(currency, 2)


def minor_unit(currency: str) -> Decimal:
    """The currency's smallest amount: ``Decimal('0.01')`` for EUR."""
    return Decimal(1).scaleb(-exponent(currency))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """The amount in whole minor units, half up (what invoices print)."""
    return amount.quantize(minor_unit(currency), rounding=ROUND_HALF_UP)


def exactly(amount: Decimal, currency: str) -> str:
    """The amount as text with its currency's decimals; more stay where there are more. Equal amounts, equal texts."""
    whole = rounded(amount, currency)
    return f"{whole if whole == amount else amount.normalize():f}"


def plausible(number: Decimal) -> bool:
    """Whether a number from outside can be added up and printed: finite, and of a size that trade has.

    ``1E+999999`` is one decimal of nine bytes, and a megabyte as soon as somebody writes it out.
    """
    return number.is_finite() and -30 <= number.adjusted() <= 18


class Amount(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One amount as the shop books it and, where it differs, as the customer saw it.

    ``shop`` is in the order's ``currency``; ``presentment`` in its ``presentment_currency`` and ``None``
    when the two are the same currency (then ``shop`` speaks for both).
    """

    shop: Decimal
    presentment: Decimal | None = None

    def on(self, basis: str) -> Decimal:
        """The side that a system books: ``'shop'`` or ``'presentment'``."""
        return self.presentment if basis == "presentment" and self.presentment is not None else self.shop


NOTHING = Amount(ZERO)
