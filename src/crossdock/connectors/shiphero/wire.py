"""ShipHero's own spelling: documents we send and the parts of answers and webhooks that we read."""

from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

N = TypeVar("N")

ORDER_CREATE = (
    "mutation ReleaseOrder($data: CreateOrderInput!) { order_create(data: $data) "
    "{ request_id complexity order { id legacy_id partner_order_id } } }"
)
ORDER_CANCEL = (
    "mutation CancelOrder($data: CancelOrderInput!) { order_cancel(data: $data) "
    "{ request_id complexity order { id fulfillment_status } } }"
)
ORDERS = (
    "query FindOrder($partner: String!) { orders(partner_order_id: $partner) { request_id complexity "
    "data(first: 5) { pageInfo { hasNextPage endCursor } "
    "edges { node { id legacy_id partner_order_id fulfillment_status } } } } }"
)
# What stops an order there. Source: developer.shiphero.com/schema/types/order-holds.html, read 2026-11.
HOLDS = "holds { fraud_hold address_hold shipping_method_hold operator_hold payment_hold client_hold }"
ORDER = (
    "query ReadOrder($id: String!) { order(id: $id) { request_id complexity "
    f"data {{ id legacy_id partner_order_id fulfillment_status {HOLDS} }} }} }}"
)
_SHIPMENT = (
    "pageInfo { hasNextPage endCursor } edges { node { id legacy_id warehouse_id created_date "
    "order { id partner_order_id } "
    "shipping_labels { id tracking_number tracking_url carrier shipping_method } "
    "line_items(first: 100) { pageInfo { hasNextPage endCursor } "
    "edges { node { quantity shipping_label_id line_item { partner_line_item_id sku } } } } } } } } }"
)
SHIPMENTS = (
    "query Shipments($from: ISODateTime, $to: ISODateTime, $first: Int, $after: String) { "
    "shipments(date_from: $from, date_to: $to) { request_id complexity data(first: $first, after: $after) { "
    + _SHIPMENT
)
SHIPMENTS_OF = (
    "query ShipmentsOf($order: String, $first: Int, $after: String) { "
    "shipments(order_id: $order) { request_id complexity data(first: $first, after: $after) { " + _SHIPMENT
)
# Whether a shipment was picked up and delivered: all that ShipHero tells of its way, and without an instant. And its
# labels, which may be made anew long after.
# Source: developer.shiphero.com/schema/types/shipment.html, read 2026-11.
PARCELS = (
    "query Parcels($from: ISODateTime, $to: ISODateTime, $first: Int, $after: String) { "
    "shipments(date_from: $from, date_to: $to) { request_id complexity data(first: $first, after: $after) { "
    "pageInfo { hasNextPage endCursor } "
    "edges { node { legacy_id picked_up delivered order { id partner_order_id } "
    "shipping_labels { tracking_number } } } "
    "} } }"
)
ORDERS_CHANGED = (
    "query Changed($from: ISODateTime, $to: ISODateTime, $first: Int, $after: String) { "
    "orders(updated_from: $from, updated_to: $to) { request_id complexity data(first: $first, after: $after) { "
    "pageInfo { hasNextPage endCursor } "
    f"edges {{ node {{ id partner_order_id fulfillment_status updated_at {HOLDS} }} }} }} }} }}"
)
WAREHOUSE_PRODUCTS = (
    "query Stock($sku: String, $first: Int, $after: String, $client: String) { "
    "warehouse_products(sku: $sku, customer_account_id: $client) { request_id complexity "
    "data(first: $first, after: $after) { pageInfo { hasNextPage endCursor } "
    "edges { node { sku warehouse_id on_hand available backorder } } } } }"
)
ACCOUNT = "query Account { account { request_id data { id legacy_id } } }"


class PageInfo(msgspec.Struct, frozen=True):
    hasNextPage: bool = False  # noqa: N815 - the vendor's spelling
    endCursor: str | None = None  # noqa: N815


class Edge(msgspec.Struct, Generic[N], frozen=True):
    node: N


