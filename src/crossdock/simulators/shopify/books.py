"""The shop's own books and the rules that guard them: orders, fulfilment orders, fulfilments, subscriptions."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.simulators.shopify import paying
from crossdock.simulators.shopify.paying import Receipt
from crossdock.simulators.shopify.refusing import UserError as UserError

LOCATIONS = {101: "Rotterdam", 102: "Leipzig"}
FULFILLABLE = ("OPEN", "IN_PROGRESS")


class FulfilmentOrderLine(msgspec.Struct):
    id: int
    line_id: int
    total: int
    remaining: int


class FulfilmentOrder(msgspec.Struct):
    id: int
    order_id: int
    location_id: int
    lines: list[FulfilmentOrderLine]
    status: str = "OPEN"
    awaits_payment: bool = False  # held until what is outstanding is paid


class FulfilmentEvent(msgspec.Struct):
    id: int
    status: str
    happened_at: datetime
    message: str | None = None


class Fulfilment(msgspec.Struct):
    id: int
    order_id: int
    location_id: int
    lines: list[tuple[int, int]]  # order line id, quantity
    created_at: datetime
    notices: int  # how often the customer was written to
    numbers: list[str] = []
    urls: list[str] = []
    company: str | None = None
    status: str = "SUCCESS"
    events: list["FulfilmentEvent"] = []


class Subscription(msgspec.Struct):
    id: int
    topic: str  # the enum's spelling: ORDERS_CREATE
    uri: str


def numeric(gid: Any) -> int:
    """The number at the end of a global id; -1 for what is none, so that nothing is found under it."""
    tail = str(gid).rpartition("/")[2]
    return int(tail) if tail.isdigit() else -1


class ShopBooks:
    """What the shop knows. Orders are kept as the bodies that webhooks carry."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.orders: dict[int, dict[str, Any]] = {}
        self.fulfilment_orders: dict[int, FulfilmentOrder] = {}
        self.fulfilments: dict[int, Fulfilment] = {}
        self.subscriptions: list[Subscription] = []
        self.metafields: dict[tuple[int, str, str], str] = {}  # (order, namespace, key) -> value
        self.idempotent: dict[str, tuple[Any, dict[str, Any]]] = {}  # key -> (what was asked, what was made)
        self.returns: dict[int, Any] = {}  # see returning.py
        self.receipts: dict[int, list[Receipt]] = {}  # what customers paid, by order
        self.set_off: dict[int, dict[str, Decimal]] = {}  # what came back instead of being paid for, by order
        # (order, location, tracking number) -> how often it was to be told once more, refused or not
        self.asked_again: Counter[tuple[int, int, str]] = Counter()
        self._of_order: dict[int, list[FulfilmentOrder]] = {}
        self._fulfilments_of: dict[int, list[Fulfilment]] = {}
        self._next = 9_000_001

    def fresh_id(self) -> int:
        self._next += 1
        return self._next

    def fulfilment_orders_of(self, order_id: int) -> list[FulfilmentOrder]:
        return self._of_order.get(order_id, [])

    def fulfilments_of(self, order_id: int) -> list[Fulfilment]:
        return self._fulfilments_of.get(order_id, [])

    def take(self, body: dict[str, Any], split: bool) -> None:
        """Enter a new order and route it: one fulfilment order per location."""
        self.orders[body["id"]] = body
        paying.begin(self, body)
        for refund in body.setdefault("refunds", []):  # of an order that was imported
            for one in refund["transactions"]:
                amount = {"amount": one["amount"], "currency_code": one["currency"]}
                one.setdefault("sides", {"shop_money": amount, "presentment_money": amount})
        shipped = [line for line in body["line_items"] if line["requires_shipping"]]
        first, second = LOCATIONS
        parts = {first: shipped[::2], second: shipped[1::2]} if split else {first: shipped}
        for location_id, lines in parts.items():
            if lines:
                self.route(body["id"], location_id, [(line["id"], line["quantity"]) for line in lines])

    def route(self, order_id: int, location_id: int, lines: Sequence[tuple[int, int]]) -> FulfilmentOrder:
        """A fulfilment order of these (line id, quantity) at a location."""
        made = FulfilmentOrder(
            self.fresh_id(),
            order_id,
            location_id,
            [FulfilmentOrderLine(self.fresh_id(), line_id, quantity, quantity) for line_id, quantity in lines],
        )
        self.fulfilment_orders[made.id] = made
        self._of_order.setdefault(order_id, []).append(made)
        return made

    def move(self, fulfilment_order_id: int, location_id: int) -> FulfilmentOrder:
        """Assign what remains to another location: a new fulfilment order, the old one closes."""
        old = self.fulfilment_orders[fulfilment_order_id]
        rest = [(line.line_id, line.remaining) for line in old.lines if line.remaining]
        for line in old.lines:
            line.remaining = 0
        old.status = "CLOSED"
        return self.route(old.order_id, location_id, rest)

    def touch(self, order_id: int) -> dict[str, Any]:
        """The order, with ``updated_at`` now, in whole seconds."""
        order = self.orders[order_id]
        order["updated_at"] = f"{self.now():%Y-%m-%dT%H:%M:%S}+00:00"
        return order

    def fulfil(self, wanted: Mapping[str, Any]) -> Fulfilment:
        """``fulfillmentCreate``: all or nothing; raises ``UserError``."""
        self._notice(wanted)
        pieces = [piece for part in wanted.get("lineItemsByFulfillmentOrder") or [] for piece in self._pieces(part)]
        if not pieces:
            raise UserError("Line items by fulfillment order can't be blank", "fulfillment")
        owners = {order.id: order for order, _, _ in pieces}.values()
        if len({order.location_id for order in owners}) > 1:
            raise UserError("All fulfillment orders must be assigned to a single location.", "fulfillment")
        if len({order.order_id for order in owners}) > 1:
            raise UserError("All fulfillment orders must belong to the same order.", "fulfillment")
        for order, line, quantity in pieces:
            line.remaining -= quantity
            order.status = "IN_PROGRESS" if any(each.remaining for each in order.lines) else "CLOSED"
        return self._ship(pieces, wanted)

    def _notice(self, wanted: Mapping[str, Any]) -> None:
        """Numbers that the customer knows: a shop refuses them while nothing is left to fulfil, and tells them else."""
        named = [numeric(part.get("fulfillmentOrderId")) for part in wanted.get("lineItemsByFulfillmentOrder") or []]
        orders = [self.fulfilment_orders[one] for one in named if one in self.fulfilment_orders]
        for order_id, location_id in {(one.order_id, one.location_id) for one in orders}:
            here = [one for one in self.fulfilments_of(order_id) if one.location_id == location_id]
            known = {number for one in here for number in one.numbers}
            for number in known.intersection(_numbers(wanted.get("trackingInfo") or {})):
                self.asked_again[order_id, location_id, number] += 1

    def _pieces(self, part: Mapping[str, Any]) -> list[tuple[FulfilmentOrder, FulfilmentOrderLine, int]]:
        order = self.fulfilment_orders.get(numeric(part.get("fulfillmentOrderId")))
        if order is None:
            raise UserError("Fulfillment order does not exist.", "fulfillment")
        if order.status not in FULFILLABLE:
            text = f"Fulfillment order {order.id} has an unfulfillable status= {order.status.lower()}."
            raise UserError(text, "fulfillment")
        asked = part.get("fulfillmentOrderLineItems")
        if not asked:
            return [(order, line, line.remaining) for line in order.lines if line.remaining]
        lines = {line.id: line for line in order.lines}
        found, taken = [], Counter[int]()
        for each in asked:
            line, quantity = lines.get(numeric(each.get("id"))), int(each.get("quantity") or 0)
            if line is None:
                raise UserError("Fulfillment order line item does not exist.", "fulfillment")
            taken[line.id] += quantity
            if quantity <= 0 or taken[line.id] > line.remaining:
                raise UserError("Invalid fulfillment order line item quantity requested.", "fulfillment")
            found.append((order, line, quantity))
        return found

    def _ship(
        self, pieces: Sequence[tuple[FulfilmentOrder, FulfilmentOrderLine, int]], wanted: Mapping[str, Any]
    ) -> Fulfilment:
        owner = pieces[0][0]
        made = Fulfilment(
            self.fresh_id(),
            owner.order_id,
            owner.location_id,
            [(line.line_id, quantity) for _, line, quantity in pieces],
            self.now(),
            int(bool(wanted.get("notifyCustomer"))),
        )
        _track(made, wanted.get("trackingInfo") or {})
        self.fulfilments[made.id] = made
        self._fulfilments_of.setdefault(owner.order_id, []).append(made)
        order = self.touch(owner.order_id)
        left: Counter[int] = Counter()
        for line_id, quantity in made.lines:
            left[line_id] += quantity
        for line in order["line_items"]:
            if left[line["id"]]:
                line["fulfillable_quantity"] = line.get("fulfillable_quantity", line["quantity"]) - left[line["id"]]
        order["fulfillments"] = [*(order.get("fulfillments") or ()), _fulfilment_body(made)]
        rest = sum(line.remaining for each in self.fulfilment_orders_of(owner.order_id) for line in each.lines)
        order["fulfillment_status"] = "partial" if rest else "fulfilled"
        return made

    def relabel(self, wanted: Mapping[str, Any]) -> Fulfilment:
        """``fulfillmentTrackingInfoUpdate``: a fulfilment has the numbers that are told; raises ``UserError``."""
        told = self.fulfilments.get(numeric(wanted.get("fulfillmentId")))
        if told is None:
            raise UserError("Fulfillment does not exist.", "fulfillmentId")
        if told.status == "CANCELLED":
            raise UserError("Fulfillment is cancelled.", "fulfillmentId")
        if told.numbers and set(told.numbers) == set(_numbers(wanted["trackingInfoInput"])):
            self.asked_again.update((told.order_id, told.location_id, number) for number in told.numbers)
        _track(told, wanted["trackingInfoInput"])
        told.notices += bool(wanted.get("notifyCustomer"))
        order = self.touch(told.order_id)
        order["fulfillments"] = [_fulfilment_body(one) for one in self._fulfilments_of[told.order_id]]
        return told

    def cancel(self, order_id: int, reason: str) -> dict[str, Any]:
        """Cancel with a full refund; what was not shipped will not be."""
        order = self.touch(order_id)
        order["cancelled_at"] = order["closed_at"] = order["updated_at"]
        order["cancel_reason"] = reason
        order["financial_status"] = "refunded" if order["financial_status"] == "paid" else "voided"
        for each in self.fulfilment_orders_of(order_id):
            if each.status != "CLOSED":
                self.close(each, "CANCELLED")
        return order

    def unshipped(self, order_id: int) -> dict[str, int]:
        """SKU -> units that nobody has fulfilled yet."""
        skus = {line["id"]: line["sku"] for line in self.orders[order_id]["line_items"]}
        left: Counter[str] = Counter()
        for each in self.fulfilment_orders_of(order_id):
            for line in each.lines:
                left[str(skus[line.line_id])] += line.remaining
        return dict(left)

    def close(self, fulfilment_order: FulfilmentOrder, status: str) -> None:
        """Nothing of it will be shipped any more."""
        fulfilment_order.status = status
        for line in fulfilment_order.lines:
            line.remaining = 0

    def subscribe(self, topic: str, uri: str) -> Subscription:
        """One subscription per topic and address; raises ``UserError``."""
        if not uri.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise UserError("Address protocol http:// is not supported", "webhookSubscription", "uri")
        if any(one.topic == topic and one.uri == uri for one in self.subscriptions):
            raise UserError("Address for this topic has already been taken", "webhookSubscription", "uri")
        made = Subscription(self.fresh_id(), topic, uri)
        self.subscriptions.append(made)
        return made


