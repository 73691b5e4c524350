"""A settlement: what a channel, or its payment service, pays out at once, and the lines that the sum is made of.

Amounts are exact decimals in the settlement's one currency, signed as the seller's balance sees them: a sale adds, a
refund takes away. A fee beside a line is positive where it was kept back. Pure; no vendor's words but ``told``.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from crossdock.domain.money import ZERO


class SettlementLineKind(StrEnum):
    """What a line is for. A word that the source made up later is ``unknown``: kept, and told to a person."""

    SALE = "sale"
    REFUND = "refund"
    FEE = "fee"
    RESERVE = "reserve"
    RESERVE_RELEASE = "reserve_release"
    ADJUSTMENT = "adjustment"
    CHARGEBACK = "chargeback"
    TAX = "tax"
    TRANSFER = "transfer"
    UNKNOWN = "unknown"


class SettlementLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One line as the source tells it.

    ``refund_ref``: the source's id of the refund, or of the payment that went back. ``ours=False``: of an order that
    the connection's settings leave alone, so nobody looks for it. ``currency``: where it is not the settlement's.
    """

    id: str  # unique within the settlement
    kind: SettlementLineKind
    told: str  # the source's own words for it
    amount: Decimal  # before its fee
    fee: Decimal = ZERO
    order_id: str | None = None  # the channel's order id
    refund_ref: str | None = None
    ours: bool = True
    at: datetime | None = None
    currency: str | None = None

    @property
    def net(self) -> Decimal:
        """What the line adds to the deposit."""
        return self.amount - self.fee


class Settlement(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One settlement as its source shows it. ``status``: paid, or failed where the bank sent the money back."""

    source: str  # the channel's connection
    id: str  # the source's own
    currency: str
    deposit: Decimal  # what reached the bank; negative: what was collected from it
    deposited_at: datetime
    lines: tuple[SettlementLine, ...]
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    status: str = "paid"

    @property
    def key(self) -> str:
        """The stream's key, and what the ERP's document carries: letters, digits, ``_`` and ``-``."""
        return f"{self.source}-{self.id}"


def total_of(lines: Iterable[SettlementLine]) -> Decimal:
    """What lines add to the deposit, their fees kept back."""
    return sum((line.net for line in lines), ZERO)


def imbalance(settlement: Settlement) -> str | None:
    """Why the lines are not the deposit, in words that name the difference; None when they are, to the cent."""
    foreign = sorted({line.currency for line in settlement.lines if line.currency not in (None, settlement.currency)})
    if foreign:
        return f"Lines are in {', '.join(map(str, foreign))}, the deposit is in {settlement.currency}"
    repeated = len(settlement.lines) - len({line.id for line in settlement.lines})
    if repeated:
        return f"{repeated} lines have an id that another line has"
    total = total_of(settlement.lines)
    if total == settlement.deposit:
        return None
    off = total - settlement.deposit
    return (
        f"The lines come to {total:f}, the deposit is {settlement.deposit:f}: {off:+f} {settlement.currency} is not "
        "explained"
    )
