"""Amazon's own spelling of an order (Orders API 2026-01-01) and of an ORDER_CHANGE notification.

Only what is read is typed; everything else stays in the stored bytes. Instants must carry an offset; amounts stay text.
Source: Amazon's published models ``orders_2026-01-01.json`` and ``OrderChangeNotification.json``, read 2026-11.
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Struct(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The Orders API spells in camel case."""


class Money(Struct, frozen=True):
    amount: str
    currency_code: str


class Part(Struct, frozen=True):
    """Which part of a tax or discount belongs to the goods, the shipping, the wrapping."""

    subtype: str | None = None
    value: Money | None = None


class Breakdown(Struct, frozen=True):
    type: str
    subtotal: Money
    detailed_breakdowns: tuple[Part, ...] = ()


class ItemProceeds(Struct, frozen=True):
    proceeds_total: Money | None = None
    breakdowns: tuple[Breakdown, ...] = ()


class OrderProceeds(Struct, frozen=True):
    grand_total: Money | None = None
    breakdowns: tuple[Breakdown, ...] = ()


class Price(Struct, frozen=True):
    unit_price: Money | None = None


class Product(Struct, frozen=True):
    title: str | None = None
    seller_sku: str | None = None
    price: Price | None = None


class GiftOption(Struct, frozen=True):
    gift_message: str | None = None


class Packing(Struct, frozen=True):
    gift_option: GiftOption | None = None


class ItemFulfillment(Struct, frozen=True):
    quantity_fulfilled: int | None = None
    quantity_unfulfilled: int | None = None
    packing: Packing | None = None


class Promoted(Struct, frozen=True):
    promotion_id: str | None = None


class Promotion(Struct, frozen=True):
    breakdowns: tuple[Promoted, ...] = ()


class Execution(Struct, frozen=True):
    cancel_reason: str | None = None


class Cancellation(Struct, frozen=True):
    cancellation_execution: Execution | None = None


class Collection(Struct, frozen=True):
    model: str | None = None


class ItemTax(Struct, frozen=True):
    tax_collections: tuple[Collection, ...] = ()


class Item(Struct, frozen=True):
    order_item_id: str
    quantity_ordered: int
    product: Product
    proceeds: ItemProceeds | None = None
    promotion: Promotion | None = None
    cancellation: Cancellation | None = None
    fulfillment: ItemFulfillment | None = None
    tax: ItemTax | None = None


class SalesChannel(Struct, frozen=True):
    channel_name: str
    marketplace_id: str | None = None
    marketplace_name: str | None = None


class Buyer(Struct, frozen=True):
    buyer_name: str | None = None
    buyer_email: str | None = None
    buyer_company_name: str | None = None
    buyer_purchase_order_number: str | None = None


class Address(Struct, frozen=True):
    name: str | None = None
    company_name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    district_or_county: str | None = None
    state_or_region: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class Recipient(Struct, frozen=True):
    delivery_address: Address | None = None


class Window(Struct, frozen=True):
    latest_date_time: Instant | None = None


class Fulfillment(Struct, frozen=True):
    fulfillment_status: str
    fulfilled_by: str | None = None
    fulfillment_service_level: str | None = None
    ship_by_window: Window | None = None  # what Amazon promised the buyer
    deliver_by_window: Window | None = None


class PackageStatus(Struct, frozen=True):
    status: str


class PackageItem(Struct, frozen=True):
    order_item_id: str
    quantity: int


class Package(Struct, frozen=True):
    package_reference_id: str
    tracking_number: str | None = None
    package_status: PackageStatus | None = None
    package_items: tuple[PackageItem, ...] = ()


class Paid(Struct, frozen=True):
    payment_method: str | None = None
    payment_amount: Money | None = None


class Payment(Struct, frozen=True):
    payment_executions: tuple[Paid, ...] = ()


class Associated(Struct, frozen=True):
    association_type: str | None = None


