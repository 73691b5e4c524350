"""What Crossdock can ask of another system, in canonical words.

A payload holds everything the target's mapping needs; the wire form is rendered at delivery. Its ``purpose``
is the name of the operation the target's connector must offer.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

import msgspec

from crossdock.domain.fulfilment import Invoice, Shipment
from crossdock.domain.order import Address, Order
from crossdock.domain.receipt import AnnouncedLine, Receipt
from crossdock.domain.refund import Credit


class BookOrder(msgspec.Struct, frozen=True, gc=False, tag="order.book", omit_defaults=True):
    """Make the sales order in the ERP."""

    purpose: ClassVar[str] = "order.book"
    order: Order
    customer_ref: str  # the ERP's customer id
    item_refs: dict[str, str]  # sku -> the ERP's item id
    basis: str = "shop"  # which side of each Amount the ERP books
    ship_method: str | None = None


class AmendBooking(msgspec.Struct, frozen=True, gc=False, tag="booking.amend", omit_defaults=True):
    """Make the ERP's sales order what the channel now shows. Sent before the warehouse or a bill has to do with it."""

    purpose: ClassVar[str] = "booking.amend"
    order: Order  # the whole order as it is to stand: a later amendment carries everything an earlier one did
    erp_ref: str
    customer_ref: str
    item_refs: dict[str, str]
    basis: str = "shop"
    ship_method: str | None = None
    base: Order | None = None  # what we wrote: lines that the ERP's people made otherwise are theirs. None: not known
    prefer: str = ""  # whose line counts where both changed one: channel, erp; empty: it is a conflict
    seen: str = ""  # the clashes that ``prefer`` was said of (``merge.print_of``)


class ReleaseOrder(msgspec.Struct, frozen=True, gc=False, tag="order.release", omit_defaults=True):
    """Tell the warehouse to pick and ship what requires shipping."""

    purpose: ClassVar[str] = "order.release"
    order: Order
    erp_ref: str | None = None
    ship_method: str | None = None


class CancelRelease(msgspec.Struct, frozen=True, gc=False, tag="release.cancel", omit_defaults=True):
    """Ask the warehouse to stop. Best effort: it may refuse because picking began."""

    purpose: ClassVar[str] = "release.cancel"
    order_key: str
    warehouse_ref: str | None = None
    reason: str | None = None


class CloseBooking(msgspec.Struct, frozen=True, gc=False, tag="booking.close", omit_defaults=True):
    """Close the ERP's sales order because the sale was cancelled."""

    purpose: ClassVar[str] = "booking.close"
    order_key: str
    erp_ref: str
    reason: str | None = None


class PostShipment(msgspec.Struct, frozen=True, gc=False, tag="shipment.post", omit_defaults=True):
    """Record goods leaving in the ERP (NetSuite: item fulfilment)."""

    purpose: ClassVar[str] = "shipment.post"
    order_key: str
    erp_ref: str
    shipment: Shipment
    item_refs: dict[str, str] = {}
    posted_on: date | None = None  # where the books of its own day are closed


class PushFulfilment(msgspec.Struct, frozen=True, gc=False, tag="fulfilment.push", omit_defaults=True):
    """Tell the channel, and through it the customer, what was shipped. At most once per shipment: it sends e-mail."""

    purpose: ClassVar[str] = "fulfilment.push"
    order_external_id: str
    shipment: Shipment
    notify_customer: bool = True
    others: tuple[str, ...] = ()  # the channel's ids of our other shipments under a tracking number of this one


class TellTracking(msgspec.Struct, frozen=True, gc=False, tag="tracking.push", omit_defaults=True):
    """Tell the channel, and through it the customer, how far a shipment's parcels are."""

    purpose: ClassVar[str] = "tracking.push"
    order_external_id: str
    fulfilments: tuple[str, ...]  # the channel's own, as ``fulfilment.push`` made them
    status: str  # in_transit, out_for_delivery, exception, delivered
    happened_at: datetime


class ReplaceTracking(msgspec.Struct, frozen=True, gc=False, tag="tracking.replace", omit_defaults=True):
    """Show the numbers of labels that were made anew in place of those that the channel was told. ``shipment``: with
    the parcels as they are now; its lines are those that were pushed."""

    purpose: ClassVar[str] = "tracking.replace"
    order_external_id: str
    shipment: Shipment
    was: tuple[str, ...]  # every number that the channel was told of this shipment before
    fulfilments: tuple[str, ...] = ()  # the channel's own, as ``fulfilment.push`` made them
    notify_customer: bool = True


class MakeInvoice(msgspec.Struct, frozen=True, gc=False, tag="invoice.make", omit_defaults=True):
    """Bill what was shipped in the ERP."""

    purpose: ClassVar[str] = "invoice.make"
    order_key: str
    erp_ref: str
    shipment_ids: tuple[str, ...] = ()
    posted_on: date | None = None  # where the books of the day on which it is made are closed


class CreditLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One row of a credit, on the side that is booked. ``kind``: item, adjustment, or a ``ChargeKind``."""

    kind: str
    title: str
    quantity: Decimal
    net: Decimal  # of the whole quantity, without tax
    tax: Decimal
    line_id: str | None = None
    sku: str | None = None
    restock: bool = False  # whether the goods go back into stock
    tax_title: str | None = None  # the tax's name on the order, where it had one
    tax_rate: Decimal | None = None  # of all the seller's taxes on it together: 0.19; None where the order tells none
    channel_tax: bool = False  # the tax is the channel's to pay, as it was on the order


class CreditRefund(msgspec.Struct, frozen=True, gc=False, tag="refund.credit", omit_defaults=True):
    """Make the credit memo in the ERP that a channel's refund is."""

    purpose: ClassVar[str] = "refund.credit"
    order_key: str
    erp_ref: str
    refund_id: str
    refunded_at: datetime
    currency: str
    customer_ref: str
    lines: tuple[CreditLine, ...]
    item_refs: dict[str, str] = {}
    apply_to: tuple[str, ...] = ()  # the ERP's invoices that it is set off against; empty: it is paid out
    posted_on: date | None = None  # where the books of its own day are closed

    @property
    def total(self) -> Decimal:
        return sum((line.net + line.tax for line in self.lines), Decimal(0))


class Drawn(msgspec.Struct, frozen=True, gc=False):
    """What of a deposit went back to the customer."""

    payment_id: str  # the channel's transaction that it was made of
    deposit: str  # the ERP's id; empty: it is found by the transaction
    amount: Decimal


class PayRefund(msgspec.Struct, frozen=True, gc=False, tag="refund.pay", omit_defaults=True):
    """Record in the ERP that the customer got money back: out of a credit memo, or of the deposit on the order."""

    purpose: ClassVar[str] = "refund.pay"
    order_key: str
    erp_ref: str
    refund_id: str
    refunded_at: datetime
    currency: str
    customer_ref: str
    amount: Decimal
    credit_ref: str | None = None  # None: out of the deposit; empty: the credit memo made for this refund
    posted_on: date | None = None  # where the books of its own day are closed
    drawn: tuple[Drawn, ...] = ()  # out of which deposits of ours; comes to the amount. Empty: others made them
    nth: int = 1  # which repayment of this refund out of deposits it is


class Applied(msgspec.Struct, frozen=True, gc=False):
    """What of a payment settles an invoice."""

    invoice: str  # the ERP's id
    amount: Decimal


class PostPayment(msgspec.Struct, frozen=True, gc=False, tag="payment.post", omit_defaults=True):
    """Record in the ERP that the channel took money for an order, applied to its invoices. Once per transaction,
    and once more where an invoice that came later is settled with the rest."""

    purpose: ClassVar[str] = "payment.post"
    order_key: str
    erp_ref: str
    payment_id: str  # the channel's transaction
    paid_at: datetime
    source: str  # the channel's connection
    gateway: str
    currency: str
    customer_ref: str
    amount: Decimal
    apply: tuple[Applied, ...]  # comes to the amount
    gift_card: bool = False
    posted_on: date | None = None  # where the books of its own day are closed
    nth: int = 1  # of the payments of this transaction


class PostDeposit(msgspec.Struct, frozen=True, gc=False, tag="deposit.post", omit_defaults=True):
    """Record in the ERP that the channel took money for an order that is not billed yet. Once per transaction."""

    purpose: ClassVar[str] = "deposit.post"
    order_key: str
    erp_ref: str  # the sales order that it is for
    payment_id: str  # the channel's transaction
    paid_at: datetime
    source: str  # the channel's connection
    gateway: str
    currency: str
    customer_ref: str
    amount: Decimal
    gift_card: bool = False
    posted_on: date | None = None  # where the books of its own day are closed


class ApplyDeposit(msgspec.Struct, frozen=True, gc=False, tag="deposit.apply", omit_defaults=True):
    """Settle an invoice with a part of a deposit. Once for each pair of them, and again for what an invoice grew by."""

    purpose: ClassVar[str] = "deposit.apply"
    order_key: str
    erp_ref: str
    payment_id: str  # the channel's transaction that the deposit was made of
    deposit_ref: str  # the ERP's id; empty: it is found by the transaction
    invoice: str  # the ERP's id
    amount: Decimal
    applied_at: datetime
    posted_on: date | None = None  # where the books of its own day are closed
    nth: int = 1  # which application of this pair it is


class PublishInvoice(msgspec.Struct, frozen=True, gc=False, tag="invoice.publish", omit_defaults=True):
    """Let the channel show which invoice the ERP made of an order. Once per invoice."""

    purpose: ClassVar[str] = "invoice.publish"
    order_external_id: str
    invoice: Invoice


class PushRefund(msgspec.Struct, frozen=True, gc=False, tag="refund.push", omit_defaults=True):
    """Give the customer's money back in the channel, because the ERP credited it. At most once: it moves money."""

    purpose: ClassVar[str] = "refund.push"
    order_external_id: str
    credit: Credit
    notify_customer: bool = True


