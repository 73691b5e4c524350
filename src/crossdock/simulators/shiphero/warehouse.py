"""The books and the floor: orders come in, wait, are picked, and leave in one to three shipments of parcels."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

import msgspec

HOLDS = ("fraud", "address", "shipping_method", "operator", "payment", "client")  # the kinds of a hold
CARRIERS = (("UPS", "Ground"), ("FedEx", "Home Delivery"), ("USPS", "Priority"))


class Pace(msgspec.Struct, frozen=True):
    """How the warehouse works. Shares are probabilities, times seconds."""

    allocate_s: float = 0.2
    pick_s: float = 0.6  # after which a cancel is refused
    ship_s: float = 1.0
    spread_s: float = 0.5  # added at random to each wait for shipping
    split: float = 0.3  # share of orders that leave in several shipments
    most_shipments: int = 3
    two_parcels: float = 0.25  # share of shipments with two parcels
    hold: float = 0.0  # share of orders put on hold until released


class Line(msgspec.Struct):
    id: str
    partner_line_item_id: str
    sku: str
    quantity: int
    product_name: str
    price: str
    shipped: int = 0


class Parcel(msgspec.Struct):
    id: str
    name: str
    tracking_number: str
    carrier: str
    method: str
    lines: dict[str, int]  # line id -> quantity


class Shipment(msgspec.Struct):
    legacy_id: int
    at: datetime
    parcels: list[Parcel]
    picked_up: bool = False  # by the carrier
    delivered: bool = False

    @property
    def id(self) -> str:
        return uuid("Shipment", self.legacy_id)


class Order(msgspec.Struct):
    legacy_id: int
    at: datetime
    changed: datetime
    given: dict[str, Any]
    lines: list[Line]
    status: str = "pending"
    shipments: list[Shipment] = []
    picking: bool = False
    hold: str | None = None
    parked: list[Callable[[], None]] = []  # what waits for the hold's end
    cancel_reason: str | None = None

    @property
    def id(self) -> str:
        return uuid("Order", self.legacy_id)

    @property
    def partner(self) -> str | None:
        return self.given.get("partner_order_id")

    @property
    def open(self) -> bool:
        return self.status not in ("fulfilled", "canceled")


class Refusal(Exception):
    """The warehouse says no."""


def uuid(kind: str, legacy_id: int) -> str:
    """ShipHero's ids: base64 of the type and the number."""
    return b64encode(f"{kind}:{legacy_id}".encode()).decode()


