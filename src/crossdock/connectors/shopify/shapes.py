"""What the Admin GraphQL API answers to each of our documents, typed: ``client.py`` reads answers as these."""

from datetime import datetime

import msgspec

from crossdock.connectors.shopify import graph, graph_refunds
from crossdock.connectors.shopify.answers import UserError
from crossdock.connectors.shopify.graph import PageInfo, Struct
from crossdock.connectors.shopify.wire import Instant


class OrderData(Struct, frozen=True):
    order: graph.Order | None


class RefundData(Struct, frozen=True):
    refund: graph_refunds.Refund | None


class LinesOnly(Struct, frozen=True):
    line_items: graph.Lines


class OrderLinesData(Struct, frozen=True):
    order: LinesOnly | None


class _Price(Struct, frozen=True):
    amount: str


class _ShopPrice(Struct, frozen=True):
    shop_money: _Price


class _CustomersPrice(Struct, frozen=True):
    presentment_money: _Price


class _Place(Struct, frozen=True):
    """Where a listed order goes."""

    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    zip: str | None = None
    country_code_v2: str | None = msgspec.field(default=None, name="countryCodeV2")


class Changed(Struct, frozen=True):
    """An order in the list of changed ones: enough to name this view of it."""

    id: str
    updated_at: Instant
    current_total_price_set: _ShopPrice
    total_outstanding_set: _ShopPrice
    total_refunded_set: _CustomersPrice
    display_financial_status: str | None = None
    cancelled_at: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    shipping_address: _Place | None = None


class ChangedPage(Struct, frozen=True):
    nodes: tuple[Changed, ...]
    page_info: PageInfo


class ChangedData(Struct, frozen=True):
    orders: ChangedPage


class ListedOrder(Struct, frozen=True):
    """An order as reconciliation lists it."""

    id: str
    name: str
    processed_at: Instant
    updated_at: Instant
    current_subtotal_line_items_quantity: int
    total_price_set: graph.Bag
    total_cash_rounding_adjustment: graph.Rounding
    display_fulfillment_status: str
    cancelled_at: Instant | None = None


class ListedPage(Struct, frozen=True):
    nodes: tuple[ListedOrder, ...]
    page_info: PageInfo


class ListedData(Struct, frozen=True):
    orders: ListedPage


class LineRef(Struct, frozen=True):
    id: str
    sku: str | None = None


class FulfilmentOrderLine(Struct, frozen=True):
    id: str
    remaining_quantity: int
    line_item: LineRef


class FulfilmentOrderLines(Struct, frozen=True):
    nodes: tuple[FulfilmentOrderLine, ...]
    page_info: PageInfo


class Location(Struct, frozen=True):
    location: graph.Ref | None = None


class FulfilmentOrder(Struct, frozen=True):
    id: str
    status: str
    assigned_location: Location
    line_items: FulfilmentOrderLines

    @property
    def location_id(self) -> str | None:
        place = self.assigned_location.location
        return graph.number(place.id) if place else None


class FulfilmentOrders(Struct, frozen=True):
    nodes: tuple[FulfilmentOrder, ...]
    page_info: PageInfo


class Tracking(Struct, frozen=True):
    number: str | None = None


class Fulfilment(Struct, frozen=True):
    id: str
    status: str
    created_at: Instant
    tracking_info: tuple[Tracking, ...] = ()


STANDING = ("SUCCESS", "OPEN", "PENDING")  # a cancelled or failed fulfilment told nobody anything


class FulfilmentState(Struct, frozen=True):
    """An order's fulfilments and what remains to be fulfilled, read just now."""

    id: str
    fulfillments: tuple[Fulfilment, ...]
    fulfillment_orders: FulfilmentOrders
    cancelled_at: Instant | None = None

    @property
    def standing(self) -> list[Fulfilment]:
        return [one for one in self.fulfillments if one.status in STANDING]


class StateData(Struct, frozen=True):
    order: FulfilmentState | None


class MoreLines(Struct, frozen=True):
    line_items: FulfilmentOrderLines


class MoreLinesData(Struct, frozen=True):
    fulfillment_order: MoreLines | None


class FulfilledLine(Struct, frozen=True):
    line_item: graph.Ref
    quantity: int | None = None


class FulfilledLines(Struct, frozen=True):
    nodes: tuple[FulfilledLine, ...]
    page_info: PageInfo


