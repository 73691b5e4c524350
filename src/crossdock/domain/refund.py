"""Money and goods that come back: returns, refunds, and the credits that an ERP makes of them.

Net and tax are always told apart, whether the order's prices include tax or not: what went back is their sum.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from crossdock.domain.money import NOTHING, ZERO, Amount
from crossdock.domain.order import ChargeKind


class Restock(StrEnum):
    """What becomes of refunded units."""

    CANCEL = "cancel"  # they never left, and are not to leave any more
    RETURN = "return"  # they left and come back into stock
    NONE = "none"  # they left and are not put back: kept by the customer, lost, broken


class RefundedLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Units of one order line that were refunded, or, under ``Restock.CANCEL``, taken off the order."""

    line_id: str  # the channel's line id
    quantity: Decimal
    net: Amount
    tax: Amount = NOTHING
    restock: Restock = Restock.NONE
    sku: str | None = None


class RefundedCharge(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Of shipping, a duty, a fee or a tip: what was given back."""

    kind: ChargeKind
    net: Amount
    tax: Amount = NOTHING
    id: str | None = None


class Adjustment(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Money that belongs to no line: goodwill (positive), or what was kept back, a restocking fee (negative)."""

    net: Amount
    tax: Amount = NOTHING
    reason: str | None = None


class Tender(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One way in which the money went back. Given back on a gift card it is a tender, not a sale."""

    gateway: str
    amount: Amount
    id: str | None = None
    gift_card: bool = False


class Refund(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One refund as its channel tells it. Not changed afterwards: another one is another refund."""

    id: str  # the channel's refund id
    refunded_at: datetime
    currency: str  # of the shop's side
    lines: tuple[RefundedLine, ...] = ()
    charges: tuple[RefundedCharge, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    tenders: tuple[Tender, ...] = ()
    return_id: str | None = None
    made_for: str | None = None  # the ERP's credit that this refund was made for, where we made it

    @property
    def gives_money(self) -> bool:
        return any(tender.amount.shop for tender in self.tenders)


class ReturnedLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    line_id: str
    quantity: Decimal
    reason: str | None = None


class Return(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Goods on their way back. ``status``: requested, authorised, cancelled, received, as whoever authorises tells it.

    ``refunds``: those that were made for it.
    """

    id: str
    status: str
    lines: tuple[ReturnedLine, ...]
    at: datetime
    refunds: tuple[str, ...] = ()


class Credit(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A credit memo as the ERP shows it."""

    id: str
    number: str
    total: Decimal
    currency: str
    credited_at: datetime
    tax: Decimal = ZERO
    made_for: str | None = None  # the channel's refund that it was made for, where we made it
    voids: bool = False  # people took a whole bill back with it: to correct it, or because the money goes back


Part = RefundedLine | RefundedCharge | Adjustment


def parts_of(refund: Refund) -> tuple[Part, ...]:
    return (*refund.lines, *refund.charges, *refund.adjustments)


def net_of(parts: Iterable[Part], basis: str) -> Decimal:
    return sum((part.net.on(basis) for part in parts), ZERO)


def tax_of(parts: Iterable[Part], basis: str) -> Decimal:
    return sum((part.tax.on(basis) for part in parts), ZERO)


def gross_of(parts: Iterable[Part], basis: str) -> Decimal:
    parts = tuple(parts)
    return net_of(parts, basis) + tax_of(parts, basis)


def paid_back(refund: Refund, basis: str) -> Decimal:
    """What the customer got."""
    return sum((tender.amount.on(basis) for tender in refund.tenders), ZERO)


def cancelled_units(refunds: Iterable[Refund]) -> dict[str, list[RefundedLine]]:
    """Line id -> what refunds took off it before it left."""
    found: dict[str, list[RefundedLine]] = {}
    for refund in refunds:
        for line in refund.lines:
            if line.restock is Restock.CANCEL:
                found.setdefault(line.line_id, []).append(line)
    return found