class AnnounceReturn(msgspec.Struct, frozen=True, gc=False, tag="return.announce", omit_defaults=True):
    """Tell the warehouse which goods of an order that it shipped are on their way back."""

    purpose: ClassVar[str] = "return.announce"
    order_key: str
    reference: str  # what we call this announcement; by it an earlier one is found again
    lines: tuple[AnnouncedLine, ...]
    warehouse_ref: str | None = None  # the warehouse's id of the order
    location: str | None = None  # where it left from, as the warehouse calls it
    ship_from: Address | None = None


class RecallReturn(msgspec.Struct, frozen=True, gc=False, tag="return.recall", omit_defaults=True):
    """Tell the warehouse that an announced return does not come, or not as it was announced."""

    purpose: ClassVar[str] = "return.recall"
    order_key: str
    reference: str
    warehouse_ref: str | None = None  # the warehouse's id of the order
    return_ref: str | None = None  # the warehouse's id of the return, where it told one


class ReturnedUnits(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Units of one line that came back."""

    line_id: str
    quantity: Decimal
    sku: str | None = None


class PostReturn(msgspec.Struct, frozen=True, gc=False, tag="return.post", omit_defaults=True):
    """Record in the ERP goods that came back: into stock, or written off. Once for each unit; it credits nothing."""

    purpose: ClassVar[str] = "return.post"
    order_key: str
    erp_ref: str
    receipt_id: str  # ours, of this part of what came back
    received_at: datetime
    lines: tuple[ReturnedUnits, ...]
    restock: bool = True
    item_refs: dict[str, str] = {}
    posted_on: date | None = None  # where the books of its own day are closed


class PushReturn(msgspec.Struct, frozen=True, gc=False, tag="return.push", omit_defaults=True):
    """Tell the channel what came back of a return, and what became of it: all that is known, each time."""

    purpose: ClassVar[str] = "return.push"
    order_external_id: str
    receipt: Receipt
    return_id: str | None = None  # the channel's; None: the warehouse names none that is known
    number: int = 1  # a later one knows more


class SettlementRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one posting adds to the bank, signed: a sale's row is positive, a fee's negative."""

    posting: str  # see ``settling.Posting``
    amount: Decimal
    lines: int  # how many lines of the settlement it is the sum of


class PostSettlement(msgspec.Struct, frozen=True, gc=False, tag="settlement.post", omit_defaults=True):
    """Enter in the ERP what a settlement brought to the bank, and what it is made of: one document."""

    purpose: ClassVar[str] = "settlement.post"
    settlement_key: str
    source: str  # the channel's connection
    settlement_id: str
    currency: str
    posted_on: date  # the company's day, in open books
    deposit: Decimal
    rows: tuple[SettlementRow, ...]


class PublishStock(msgspec.Struct, frozen=True, gc=False, tag="stock.publish", omit_defaults=True):
    """Let a place of a channel show a number of units: an absolute value with a version.

    ``expected``: what it must be showing for that; None: not known yet, whatever it shows is read first. ``ref``: the
    channel's own id of the SKU, once it was told.
    """

    purpose: ClassVar[str] = "stock.publish"
    sku: str
    location: str
    quantity: int
    version: int
    expected: int | None = None
    ref: str | None = None


class ReadBack(msgspec.Struct, frozen=True, gc=False, tag="read_back", omit_defaults=True):
    """Read something that a signal (a webhook with only an id) pointed at. Changes nothing there."""

    purpose: ClassVar[str] = "read_back"
    kind: str  # the connector's word: "order", "fulfillment_order"
    external_id: str


Payload = (
    BookOrder
    | AmendBooking
    | ReleaseOrder
    | CancelRelease
    | CloseBooking
    | PostShipment
    | PushFulfilment
    | TellTracking
    | ReplaceTracking
    | MakeInvoice
    | CreditRefund
    | PayRefund
    | PostPayment
    | PostDeposit
    | ApplyDeposit
    | PublishInvoice
    | PushRefund
    | AnnounceReturn
    | RecallReturn
    | PostReturn
    | PushReturn
    | PostSettlement
    | PublishStock
    | ReadBack
)


class Command(msgspec.Struct, frozen=True, gc=False):
    """One intended effect on one target. ``key`` is its business key: unique for ever, over all retries and replays.

    ``instead_of``: the business key of an older command that this one makes pointless. Where that has never been sent,
    this one takes its place in the queue; where it has been, its outcome is coming and this one is never sent.
    """

    key: str
    target: str  # the connection's name
    payload: Payload
    instead_of: str | None = None


_OF_NO_ORDER = frozenset({PostSettlement.purpose, PublishStock.purpose, ReadBack.purpose})


def order_in(key: str, target: str, purpose: str) -> str:
    """The key of the order that a command's business key begins with (``draft.Draft.send``); empty: it is of none."""
    order, found, _ = key.partition(f"/{target}/{purpose}")
    return order if found and purpose not in _OF_NO_ORDER else ""
