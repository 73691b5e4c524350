"""Journal entries of one order that tell of bills, payments, refunds and returns."""

from datetime import datetime
from decimal import Decimal

import msgspec

from crossdock.domain.fulfilment import Invoice
from crossdock.domain.order import Capture
from crossdock.domain.refund import Credit, Refund, Return


class InvoiceTaken(msgspec.Struct, frozen=True, gc=False, tag="invoice_taken"):
    invoice: Invoice
    source: str
    at: datetime


class ReturnTaken(msgspec.Struct, frozen=True, gc=False, tag="return_taken"):
    returned: Return
    source: str
    at: datetime


class RefundTaken(msgspec.Struct, frozen=True, gc=False, tag="refund_taken", omit_defaults=True):
    """A refund that fits the order. ``billed`` and ``echo``: see ``state.Refunded``."""

    refund: Refund
    source: str
    at: datetime
    billed: bool = False
    echo: bool = False


class RefundRefused(msgspec.Struct, frozen=True, gc=False, tag="refund_refused"):
    """A refund that does not fit what is known: kept, not credited; a person decides."""

    refund: Refund
    source: str
    reason: str
    at: datetime


class CreditTaken(msgspec.Struct, frozen=True, gc=False, tag="credit_taken", omit_defaults=True):
    """The ERP has a credit memo. ``ours``: it was made by our own command, and is told to nobody."""

    credit: Credit
    source: str
    at: datetime
    ours: bool = False


class PaymentsAsked(msgspec.Struct, frozen=True, gc=False, tag="payments_asked", omit_defaults=True):
    """The channel is asked what it took. ``content``: for which state of the order; asked again when that is another.

    ``nth``: which question it is, where the channel tells sums; a sum may come again with other captures in it.
    """

    content: str
    at: datetime
    nth: int = 0


class PaymentTaken(msgspec.Struct, frozen=True, gc=False, tag="payment_taken"):
    """The channel took money for the order."""

    capture: Capture
    source: str
    at: datetime


class SettlementAsked(msgspec.Struct, frozen=True, gc=False, tag="settlement_asked"):
    """A settlement has lines of this order."""

    settlement: str  # its stream's key
    at: datetime


class RefundPaid(msgspec.Struct, frozen=True, gc=False, tag="refund_paid"):
    """So much more is recorded as paid out of the refund's credit memo."""

    refund: str
    amount: Decimal
    at: datetime


class SettlementsTold(msgspec.Struct, frozen=True, gc=False, tag="settlements_told"):
    """What the settlements that name this order know of its refunds from now on."""

    refunds: tuple[str, ...]
    at: datetime