class Page(msgspec.Struct, Generic[N], frozen=True):
    """One page of a connection."""

    pageInfo: PageInfo  # noqa: N815
    edges: tuple[Edge[N], ...]

    @property
    def nodes(self) -> list[N]:
        return [edge.node for edge in self.edges]

    def following(self, after: str | None) -> str | None:
        """Where the next page begins; None: there is none, or it would be the one that began ``after`` again."""
        end = self.pageInfo.endCursor
        return end if self.pageInfo.hasNextPage and end != after else None


class Answer(msgspec.Struct, Generic[N], frozen=True):
    """What every query answers: a page of things, or one thing."""

    data: N


class Holds(msgspec.Struct, frozen=True):
    """What stops an order there: any number of them at once."""

    fraud_hold: bool | None = None
    address_hold: bool | None = None
    shipping_method_hold: bool | None = None
    operator_hold: bool | None = None
    payment_hold: bool | None = None
    client_hold: bool | None = None

    def __str__(self) -> str:
        """Those that are set, in words."""
        names = (name for name in self.__struct_fields__ if getattr(self, name))
        return ", ".join(name.removesuffix("_hold").replace("_", " ") for name in names)


class OrderRef(msgspec.Struct, frozen=True):
    id: str
    legacy_id: int | None = None
    partner_order_id: str | None = None
    fulfillment_status: str | None = None
    holds: Holds | None = None


class _OrderAnswer(msgspec.Struct, frozen=True):
    order: OrderRef


class OrderCreated(msgspec.Struct, frozen=True):
    order_create: _OrderAnswer


class OrderCancelled(msgspec.Struct, frozen=True):
    order_cancel: _OrderAnswer


class OrdersFound(msgspec.Struct, frozen=True):
    orders: Answer[Page[OrderRef]]


class OrderRead(msgspec.Struct, frozen=True):
    order: Answer[OrderRef | None]


class _Account(msgspec.Struct, frozen=True):
    id: str
    legacy_id: int | None = None


class AccountRead(msgspec.Struct, frozen=True):
    account: Answer[_Account]


class Label(msgspec.Struct, frozen=True):
    id: str
    tracking_number: str | None = None
    tracking_url: str | None = None
    carrier: str | None = None
    shipping_method: str | None = None


class OrderedLine(msgspec.Struct, frozen=True):
    partner_line_item_id: str | None = None
    sku: str | None = None


class PolledLine(msgspec.Struct, frozen=True):
    quantity: Decimal
    shipping_label_id: str | None = None
    line_item: OrderedLine | None = None


class _Lines(msgspec.Struct, frozen=True):
    """The lines of a shipment that are told with it: messages of older versions do not say whether there are more."""

    edges: tuple[Edge[PolledLine], ...]
    pageInfo: PageInfo = PageInfo()  # noqa: N815


class PolledShipment(msgspec.Struct, frozen=True):
    """A node of the ``shipments`` query; kept as it is as a message's body."""

    id: str
    legacy_id: int
    created_date: str
    line_items: _Lines
    order: OrderRef | None = None
    shipping_labels: tuple[Label, ...] = ()
    warehouse_id: str | None = None


class _ListedLabel(msgspec.Struct, frozen=True):
    tracking_number: str | None = None


class Owner(msgspec.Struct, frozen=True):
    """Whose order a shipment or a return is of, by our key."""

    partner_order_id: str | None = None
    id: str | None = None


class ListedShipment(msgspec.Struct, frozen=True):
    """The little of a listed shipment that names it: one of an odd shape must not stop the list."""

    legacy_id: int
    created_date: str | None = None
    order: Owner | None = None
    shipping_labels: tuple[_ListedLabel, ...] | None = ()


class ListedOrder(msgspec.Struct, frozen=True):
    """A node of the ``orders`` query by updated date; kept as it is as a message's body."""

    id: str
    partner_order_id: str | None = None
    fulfillment_status: str | None = None
    updated_at: str | None = None
    holds: Holds | None = None


class ShipmentsListed(msgspec.Struct, frozen=True):
    shipments: Answer[Page[msgspec.Raw]]


