"""The order as a portal gives it: the canonical order's names, amounts as plain decimals of its one currency.

Strict: a field that is not here is refused by name, because whoever sends it is there to hear so.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from crossdock.domain.order import ChargeKind, PaymentStatus

MOST_LINES = 2_000
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
Text = Annotated[str, msgspec.Meta(max_length=500)]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")]


class Struct(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One object of the portal's order."""


class Address(Struct, frozen=True):
    """Where goods or the bill go."""

    name: Text | None = None
    company: Text | None = None
    line1: Text | None = None
    line2: Text | None = None
    city: Text | None = None
    region: Text | None = None
    region_code: Text | None = None
    postal_code: Text | None = None
    country_code: Country | None = None
    phone: Text | None = None


class Party(Struct, frozen=True):
    """Who bought; the ERP's customer is found by ``email``."""

    external_id: Text | None = None
    name: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    company: Text | None = None


class Line(Struct, frozen=True):
    """One product. ``discount`` and ``tax`` are for the whole quantity; ``unit``: one of the ERP's, None its usual."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    sku: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    quantity: Decimal
    unit_price: Decimal
    title: Text = ""
    discount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    tax_title: Text = "Tax"
    tax_rate: Decimal | None = None
    requires_shipping: bool = True
    unit: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None


class Charge(Struct, frozen=True):
    """Shipping, duty, fee or tip. ``code``: the shipping method that the route translates."""

    kind: ChargeKind
    amount: Decimal
    title: Text = ""
    code: Text | None = None
    discount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    tax_title: Text = "Tax"
    tax_rate: Decimal | None = None


class ReturnLine(Struct, frozen=True):
    """Units of one line of the order, by the line's id."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    quantity: Decimal
    reason: Text | None = None


class Return(Struct, frozen=True):
    """A request to send goods of an order back. ``return_id``: the portal's own name for it, another for each."""

    external_id: Id
    return_id: Id
    lines: Annotated[tuple[ReturnLine, ...], msgspec.Meta(min_length=1, max_length=MOST_LINES)]


class Order(Struct, frozen=True):
    """One order as the portal has it at ``updated_at``. A later one of the same ``external_id`` is an edit."""

    external_id: Id
    placed_at: Instant
    currency: Currency
    total: Decimal  # what the customer owes: the parts are proved against it
    lines: Annotated[tuple[Line, ...], msgspec.Meta(min_length=1, max_length=MOST_LINES)]
    number: Text | None = None  # what people call it; None: as ``external_id``
    updated_at: Instant | None = None  # None: as placed
    tax_inclusive: bool = False
    charges: Annotated[tuple[Charge, ...], msgspec.Meta(max_length=50)] = ()
    payment_status: PaymentStatus = PaymentStatus.PENDING
    customer: Party | None = None
    bill_to: Address | None = None
    ship_to: Address | None = None
    po_number: Text | None = None
    note: Annotated[str, msgspec.Meta(max_length=5_000)] | None = None
    tags: Annotated[tuple[Text, ...], msgspec.Meta(max_length=50)] = ()
    ship_by: Instant | None = None  # what the portal promised its customer
    deliver_by: Instant | None = None
    cancelled_at: Instant | None = None
    cancel_reason: Text | None = None
    test: bool = False


class Received(msgspec.Struct, frozen=True):
    """What a portal answers to a call of ours, with the id that it was called with."""

    received: str


def order_schema() -> dict[str, Any]:
    """The order's JSON Schema (2020-12), as the partner API publishes it."""
    return msgspec.json.schema(Order)
