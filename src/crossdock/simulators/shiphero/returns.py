"""Goods that come back to the warehouse: returns are made for an order, received in parts, restocked or not, finished.

A repeat of a creation makes a second return. Nothing but the status of one can be changed from outside.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from crossdock.simulators.shiphero.views import WAREHOUSE_NUMBER
from crossdock.simulators.shiphero.warehouse import Order, Refusal, uuid

PENDING, COMPLETE, CANCELLED = "pending", "complete", "cancelled"


class Item(msgspec.Struct):
    """One row. ``line_id``: the order's line of that SKU; None: of goods that the order does not have."""

    legacy_id: int
    sku: str
    quantity: int
    line_id: str | None
    reason: str
    received: int = 0
    restocked: int = 0
    condition: str | None = None


class Return(msgspec.Struct):
    legacy_id: int
    order: Order
    at: datetime
    items: list[Item]
    partner_id: str | None = None
    reason: str = ""
    status: str = PENDING
    warehouse_id: str = ""

    @property
    def id(self) -> str:
        return uuid("Return", self.legacy_id)


class ReturnDesk:
    """``tell(return)`` is called whenever one is made or changed: the vendor sends a webhook then."""

    def __init__(self, now: Callable[[], datetime], number: Callable[[], int], tell: Callable[[Return], None]) -> None:
        self.returns: dict[str, Return] = {}
        self._now, self._number, self._tell = now, number, tell

    def create(self, order: Order, given: dict[str, Any]) -> Return:
        """Takes any return of an order that left, the same one twice too."""
        if not order.shipments:
            raise Refusal("The order has no shipment to return")
        known = {line.sku: line.partner_line_item_id for line in order.lines}
        items = []
        for row in given["line_items"]:
            if row["sku"] not in known:
                raise Refusal(f"The order has no line with sku {row['sku']}")
            items.append(
                Item(self._number(), row["sku"], int(row["quantity"]), known[row["sku"]], row["return_reason"])
            )
        made = Return(
            self._number(), order, self._now(), items, given.get("partner_id"), given.get("return_reason", ""),
            warehouse_id=str(given["warehouse_id"]),
        )  # fmt: skip
        self.returns[made.id] = made
        self._tell(made)
        return made

    def of_order(self, order: Order) -> list[Return]:
        return [made for made in self.returns.values() if made.order is order]

    def set_status(self, made: Return, status: str) -> None:
        if status == CANCELLED and any(item.received for item in made.items):
            raise Refusal("Items of the return were received already")
        made.status = status
        self._tell(made)

    def receive(
        self, made: Return, sku: str, quantity: int, restock: int, condition: str | None, *, tell: bool = True
    ) -> None:
        """Count goods in. What nobody announced gets a row of its own."""
        item = next((each for each in made.items if each.sku == sku), None)
        if item is None:
            item = Item(self._number(), sku, 0, None, "")
            made.items.append(item)
        item.received, item.restocked = item.received + quantity, item.restocked + restock
        item.condition = condition or item.condition
        if tell:
            self._tell(made)

    def finish(self, made: Return, *, tell: bool = True) -> None:
        made.status = COMPLETE
        if tell:
            self._tell(made)

    def restocked(self, sku: str) -> int:
        """Units that lie on the shelves again."""
        return sum(item.restocked for made in self.returns.values() for item in made.items if item.sku == sku)


def view(made: Return, order: Callable[[Order], dict[str, Any]]) -> dict[str, Any]:
    """The API's Return."""
    lines = {line.partner_line_item_id: line for line in made.order.lines}
    return {
        "id": made.id,
        "legacy_id": made.legacy_id,
        "order_id": made.order.id,
        "partner_id": made.partner_id,
        "status": made.status,
        "reason": made.reason,
        "created_at": f"{made.at:%Y-%m-%dT%H:%M:%S}",
        "total_items_expected": sum(item.quantity for item in made.items),
        "total_items_received": sum(item.received for item in made.items),
        "total_items_restocked": sum(item.restocked for item in made.items),
        "order": order(made.order),
        "line_items": [
            {
                "id": uuid("ReturnItem", item.legacy_id),
                "legacy_id": item.legacy_id,
                "quantity": item.quantity,
                "quantity_received": item.received,
                "restock": item.restocked,
                "condition": item.condition,
                "reason": item.reason,
                "warehouse_id": made.warehouse_id,
                "line_item": None if item.line_id is None else _line(lines[item.line_id]),
                "product": {"sku": item.sku},
            }
            for item in made.items
        ],
    }


def _line(line: Any) -> dict[str, Any]:
    return {
        "id": line.id,
        "sku": line.sku,
        "quantity": line.quantity,
        "partner_line_item_id": line.partner_line_item_id,
    }


def webhook(made: Return) -> dict[str, Any]:
    """The body of a Return Update."""
    return {
        "test": "0",
        "webhook_type": "Return Update",
        "return_id": made.legacy_id,
        "return_uuid": made.id,
        "status": made.status,
        "reason": made.reason,
        "items": [
            {
                "id": item.legacy_id,
                "uuid": uuid("ReturnItem", item.legacy_id),
                "quantity": item.quantity,
                "quantity_received": item.received,
                "sku": item.sku,
                "item_reason": item.reason,
                "restock": item.restocked,
                "partner_line_item_id": item.line_id,
                "warehouse_id": WAREHOUSE_NUMBER,
            }
            for item in made.items
        ],
        "order_id": made.order.legacy_id,
        "order_uuid": made.order.id,
        "partner_order_id": made.order.partner,
        "order_number": made.order.given.get("order_number"),
        "created_at": f"{made.at:%Y-%m-%d %H:%M:%S}",
        "label_type": "Self Return",
        "label_cost": "0.00",
        "picked_up": False,
        "tracking_number": None,
        "date_used": None,
    }


def book(made: Return) -> dict[str, Any]:
    """One return of the books."""
    return {
        "id": made.id,
        "partner_id": made.partner_id,
        "order": made.order.partner,
        "status": made.status,
        "items": [
            {"sku": item.sku, "line_id": item.line_id, "quantity": item.quantity, "received": item.received,
             "restocked": item.restocked}
            for item in made.items
        ],
    }  # fmt: skip


def repeated(desk: ReturnDesk) -> Iterator[str]:
    """Names of ours under which more than one return stands."""
    names = [made.partner_id for made in desk.returns.values() if made.partner_id and made.status != CANCELLED]
    return (name for name in sorted(set(names)) if names.count(name) > 1)