class FollowedShipment(msgspec.Struct, frozen=True):
    """A node of the query by which shipments are followed."""

    legacy_id: int | str
    picked_up: bool | None = None
    delivered: bool | None = None
    order: Owner | None = None
    shipping_labels: tuple[_ListedLabel, ...] | None = ()


class ShipmentsFollowed(msgspec.Struct, frozen=True):
    shipments: Answer[Page[FollowedShipment]]


class LabelNote(msgspec.Struct, frozen=True):
    """The body of a message that we make of it: whose shipments are to be read (``read_shipments``)."""

    named: str
    content: str


class ParcelNote(msgspec.Struct, frozen=True):
    """The body of a message that we make of it. ``seen_at``: ShipHero's clock when it said so."""

    shipment_id: str
    status: str
    seen_at: datetime


class OrdersListed(msgspec.Struct, frozen=True):
    orders: Answer[Page[ListedOrder]]


class HookLine(msgspec.Struct, frozen=True):
    id: str | int | None = None  # the partner's line id
    quantity: Decimal = Decimal(0)
    sku: str | None = None
    package: str | None = None  # "Package #1": a name in ``packages``


class HookLabel(msgspec.Struct, frozen=True):
    tracking_url: str | None = None


class HookPackage(msgspec.Struct, frozen=True):
    name: str | None = None
    tracking_number: str | None = None
    shipping_carrier: str | None = None
    shipping_method: str | None = None
    shipping_label: HookLabel | None = None


class Fulfillment(msgspec.Struct, frozen=True):
    """``fulfillment`` of a Shipment Update. Outer tracking fields are the vendor's legacy for the first package."""

    shipment_id: int | str
    line_items: tuple[HookLine, ...]
    created_at: str
    partner_order_id: str | None = None
    order_uuid: str | None = None
    warehouse_uuid: str | None = None  # what the API calls it; ``warehouse_id`` is another number for it
    tracking_number: str | None = None
    custom_tracking_url: str | None = None
    shipping_carrier: str | None = None
    shipping_method: str | None = None


class ShipmentHook(msgspec.Struct, frozen=True):
    fulfillment: Fulfillment
    packages: tuple[HookPackage, ...] = ()


class OrderHook(msgspec.Struct, frozen=True):
    """Every webhook about an order names it like this."""

    partner_order_id: str | None = None
    order_uuid: str | None = None
    order_id: int | str | None = None
    reason: str | None = None


class _NamedPackage(msgspec.Struct, frozen=True):
    tracking_number: str | None = None


class _NamedShipment(msgspec.Struct, frozen=True):
    shipment_id: int | str | None = None
    partner_order_id: str | None = None
    order_uuid: str | None = None
    tracking_number: str | None = None


class _NamedSku(msgspec.Struct, frozen=True):
    sku: str | None = None


class HookSubject(msgspec.Struct, frozen=True):
    """The little of any webhook that says what it is about: intake must take what only translating finds wrong."""

    webhook_type: str
    partner_order_id: str | None = None
    order_uuid: str | None = None
    fulfillment: _NamedShipment = _NamedShipment()
    packages: tuple[_NamedPackage, ...] = ()
    inventory: tuple[_NamedSku, ...] = ()


class _Changed(msgspec.Struct, frozen=True):
    sku: str


class StockHook(msgspec.Struct, frozen=True):
    """An Inventory Update, as far as it is read: which SKUs. Its numbers are of the account, not of a warehouse."""

    inventory: tuple[_Changed, ...]


class WarehouseProduct(msgspec.Struct, frozen=True):
    """A SKU in one warehouse. ``available``: on hand less what is allocated; ``backorder``: wanted and not there.

    The schema promises none of them: a row without a number must not stop the others.
    """

    sku: str | None = None
    warehouse_id: str | None = None
    on_hand: int | None = None
    available: int | None = None
    backorder: int | None = 0


class ProductsListed(msgspec.Struct, frozen=True):
    warehouse_products: Answer[Page[WarehouseProduct]]
