"""Shopify's own spelling of an order, as webhooks carry it (REST-shaped JSON, API 2026-10).

Only what the mapping reads is typed; everything else stays in the stored bytes. Instants must carry an offset.
Amounts stay text here: Shopify tells each of them three times, and decimals are half of the decoding time.
Source of the shape: bodies that live shops emitted; Shopify publishes no schema for them (checked 2026-11-23).
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Money(msgspec.Struct, frozen=True, gc=False):
    amount: str
    currency_code: str


class Bag(msgspec.Struct, frozen=True, gc=False):
    """One amount in the shop's and in the customer's currency."""

    shop_money: Money
    presentment_money: Money


class TaxLine(msgspec.Struct, frozen=True, gc=False):
    title: str
    price: str | None = None
    price_set: Bag | None = None
    rate: Decimal | None = None
    channel_liable: bool | None = None


class Allocation(msgspec.Struct, frozen=True, gc=False):
    """The share of one discount that fell on one line. ``discount_application_index`` points into the order's list."""

    discount_application_index: int
    amount: str | None = None
    amount_set: Bag | None = None


class Application(msgspec.Struct, frozen=True, gc=False):
    title: str | None = None
    code: str | None = None


class Duty(msgspec.Struct, frozen=True, gc=False):
    shop_money: Money
    presentment_money: Money
    id: int | str | None = None
    tax_lines: tuple[TaxLine, ...] = ()


class Line(msgspec.Struct, frozen=True, gc=False):
    id: int
    quantity: int
    title: str | None = None
    name: str | None = None
    sku: str | None = None
    price: str | None = None
    price_set: Bag | None = None
    current_quantity: int | None = None
    fulfillable_quantity: int | None = None  # GraphQL: unfulfilledQuantity
    gift_card: bool = False
    requires_shipping: bool = True
    product_id: int | None = None
    tax_lines: tuple[TaxLine, ...] | None = ()
    discount_allocations: tuple[Allocation, ...] | None = ()
    duties: tuple[Duty, ...] | None = ()


class ShippingLine(msgspec.Struct, frozen=True, gc=False):
    title: str | None = None
    id: int | None = None
    code: str | None = None
    price: str | None = None
    price_set: Bag | None = None
    is_removed: bool = False
    tax_lines: tuple[TaxLine, ...] | None = ()
    discount_allocations: tuple[Allocation, ...] | None = ()


class Address(msgspec.Struct, frozen=True, gc=False):
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    province: str | None = None
    province_code: str | None = None
    zip: str | None = None
    country_code: str | None = None
    phone: str | None = None


class Customer(msgspec.Struct, frozen=True, gc=False):
    id: int
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None


class RefundLine(msgspec.Struct, frozen=True, gc=False):
    """``subtotal`` is after discounts, and with tax where the order's prices include it."""

    line_item_id: int
    quantity: int
    restock_type: str = "no_restock"
    subtotal: Decimal | None = None
    subtotal_set: Bag | None = None
    total_tax: Decimal | None = None
    total_tax_set: Bag | None = None


class Adjustment(msgspec.Struct, frozen=True, gc=False):
    """What the calculated refund is to be reduced by: negative for shipping and goodwill that were given."""

    kind: str | None = None  # shipping_refund, refund_discrepancy
    reason: str | None = None
    amount: str | None = None
    amount_set: Bag | None = None
    tax_amount: str | None = None
    tax_amount_set: Bag | None = None


class Transaction(msgspec.Struct, frozen=True, gc=False):
    id: int
    kind: str
    status: str
    gateway: str | None = None
    amount: str | None = None
    currency: str | None = None
    amount_set: Bag | None = None  # GraphQL only: webhooks tell one currency


class RefundedDuty(msgspec.Struct, frozen=True, gc=False):
    duty_id: int | str
    amount_set: Bag | None = None


class Refund(msgspec.Struct, frozen=True, gc=False):
    id: int
    created_at: Instant
    processed_at: Instant | None = None
    note: str | None = None
    refund_line_items: tuple[RefundLine, ...] | None = ()
    order_adjustments: tuple[Adjustment, ...] | None = ()
    transactions: tuple[Transaction, ...] | None = ()
    duties: tuple[RefundedDuty, ...] | None = ()


class FulfilledLine(msgspec.Struct, frozen=True, gc=False):
    id: int
    quantity: int


class Fulfilment(msgspec.Struct, frozen=True, gc=False):
    created_at: Instant
    status: str | None = None
    line_items: tuple[FulfilledLine, ...] = ()


class Order(msgspec.Struct, frozen=True, gc=False):
    id: int
    name: str
    created_at: Instant
    updated_at: Instant
    currency: str
    line_items: tuple[Line, ...]
    taxes_included: bool
    test: bool
    total_price: str | None = None
    total_price_set: Bag | None = None
    current_total_price: Decimal | None = None  # after edits, in the shop's currency, as is what is outstanding of it
    total_outstanding: Decimal | None = None  # negative: the customer is owed
    total_discounts: str | None = None
    total_discounts_set: Bag | None = None
    total_tax: str | None = None
    total_tax_set: Bag | None = None
    total_tip_received: str | None = None
    total_tip_received_set: Bag | None = None
    original_total_additional_fees_set: Bag | None = None
    total_cash_rounding_payment_adjustment_set: Bag | None = None
    processed_at: Instant | None = None
    presentment_currency: str | None = None
    duties_included: bool | None = False
    confirmed: bool = True
    financial_status: str | None = None
    cancelled_at: Instant | None = None
    cancel_reason: str | None = None
    email: str | None = None
    phone: str | None = None
    note: str | None = None
    tags: str | None = None
    po_number: str | None = None
    source_name: str | None = None
    payment_gateway_names: tuple[str, ...] | None = ()
    shipping_lines: tuple[ShippingLine, ...] | None = ()
    discount_applications: tuple[Application, ...] | None = ()
    customer: Customer | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    refunds: tuple[Refund, ...] | None = ()
    fulfillments: tuple[Fulfilment, ...] | None = ()
