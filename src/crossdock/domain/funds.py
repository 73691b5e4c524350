"""What became of the money that a channel took, where the ERP is to have it: the ledger of one order.

Each capture is a fund: a deposit, or a payment where the order was billed before the capture was known, or, where only
what settles an invoice is recorded, as many payments as it takes. What a fund is used for is noted with its amount when
the command for it is opened, so that no cent is ever given out twice.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from crossdock.domain.money import ZERO

DEPOSITED, PAID, APPLIED = "deposit", "payment", "applied"


class Use(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A part of a fund that settles an invoice of the ERP, or that went back with a refund of the channel."""

    amount: Decimal
    invoice: str | None = None
    refund: str | None = None


class Fund(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``kind``: deposit, payment (both recorded whole), applied (what is used is recorded, the rest is not)."""

    amount: Decimal
    kind: str
    at: datetime
    uses: tuple[Use, ...] = ()

    @property
    def rest(self) -> Decimal:
        """What is not used for anything yet."""
        return self.amount - sum((use.amount for use in self.uses), ZERO)


class FundOpened(msgspec.Struct, frozen=True, gc=False, tag="fund_opened"):
    """A capture is to stand in the ERP: as a document of its own, or as far as it settles invoices."""

    payment: str  # the channel's transaction
    kind: str
    amount: Decimal
    at: datetime


class FundUsed(msgspec.Struct, frozen=True, gc=False, tag="fund_used"):
    """A part of a fund is given out."""

    payment: str
    use: Use
    at: datetime


class PaymentsRead(msgspec.Struct, frozen=True, gc=False, tag="payments_read"):
    """The channel has answered what it took: until then nothing is billed that money may have been taken for."""

    at: datetime


class SurplusSeen(msgspec.Struct, frozen=True, gc=False, tag="surplus_seen"):
    """So much more was taken than was billed and paid back; told once for each sum."""

    amount: Decimal
    at: datetime


def used_for(funds: dict[str, Fund], *, invoice: str | None = None, refund: str | None = None) -> Decimal:
    """What all funds together give to an invoice, or gave back with a refund."""
    uses = (use for fund in funds.values() for use in fund.uses)
    return sum((use.amount for use in uses if (use.invoice, use.refund) == (invoice, refund)), ZERO)