class Warehouse:
    """``tell(topic, order, shipment)`` is called for everything that the vendor sends a webhook for."""

    def __init__(
        self,
        now: Callable[[], datetime],
        random: Random,
        pace: Pace,
        tell: Callable[[str, Order, Shipment | None], None],
    ) -> None:
        self.orders: dict[str, Order] = {}
        self._now, self._random, self._pace, self._tell = now, random, pace, tell
        self._due: list[tuple[datetime, int, Order, Callable[[], None]]] = []
        self._last = 500_000 + random.randrange(100_000)

    def number(self) -> int:
        self._last += 1
        return self._last

    def create(self, given: dict[str, Any]) -> Order:
        """Takes any order, the same one twice too: ShipHero does not compare order numbers."""
        number = self.number()
        lines = [
            Line(
                uuid("LineItem", self.number()),
                str(line["partner_line_item_id"]),
                line["sku"],
                line["quantity"],
                line.get("product_name") or line["sku"],
                line["price"],
            )
            for line in given["line_items"]
        ]
        order = Order(number, self._now(), self._now(), given, lines, shipments=[], parked=[])
        self.orders[order.id] = order
        if self._random.random() < self._pace.hold:
            self.hold(order, "address")
        self._later(order, self._pace.allocate_s, lambda: self._allocate(order))
        return order

    def find(self, name: str) -> Order:
        """By id, number or our key. Raises ``KeyError``."""
        for order in self.orders.values():
            if name in (order.id, str(order.legacy_id), order.partner):
                return order
        raise KeyError(f"no order {name!r} in the warehouse")

    def cancel(self, order: Order, reason: str | None) -> None:
        if order.status == "canceled":
            raise Refusal("The order is already canceled")
        if order.status == "fulfilled" or order.shipments:
            raise Refusal("The order has shipments and can not be canceled")
        if order.picking:
            raise Refusal("The order is being picked and can not be canceled")
        order.status, order.cancel_reason, order.changed = "canceled", reason, self._now()
        self._tell("Order Canceled", order, None)

    def hold(self, order: Order, reason: str) -> None:
        """Stop it, for one of ``HOLDS``. The status stays what it was, as the vendor's does."""
        if reason not in HOLDS:
            raise Refusal(f"There is no hold called {reason}")
        order.hold, order.changed = reason, self._now()

    def release_hold(self, order: Order) -> None:
        order.hold, order.changed = None, self._now()
        parked, order.parked = order.parked, []
        for step in parked:
            self._later(order, 0.0, step)

    def ship_now(self, order: Order) -> None:
        """All that is left leaves at once, in one shipment."""
        if not order.open:
            raise Refusal(f"The order is {order.status}")
        order.hold, order.parked = None, []
        self._ship(order, {line.id: line.quantity - line.shipped for line in order.lines})

    def ship_line(self, order: Order, line_id: str) -> None:
        """All that is left of one line leaves at once."""
        self._ship(order, {line.id: line.quantity for line in order.lines if line.partner_line_item_id == line_id})

    def take_off(self, order: Order, line_id: str) -> None:
        """People take off the order what has not left of a line (``order_remove_line_items``). No webhook tells it."""
        for line in order.lines:
            if line.partner_line_item_id == line_id:
                line.quantity, order.changed = line.shipped, self._now()
        if order.shipments and all(line.shipped >= line.quantity for line in order.lines):
            order.status = "fulfilled"

    def void_label(self, order: Order) -> Shipment:
        """The last shipment gets new labels: the same shipment, other tracking numbers."""
        if not order.shipments:
            raise Refusal("The order has no shipment")
        shipment = order.shipments[-1]
        for parcel in shipment.parcels:
            parcel.tracking_number = self._tracking()
        self._tell("Shipment Update", order, shipment)
        return shipment

    def carry(self, order: Order, *, delivered: bool) -> None:
        """The carrier has everything that left, or has delivered it. No webhook tells that."""
        if not order.shipments:
            raise Refusal("The order has no shipment")
        for shipment in order.shipments:
            shipment.picked_up, shipment.delivered = True, shipment.delivered or delivered

    def work(self) -> None:
        """Do what is due."""
        now = self._now()
        while self._due and self._due[0][0] <= now:
            _, _, order, step = heappop(self._due)
            if not order.open:
                continue
            if order.hold is None:
                step()
            else:
                order.parked.append(step)

    def _later(self, order: Order, after_s: float, step: Callable[[], None]) -> None:
        heappush(self._due, (self._now() + timedelta(seconds=after_s), self.number(), order, step))

    def _allocate(self, order: Order) -> None:
        self._tell("Order Allocated", order, None)
        self._later(order, self._pace.pick_s, lambda: self._pick(order))

    def _pick(self, order: Order) -> None:
        order.picking = True
        for part in self._parts(order):
            wait_s = self._pace.ship_s + self._random.random() * self._pace.spread_s
            self._later(order, wait_s, lambda part=part: self._ship(order, part))  # type: ignore[misc]

    def _parts(self, order: Order) -> Iterator[dict[str, int]]:
        """What leaves together: everything, or each unit dealt to one of several shipments."""
        units = [line.id for line in order.lines for _ in range(line.quantity)]
        count = 1
        if len(units) > 1 and self._random.random() < self._pace.split:
            count = self._random.randint(2, max(2, min(self._pace.most_shipments, len(units))))
        dealt: list[dict[str, int]] = [{} for _ in range(count)]
        for place, line_id in enumerate(units):
            part = dealt[place * count // len(units)]
            part[line_id] = part.get(line_id, 0) + 1
        yield from (part for part in dealt if part)

    def _ship(self, order: Order, part: dict[str, int]) -> None:
        left = {line.id: line.quantity - line.shipped for line in order.lines}
        leaving = {line_id: min(quantity, left[line_id]) for line_id, quantity in part.items() if left[line_id] > 0}
        leaving = {line_id: quantity for line_id, quantity in leaving.items() if quantity > 0}
        if not leaving:
            return
        order.picking, order.changed = True, self._now()
        shipment = Shipment(self.number(), self._now(), list(self._parcels(leaving)))
        order.shipments.append(shipment)
        for line in order.lines:
            line.shipped += leaving.get(line.id, 0)
        if all(line.shipped >= line.quantity for line in order.lines):
            order.status = "fulfilled"
            self._tell("Order Packed Out", order, None)
        self._tell("Shipment Update", order, shipment)

    def _parcels(self, leaving: dict[str, int]) -> Iterator[Parcel]:
        carrier, method = self._random.choice(CARRIERS)
        units = [line_id for line_id, quantity in leaving.items() for _ in range(quantity)]
        count = 2 if len(units) > 1 and self._random.random() < self._pace.two_parcels else 1
        for place in range(count):
            inside = units[place::count]
            lines = {line_id: inside.count(line_id) for line_id in dict.fromkeys(inside)}
            label = uuid("ShippingLabel", self.number())
            yield Parcel(label, f"Package #{place + 1}", self._tracking(), carrier, method, lines)

    def _tracking(self) -> str:
        return f"1Z{self._random.randrange(10**15):015d}"
