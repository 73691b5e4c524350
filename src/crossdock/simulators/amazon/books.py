"""The account's own books and the rules that guard them: orders, their items and money, packages.

An order goes PENDING -> UNSHIPPED -> PARTIALLY_SHIPPED -> SHIPPED, or ends CANCELLED before anything left; units that
have not left may be cancelled: the others are then all that ships. Money is counted in whole minor units; every total
is the sum of its parts.
"""

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from crossdock.simulators.amazon.marketplaces import ON_TOP, Marketplace

KEPT = 50  # earlier views of one order, for reads that lag behind


class Refusal(Exception):
    """Amazon's rules refuse a request: a status with the code of its error list."""

    def __init__(self, message: str, code: str = "InvalidInput", status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class Item(msgspec.Struct):
    """One item. Amounts are minor units; ``discount`` and the rest are for the whole quantity."""

    id: str
    sku: str
    title: str
    quantity: int
    unit: int
    discount: int = 0
    shipping: int = 0
    shipping_discount: int = 0
    gift_wrap: int = 0
    gift_message: str | None = None
    promotion: str | None = None
    shipped: int = 0
    cancelled: int = 0  # of the quantity, before they left
    cancelled_by: str | None = None
    cancel_requested: bool = False

    @property
    def wanted(self) -> int:
        return self.quantity - self.cancelled


class Package(msgspec.Struct):
    reference: str
    tracking: str
    carrier: str
    service: str | None
    ship_time: str
    created_at: datetime
    items: dict[str, int]
    edited: int = 0  # how often it was told again
    status: str = "SHIPPED"


class Order(msgspec.Struct):
    id: str
    marketplace: Marketplace
    created_at: datetime
    updated_at: datetime
    items: list[Item]
    address: dict[str, str]
    buyer: dict[str, str]
    service_level: str = "STANDARD"
    ship_by: datetime | None = None  # what the buyer was promised
    deliver_by: datetime | None = None
    status: str = "PENDING"
    afn: bool = False
    tax: str = ON_TOP
    tip: int = 0
    programs: list[str] = []
    replaces: str | None = None
    cash_on_delivery: bool = False
    cancelled_by: str | None = None
    packages: list[Package] = []

    def item(self, item_id: str) -> Item | None:
        return next((item for item in self.items if item.id == item_id), None)

    def taxes(self, item: Item) -> dict[str, int]:
        """The item's tax by what it is on."""
        nets = {
            "ITEM": item.unit * item.wanted - item.discount,
            "SHIPPING": item.shipping - item.shipping_discount,
            "GIFT_WRAP": item.gift_wrap,
        }
        rate = self.marketplace.rate
        whole = 10_000 if self.tax != "included" else 10_000 + rate
        return {name: (net * rate * 2 + whole) // (whole * 2) for name, net in nets.items() if net}

    def money(self, item: Item) -> dict[str, int]:
        """The item's proceeds by category, as they add up to its total."""
        return {
            "ITEM": item.unit * item.wanted,
            "SHIPPING": item.shipping,
            "GIFT_WRAP": item.gift_wrap,
            "DISCOUNT": -(item.discount + item.shipping_discount),
            "TAX": sum(self.taxes(item).values()),
        }

    def item_total(self, item: Item) -> int:
        money = self.money(item)
        return sum(money.values()) - (0 if self.tax == ON_TOP else money["TAX"])

    def total(self) -> int:
        return sum(self.item_total(item) for item in self.items) + self.tip


class SellerBooks:
    """What Amazon knows of this seller. ``changed`` is told of every change."""

    def __init__(self, now: Callable[[], datetime], changed: Callable[[Order, str], None]) -> None:
        self.now, self._changed = now, changed
        self.orders: dict[str, Order] = {}
        self.refused: Counter[str] = Counter()
        self._views: dict[str, list[tuple[datetime, Order]]] = {}

    def enter(self, order: Order) -> None:
        self.orders[order.id] = order
        self._keep(order, "Order Placed")

    def view(self, order_id: str, as_of: datetime) -> Order | None:
        """The order as it stood then; ``None`` when it was not there yet."""
        found = None
        for at, view in self._views.get(order_id, ()):
            if at <= as_of:
                found = view
        return found

    def first(self, order_id: str) -> Order | None:
        """The order as it was when it was placed, or the earliest view that is kept."""
        views = self._views.get(order_id)
        return views[0][1] if views else None

    def _keep(self, order: Order, reason: str) -> None:
        order.updated_at = self.now().replace(microsecond=0)  # Amazon tells whole seconds
        views = self._views.setdefault(order.id, [])
        views.append((self.now(), copy.deepcopy(order)))
        del views[:-KEPT]
        self._changed(order, reason)

    def authorize(self, order_id: str) -> None:
        """The payment is good: the order may be shipped."""
        order = self.orders[order_id]
        if order.status == "PENDING":
            order.status = "UNSHIPPED"
            self._keep(order, "Payment Authorized")

    def cancel(self, order_id: str, by: str) -> None:
        """Cancel what has not left; raises ``Refusal``."""
        order = self.orders[order_id]
        if order.status not in ("PENDING", "UNSHIPPED"):
            raise Refusal(f"Order {order_id} is {order.status} and cannot be cancelled.")
        order.status, order.cancelled_by = "CANCELLED", by
        self._keep(order, "Cancelled")

    def request_cancel(self, order_id: str) -> None:
        """The buyer asks for a cancellation: a mark on the items, which the seller may heed."""
        order = self.orders[order_id]
        for item in order.items:
            item.cancel_requested = True
        self._keep(order, "Buyer Requested Cancel")

    def reduce(self, order_id: str, item_id: str, quantity: int) -> None:
        """The seller cancels a part of an item; its money goes down with it. Raises ``Refusal``."""
        order = self.orders[order_id]
        item = order.item(item_id)
        if item is None or not item.shipped + item.cancelled <= quantity < item.quantity or quantity < 1:
            raise Refusal(f"Item {item_id} cannot be reduced to {quantity}.")
        item.discount = item.discount * quantity // item.quantity
        item.quantity = quantity
        self._settle(order)
        self._keep(order, "Quantity Changed")

    def cancel_units(self, order_id: str, item_id: str, quantity: int, by: str) -> None:
        """Cancel so many of an item that have not left; what was ordered goes on being told, and its money goes down.
        Raises ``Refusal``."""
        order = self.orders[order_id]
        item = order.item(item_id)
        if item is None or order.afn or order.status not in ("UNSHIPPED", "PARTIALLY_SHIPPED"):
            raise Refusal(f"Item {item_id} of order {order_id}, which is {order.status}, cannot be cancelled.")
        if not 1 <= quantity <= item.wanted - item.shipped:
            raise Refusal(f"{quantity} of item {item_id} cannot be cancelled: {item.wanted - item.shipped} are left.")
        item.discount = item.discount * (item.wanted - quantity) // item.wanted
        item.cancelled, item.cancelled_by = item.cancelled + quantity, by
        if not item.wanted:
            item.shipping = item.shipping_discount = item.gift_wrap = 0
        if not any(each.wanted for each in order.items):
            order.status, order.cancelled_by = "CANCELLED", by
        self._settle(order)
        self._keep(order, "Item Cancelled")

    def move(self, order_id: str, address: Mapping[str, str]) -> None:
        """The buyer corrects the address."""
        order = self.orders[order_id]
        order.address = {**order.address, **address}
        self._keep(order, "Buyer Requested Change")

    def ship_from_amazon(self, order_id: str) -> None:
        """Amazon ships an order of its own stock: no package is shown to the seller."""
        order = self.orders[order_id]
        if order.afn and order.status == "UNSHIPPED":
            for item in order.items:
                item.shipped = item.quantity
            self._settle(order)
            self._keep(order, "Shipped")

    def confirm(self, order_id: str, wanted: Mapping[str, Any]) -> Package:
        """``confirmShipment``. A known package number changes that package; raises ``Refusal``."""
        try:
            return self._confirm(order_id, wanted)
        except Refusal as refusal:
            self.refused[str(refusal)] += 1
            raise

    def _confirm(self, order_id: str, wanted: Mapping[str, Any]) -> Package:
        order = self.orders.get(order_id)
        if order is None:
            raise Refusal(f"Order {order_id} not found.", "NotFound", 404)
        detail = wanted.get("packageDetail")
        if not isinstance(detail, Mapping) or wanted.get("marketplaceId") != order.marketplace.id:
            raise Refusal("MarketplaceId or PackageDetail is missing or does not belong to the order.")
        if order.afn or order.status in ("PENDING", "CANCELLED"):
            by = "Amazon" if order.afn else "the merchant"
            raise Refusal(f"Order {order_id}, fulfilled by {by}, is {order.status}: it cannot be confirmed.")
        package = _package(detail, order, self.now())
        before = next((one for one in order.packages if one.reference == package.reference), None)
        self._check_quantities(order, package, before)
        if before is not None:
            package.created_at, package.edited = before.created_at, before.edited + 1
            order.packages.remove(before)
        order.packages.append(package)
        for item in order.items:
            item.shipped = sum(one.items.get(item.id, 0) for one in order.packages)
        self._settle(order)
        self._keep(order, "Shipment Confirmed")
        return package

    def _check_quantities(self, order: Order, package: Package, before: Package | None) -> None:
        for item_id, pieces in package.items.items():
            item = order.item(item_id)
            if item is None:
                raise Refusal(f"OrderItemId {item_id} does not belong to order {order.id}.")
            open_ = item.wanted - item.shipped + (before.items.get(item_id, 0) if before else 0)
            if pieces > open_:
                raise Refusal(f"Quantity {pieces} of OrderItemId {item_id} exceeds what is not shipped yet ({open_}).")

    def _settle(self, order: Order) -> None:
        """The status that the shipped quantities make."""
        if order.status == "CANCELLED":
            return
        if all(item.shipped >= item.wanted for item in order.items):
            order.status = "SHIPPED"
        elif any(item.shipped for item in order.items):
            order.status = "PARTIALLY_SHIPPED"


def _package(detail: Mapping[str, Any], order: Order, now: datetime) -> Package:
    reference = str(detail.get("packageReferenceId") or "")
    if not (reference.isascii() and reference.isdigit() and int(reference) > 0):
        raise Refusal("PackageReferenceId must be a positive number.")
    code, name = detail.get("carrierCode"), detail.get("carrierName")
    if not code or (code == "Other" and not name):
        raise Refusal("CarrierCode is missing, or is Other without a CarrierName.")
    if not detail.get("trackingNumber"):
        raise Refusal("TrackingNumber is missing.")
    items = Counter[str]()
    for row in detail.get("orderItems") or ():
        pieces = row.get("quantity")
        if not isinstance(pieces, int) or pieces < 1:
            raise Refusal(f"Quantity {pieces!r} is invalid.")
        items[str(row.get("orderItemId"))] += pieces
    if not items:
        raise Refusal("OrderItems is empty.")
    carrier = str(name if code == "Other" else code)
    told = _ship_time(detail.get("shipDate"), order, now)
    service = detail.get("shippingMethod")
    return Package(reference, str(detail["trackingNumber"]), carrier, service, told, now, dict(items))


def _ship_time(told: Any, order: Order, now: datetime) -> str:
    try:
        at = datetime.fromisoformat(str(told).replace("Z", "+00:00"))
    except ValueError:
        raise Refusal(f"ShipDate {told!r} is not an ISO 8601 date and time.") from None
    if at.tzinfo is None or at > now or at < order.created_at.replace(microsecond=0):
        raise Refusal(f"ShipDate {told} lies before the order or in the future.")
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