class Order(Struct, frozen=True):
    order_id: str
    created_time: Instant
    last_updated_time: Instant
    sales_channel: SalesChannel
    order_items: tuple[Item, ...]
    programs: tuple[str, ...] = ()
    associated_orders: tuple[Associated, ...] = ()
    buyer: Buyer | None = None
    recipient: Recipient | None = None
    proceeds: OrderProceeds | None = None
    payment: Payment | None = None
    fulfillment: Fulfillment | None = None
    packages: tuple[Package, ...] = ()


class Head(Struct, frozen=True):
    """The little of a listed order that names its view and says whether it is taken."""

    order_id: str
    created_time: Instant
    last_updated_time: Instant
    fulfillment: Fulfillment | None = None


class Named(Struct, frozen=True):
    """The least of an order: its name."""

    order_id: Annotated[str, msgspec.Meta(min_length=1)]


class Pagination(Struct, frozen=True):
    next_token: str | None = None


class Searched(Struct, frozen=True):
    """A page of ``searchOrders``. Each order stays raw: it is stored as it came."""

    orders: tuple[msgspec.Raw, ...]
    pagination: Pagination | None = None
    last_updated_before: Instant | None = None


class Got(Struct, frozen=True):
    """The answer of ``getOrder``."""

    order: msgspec.Raw


class _Pascal(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """Notifications spell in Pascal case."""


class ChangeSummary(_Pascal, frozen=True):
    order_status: str
    fulfillment_type: str


class OrderChange(_Pascal, frozen=True):
    amazon_order_id: str
    summary: ChangeSummary


class ChangePayload(_Pascal, frozen=True):
    order_change_notification: OrderChange


class Metadata(_Pascal, frozen=True):
    notification_id: str


class NotificationHead(_Pascal, frozen=True):
    """What every notification has, whatever it is about."""

    notification_type: str
    notification_metadata: Metadata


class ChangeNotification(_Pascal, frozen=True):
    """ORDER_CHANGE: names the order and its state; carries no buyer and no money."""

    notification_type: str
    notification_metadata: Metadata
    payload: ChangePayload


class Participating(Struct, frozen=True):
    is_participating: bool


class Marketplace(Struct, frozen=True):
    id: str
    name: str
    country_code: str
    default_currency_code: str


class Participation(Struct, frozen=True):
    marketplace: Marketplace
    participation: Participating
    store_name: str = ""


class Participations(Struct, frozen=True):
    """The answer of ``getMarketplaceParticipations``."""

    payload: tuple[Participation, ...]


class Report(Struct, frozen=True):
    """Reports API 2021-06-30 (published model ``reports_2021-06-30.json``, read 2026-11)."""

    report_id: str
    report_type: str
    created_time: Instant
    processing_status: str
    report_document_id: str | None = None


class Reports(Struct, frozen=True):
    reports: tuple[Report, ...]
    next_token: str | None = None


class ReportDocument(Struct, frozen=True):
    report_document_id: str
    url: str
    compression_algorithm: str | None = None


class Availability(Struct, frozen=True):
    """Listings Items 2021-08-01 (published model ``listingsItems_2021-08-01.json``, read 2026-11)."""

    fulfillment_channel_code: str
    quantity: int | None = None


class ListingType(Struct, frozen=True):
    product_type: str


class ListingSummary(Struct, frozen=True):
    created_date: Instant | None = None


class Issue(Struct, frozen=True):
    code: str
    message: str
    severity: str = ""
    attribute_names: tuple[str, ...] = ()


class ListingItem(Struct, frozen=True):
    sku: str
    fulfillment_availability: tuple[Availability, ...]
    product_types: tuple[ListingType, ...] = ()
    summaries: tuple[ListingSummary, ...] = ()
    attributes: dict[str, Any] = {}
    issues: tuple[Issue, ...] = ()


class ListingItems(Struct, frozen=True):
    items: tuple[ListingItem, ...]
    pagination: Pagination | None = None


class Submitted(Struct, frozen=True):
    """The answer to a patch: ACCEPTED is not processed yet, INVALID never will be."""

    sku: str
    status: str
    submission_id: str
    issues: tuple[Issue, ...] = ()
