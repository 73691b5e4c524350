"""The canonical order: what a channel sold, in words that no vendor owns.

Every connector maps to and from these types and nothing else. Instants are aware UTC, amounts exact
decimals, quantities decimals in the line's unit. A field the source does not tell is ``None``, never a guess.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256

import msgspec

from crossdock.domain.money import NOTHING, Amount


class PaymentStatus(StrEnum):
    """How far the customer's money is. Moves as the channel says; see ``lattice.py`` for what may follow what."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"


class LineKind(StrEnum):
    ITEM = "item"
    GIFT_CARD = "gift_card"  # a liability, not revenue
    TIP = "tip"


class ChargeKind(StrEnum):
    SHIPPING = "shipping"
    TIP = "tip"
    DUTY = "duty"
    FEE = "fee"


class Address(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where to send goods or the bill. Personal data."""

    name: str | None = None
    company: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    region: str | None = None  # the name: "Victoria"
    region_code: str | None = None  # ISO 3166-2 without the country: "VIC"
    postal_code: str | None = None
    country_code: str | None = None  # ISO 3166-1 alpha-2
    phone: str | None = None


class Party(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Who bought. Personal data."""

    external_id: str | None = None  # the channel's customer id; None for a guest
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    tax_number: str | None = None  # VAT number or the like


class TaxLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    amount: Amount
    title: str
    rate: Decimal | None = None  # 0.1 is 10 %
    channel_liable: bool = False  # the channel pays this tax: it is not our liability


class Discount(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The part of a discount that fell on one line or charge (already allocated, in document currency)."""

    amount: Amount
    title: str | None = None
    code: str | None = None


class OrderLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    id: str  # the channel's line id
    title: str
    quantity: Decimal  # as placed
    unit_price: Amount  # before discounts; includes tax when the order is tax-inclusive
    sku: str | None = None  # None or "" where the channel has none: validation names the line
    kind: LineKind = LineKind.ITEM
    # After edits and cancelled units; None: as placed. What was refunded after it left still counts: it was wanted.
    current_quantity: Decimal | None = None
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[TaxLine, ...] = ()
    requires_shipping: bool = True
    unit: str | None = None  # what quantity and price are of, in the ERP's words: "Carton"; None: the unit it counts in
    per_unit: Decimal | None = None  # how many of the ERP's unit are in one, by its masters; None: not known, or none


class Charge(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Money on the order that is not for a product: shipping, tip, duty, fee."""

    kind: ChargeKind
    title: str
    amount: Amount  # before discounts; includes tax when the order is tax-inclusive
    id: str | None = None
    code: str | None = None  # the channel's method code: translated to the ERP's ship method by a table
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[TaxLine, ...] = ()


class Payment(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A tender as the channel reports it. A gift card as tender is a payment, never a discount."""

    gateway: str
    amount: Amount | None = None
    status: str | None = None
    gift_card: bool = False


class Capture(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Money that the channel took for an order: a transaction of its own, never changed afterwards."""

    id: str  # the channel's transaction id
    gateway: str
    amount: Amount
    captured_at: datetime
    gift_card: bool = False  # paid with one: what it is worth was taken when it was sold


class Totals(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the channel itself says the order comes to, as placed. The totals proof is made against these."""

    total: Amount  # what the customer owes, tax and charges included
    lines: Amount  # sum of quantity x unit price, before discounts
    discounts: Amount = NOTHING
    tax: Amount = NOTHING
    charges: Amount = NOTHING
    rounding: Amount = NOTHING  # declared cash rounding, signed


class Apart(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What of the channel's order is an order of its own here, as one view shows it."""

    part: str  # X1, X2 ...: see ``Order.part``
    total: Amount
    units: Decimal  # of goods, as far as they are wanted
    view: str  # names what this view shows of it: equal, nothing of it changed


class Order(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One order as its channel showed it at ``updated_at``.

    Where lines of the channel's order are an order of their own here (see ``parts.py``), this is one of both: the part,
    or what is left without its parts.
    """

    channel: str  # the connection it came in by
    external_id: str  # the channel's own id
    number: str  # what people say: "#1042"
    placed_at: datetime
    updated_at: datetime  # orders two views of one order; the older never overwrites the newer
    currency: str
    totals: Totals
    lines: tuple[OrderLine, ...]
    presentment_currency: str | None = None  # None: the same as ``currency``
    tax_inclusive: bool = False
    charges: tuple[Charge, ...] = ()
    payments: tuple[Payment, ...] = ()
    payment_status: PaymentStatus = PaymentStatus.PENDING
    customer: Party | None = None
    bill_to: Address | None = None
    ship_to: Address | None = None
    test: bool = False
    confirmed: bool = True
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    po_number: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    source: str | None = None  # web, pos, draft …
    region: str | None = None  # for dashboards: the ship-to (else bill-to) country
    ship_by: datetime | None = None  # what the channel itself promised its customer: when it leaves at the latest
    deliver_by: datetime | None = None  # and when it arrives
    # How much of the customer's money the channel says it has, in ``currency``. Only compared, never booked: another
    # sum means that there are captures to be asked for. None: the channel does not tell.
    paid: Decimal | None = None
    # What the customer still owes on the channel's whole order, in ``currency``; negative: is owed. None: not told.
    outstanding: Decimal | None = None
    handed_over: tuple[str, ...] = ()  # lines of which units have left already; not kept: the next view tells anew
    part: str | None = None  # which part of the channel's order this is; None: the order itself
    apart: tuple[Apart, ...] = ()  # its parts, or those opened after this part: not in ``lines``, not in ``totals``

    @property
    def key(self) -> str:
        """The canonical key: the stream's key, and the external id that every ERP document carries."""
        key = order_key(self.channel, self.external_id)
        return key if self.part is None else part_key(key, self.part)

    def currency_on(self, basis: str) -> str:
        """Of the side that is booked: ``'shop'`` or ``'presentment'``."""
        return (self.presentment_currency if basis == "presentment" else None) or self.currency

    def ties(self, other: "Order") -> bool:
        """Whether nothing tells which of two views is the newer: neither instant, nor payment, nor cancellation."""
        return (self.updated_at, self.payment_status, self.cancelled_at is None) == (
            other.updated_at,
            other.payment_status,
            other.cancelled_at is None,
        )


def view_id(order: Order) -> str:
    """Names one view of an order by what it shows."""
    return sha256(msgspec.json.encode(order)).hexdigest()[:16]


def order_key(channel: str, external_id: str) -> str:
    """Letters, digits, ``_`` and ``-`` only, so that it can stand in a NetSuite external id path.

    Source: NetSuite refuses other characters in ``eid:`` paths ("|" breaks parsing).
    """
    return f"{channel}-{external_id}"


def part_key(key: str, part: str) -> str:
    """Names a part of an order. Capitals: Business Central keeps external document numbers in them."""
    return f"{key}-{part}"