class FulfilmentWithLines(Struct, frozen=True):
    fulfillment_line_items: FulfilledLines


class FulfilmentData(Struct, frozen=True):
    fulfillment: FulfilmentWithLines | None


class Owner(Struct, frozen=True):
    id: str
    order_id: str


class OwnerData(Struct, frozen=True):
    fulfillment_order: Owner | None


class Created(Struct, frozen=True):
    user_errors: tuple[UserError, ...]
    fulfillment: graph.Ref | None = None


class CreatedData(Struct, frozen=True):
    fulfillment_create: Created


class RelabelledData(Struct, frozen=True):
    fulfillment_tracking_info_update: Created


class NotedRefund(Struct, frozen=True):
    id: str
    note: str | None = None


class Moved(Struct, frozen=True):
    """A transaction of the order: money taken (sale, capture), or given back."""

    id: str
    kind: str
    status: str
    amount_set: graph.Bag
    gateway: str | None = None
    parent_transaction: graph.Ref | None = None


class Captured(Struct, frozen=True):
    """A transaction of the order with its instant: what was taken, and when."""

    id: str
    kind: str
    status: str
    amount_set: graph.Bag
    created_at: datetime
    processed_at: datetime | None = None
    gateway: str | None = None


class Paid(Struct, frozen=True):
    id: str
    currency_code: str
    presentment_currency_code: str
    transactions: tuple[Captured, ...]


class PaidData(Struct, frozen=True):
    order: Paid | None


class Metafield(Struct, frozen=True):
    id: str
    value: str


class Noted(Struct, frozen=True):
    id: str
    metafield: Metafield | None = None


class NotedData(Struct, frozen=True):
    order: Noted | None


class SetMetafields(Struct, frozen=True):
    user_errors: tuple[UserError, ...]
    metafields: tuple[graph.Ref, ...] | None = None


class SetMetafieldsData(Struct, frozen=True):
    metafields_set: SetMetafields


class Refundable(Struct, frozen=True):
    id: str
    presentment_currency_code: str
    refunds: tuple[NotedRefund, ...]
    transactions: tuple[Moved, ...]
    cancelled_at: str | None = None


class RefundableData(Struct, frozen=True):
    order: Refundable | None


class MadeRefund(Struct, frozen=True):
    user_errors: tuple[UserError, ...]
    refund: NotedRefund | None = None


class MadeRefundData(Struct, frozen=True):
    refund_create: MadeRefund


class Quantity(Struct, frozen=True):
    name: str
    quantity: int


class InventoryLevel(Struct, frozen=True):
    id: str
    quantities: tuple[Quantity, ...]


class InventoryItem(Struct, frozen=True):
    id: str
    sku: str | None = None
    inventory_level: InventoryLevel | None = None

    @property
    def available(self) -> int | None:
        """None where the item is not stocked at the location."""
        known = self.inventory_level.quantities if self.inventory_level else ()
        return next((one.quantity for one in known if one.name == "available"), None)


class InventoryItems(Struct, frozen=True):
    nodes: tuple[InventoryItem, ...]
    page_info: PageInfo | None = None


class InventoryItemsData(Struct, frozen=True):
    inventory_items: InventoryItems


class QuantitiesSet(Struct, frozen=True):
    user_errors: tuple[UserError, ...]


class QuantitiesSetData(Struct, frozen=True):
    inventory_set_quantities: QuantitiesSet


class Subscription(Struct, frozen=True):
    id: str
    topic: str
    uri: str


class SubscriptionPage(Struct, frozen=True):
    nodes: tuple[Subscription, ...]
    page_info: PageInfo


class SubscriptionsData(Struct, frozen=True):
    webhook_subscriptions: SubscriptionPage


class Subscribed(Struct, frozen=True):
    user_errors: tuple[UserError, ...]


class SubscribedData(Struct, frozen=True):
    webhook_subscription_create: Subscribed


class Plan(Struct, frozen=True):
    public_display_name: str


class Shop(Struct, frozen=True):
    name: str
    myshopify_domain: str
    currency_code: str
    plan: Plan


class Scope(Struct, frozen=True):
    handle: str


class Installation(Struct, frozen=True):
    access_scopes: tuple[Scope, ...]


class Whoami(Struct, frozen=True):
    shop: Shop
    current_app_installation: Installation