def _track(fulfilment: Fulfilment, tracking: Mapping[str, Any]) -> None:
    """``FulfillmentTrackingInput`` has each of them in singular and plural."""
    fulfilment.numbers = _numbers(tracking)
    fulfilment.urls = list(tracking.get("urls") or ([tracking["url"]] if tracking.get("url") else []))
    fulfilment.company = tracking.get("company")


def _numbers(tracking: Mapping[str, Any]) -> list[str]:
    return list(tracking.get("numbers") or ([tracking["number"]] if tracking.get("number") else []))


def _fulfilment_body(made: Fulfilment) -> dict[str, Any]:
    """As an order's webhook lists it."""
    return {
        "id": made.id,
        "order_id": made.order_id,
        "status": made.status.lower(),
        "created_at": f"{made.created_at:%Y-%m-%dT%H:%M:%S}+00:00",
        "tracking_numbers": made.numbers,
        "line_items": [{"id": line_id, "quantity": quantity} for line_id, quantity in made.lines],
    }


def fulfilment_order_body(fulfilment_order_id: int, status: str) -> dict[str, Any]:
    """The body of most ``fulfillment_orders/*`` webhooks."""
    gid = f"gid://shopify/FulfillmentOrder/{fulfilment_order_id}"
    return {"fulfillment_order": {"id": gid, "status": status.lower()}}
