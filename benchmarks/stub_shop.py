"""A Shopify that keeps only two books, but keeps them right: what left of each order, and the levels of its SKUs.

It answers the connector's own documents by their names, refuses what the vendor would refuse, and notes whatever was
done twice or out of order: the benchmarks read those notes and fail.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks import load

FIRST_ITEM = 4_400_000  # the inventory item of SKU-n is FIRST_ITEM + n
LOCATION = "101"
READ_POINTS, WRITE_POINTS = 4, 10  # of Shopify's cost meter, about what the vendor asks for such documents
_PAGE = {"hasNextPage": False, "endCursor": None}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode


def sku_of(number: int) -> str:
    """How SKUs are called here and in the positions that are made up."""
    return f"SKU-{number:05d}"


class Refused(Exception):
    """The shop does not do it: a GraphQL error, by its code."""


class Meter:
    """Shopify's leaky bucket of cost points. ``per_s`` 0: this shop counts nothing."""

    def __init__(self, per_s: float) -> None:
        self.per_s, self.most = per_s, per_s * 2
        self.left, self.at = self.most, time.monotonic()
        self.refused = 0

    def take(self, points: int) -> dict[str, Any]:
        """The cost as it is told in every answer. Raises ``Refused`` when the bucket is empty."""
        now = time.monotonic()
        self.left = min(self.most, self.left + (now - self.at) * self.per_s)
        self.at = now
        if self.left < points:
            self.refused += 1
            raise Refused("THROTTLED")
        self.left -= points
        return self.told(points)

    def told(self, points: int) -> dict[str, Any]:
        status = {"maximumAvailable": self.most, "currentlyAvailable": self.left, "restoreRate": self.per_s}
        return {"requestedQueryCost": points, "throttleStatus": status}


class Shop:
    """One shop. ``lines``: how many each order has. ``skus``: how many are on its shelf, all at level 0."""

    def __init__(self, lines: int = 0, skus: int = 0, points_per_s: float = 0.0) -> None:
        self.meter = Meter(points_per_s)
        self.fulfilments = Fulfilments(lines)
        self.shelf = Shelf(skus)
        self._answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "query FulfilmentState": self.fulfilments.state,
            "mutation FulfilmentCreate": self.fulfilments.create,
            "query FulfilmentLines": self.fulfilments.lines_of,
            "query InventoryItem": self.shelf.item,
            "mutation InventorySet": self.shelf.set,
            "query OrdersChanged": lambda _: {"orders": {"nodes": [], "pageInfo": _PAGE}},
            "query OrdersListed": lambda _: {"orders": {"nodes": [], "pageInfo": _PAGE}},
        }

    def ask(self, body: bytes) -> bytes:
        """The answer to one GraphQL request."""
        asked = _decode(body)
        name = asked["query"].partition("(")[0]
        points = WRITE_POINTS if name.startswith("mutation") else READ_POINTS
        try:
            cost = {"extensions": {"cost": self.meter.take(points)}} if self.meter.per_s else {}
            if name not in self._answers:
                raise Refused("UNDEFINED_FIELD")
            return _encode({"data": self._answers[name](asked["variables"]), **cost})
        except Refused as refused:
            errors = [{"message": f"refused: {name}", "extensions": {"code": str(refused)}}]
            return _encode({"errors": errors, "extensions": {"cost": self.meter.told(points)}})


class Fulfilments:
    """What left of each order. Every order of ``load.order`` is here, each line of it once, at one location."""

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self.orders: dict[str, list[dict[str, Any]]] = {}  # order -> its fulfilments
        self._known: dict[str, dict[str, Any]] = {}  # fulfilment -> itself

    def told(self, order: str) -> dict[str, int]:
        """Line -> units fulfilled."""
        units: dict[str, int] = {}
        for made in self.orders.get(order, ()):
            for line, quantity in made["lines"].items():
                units[line] = units.get(line, 0) + quantity
        return units

    def state(self, asked: dict[str, Any]) -> dict[str, Any]:
        order = _number(asked["id"])
        told = self.told(order)
        left = {line: 1 - told.get(line, 0) for line in load.line_ids(int(order), self._lines)}
        status = "OPEN" if not told else "IN_PROGRESS" if any(left.values()) else "CLOSED"
        lines = [
            {
                "id": f"gid://shopify/FulfillmentOrderLineItem/{line}",
                "remainingQuantity": units,
                "lineItem": {"id": f"gid://shopify/LineItem/{line}", "sku": None},
            }
            for line, units in left.items()
        ]
        whole = {
            "id": f"gid://shopify/FulfillmentOrder/{order}",
            "status": status,
            "assignedLocation": {"location": {"id": f"gid://shopify/Location/{LOCATION}"}},
            "lineItems": {"nodes": lines, "pageInfo": _PAGE},
        }
        shown = [
            {"id": made["id"], "status": "SUCCESS", "createdAt": made["at"], "trackingInfo": made["tracking"]}
            for made in self.orders.get(order, ())
        ]
        page = {"nodes": [whole], "pageInfo": _PAGE}
        return {"order": {"id": asked["id"], "cancelledAt": None, "fulfillments": shown, "fulfillmentOrders": page}}

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        given = asked["fulfillment"]
        [part] = given["lineItemsByFulfillmentOrder"]  # one location, so one fulfilment order
        order = _number(part["fulfillmentOrderId"])
        lines = {_number(line["id"]): line["quantity"] for line in part["fulfillmentOrderLineItems"]}
        told, ordered = self.told(order), set(load.line_ids(int(order), self._lines))
        if any(line not in ordered or told.get(line, 0) + units > 1 for line, units in lines.items()):
            message = "Invalid fulfillment order line item quantity requested."
            return {"fulfillmentCreate": {"fulfillment": None, "userErrors": [{"field": None, "message": message}]}}
        made: dict[str, Any] = {
            "id": f"gid://shopify/Fulfillment/{len(self._known) + 1}",
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "tracking": [{"number": number} for number in given.get("trackingInfo", {}).get("numbers", ())],
            "lines": lines,
        }
        self.orders.setdefault(order, []).append(made)
        self._known[made["id"]] = made
        return {"fulfillmentCreate": {"fulfillment": {"id": made["id"], "status": "SUCCESS"}, "userErrors": []}}

    def lines_of(self, asked: dict[str, Any]) -> dict[str, Any]:
        made = self._known[asked["id"]]
        nodes = [
            {"quantity": units, "lineItem": {"id": f"gid://shopify/LineItem/{line}"}}
            for line, units in made["lines"].items()
        ]
        return {"fulfillment": {"id": asked["id"], "fulfillmentLineItems": {"nodes": nodes, "pageInfo": _PAGE}}}


class Shelf:
    """Levels at one location, absolute and compared before they are set, as ``inventorySetQuantities`` does."""

    def __init__(self, skus: int) -> None:
        self.levels = dict.fromkeys((str(FIRST_ITEM + number) for number in range(skus)), 0)
        self.versions: dict[str, int] = {}  # item -> the newest number written
        self.writes = self.refused = self.repeated = 0
        self.stale = 0  # writes that were taken although a newer number had been written before
        self._keys: dict[str, tuple[Any, list[dict[str, Any]]]] = {}

    def item(self, asked: dict[str, Any]) -> dict[str, Any]:
        sku = asked["query"].partition("'")[2].rstrip("'")
        number = sku.removeprefix("SKU-")
        item = str(FIRST_ITEM + int(number)) if number.isdigit() else ""
        if item not in self.levels:
            return {"inventoryItems": {"nodes": [], "pageInfo": _PAGE}}
        level = {
            "id": f"gid://shopify/InventoryLevel/{LOCATION}?inventory_item_id={item}",
            "quantities": [{"name": "available", "quantity": self.levels[item]}],
        }
        node = {"id": f"gid://shopify/InventoryItem/{item}", "sku": sku, "inventoryLevel": level}
        return {"inventoryItems": {"nodes": [node], "pageInfo": _PAGE}}

    def set(self, asked: dict[str, Any]) -> dict[str, Any]:
        key, given = asked["key"], asked["input"]
        if key in self._keys:
            known, errors = self._keys[key]
            self.repeated += 1
            if known != given:
                errors = [_error("IDEMPOTENCY_KEY_PARAMETER_MISMATCH")]
        else:
            errors = self._set(given)
            self._keys[key] = (given, errors)
        return {"inventorySetQuantities": {"userErrors": errors}}

    def _set(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        [row] = given["quantities"]  # one call sets one level
        item, version = _number(row["inventoryItemId"]), int(given["referenceDocumentUri"].rpartition("/v")[2])
        if item not in self.levels:
            self.refused += 1
            return [_error("INVALID_INVENTORY_ITEM")]
        if row["changeFromQuantity"] is not None and row["changeFromQuantity"] != self.levels[item]:
            self.refused += 1
            return [_error("CHANGE_FROM_QUANTITY_STALE")]
        self.stale += version <= self.versions.get(item, 0)
        self.versions[item] = max(version, self.versions.get(item, 0))
        self.levels[item] = row["quantity"]
        self.writes += 1
        return []


def _error(code: str) -> dict[str, Any]:
    return {"code": code, "field": ["input", "quantities"], "message": code}


def _number(gid: str) -> str:
    return gid.rpartition("/")[2]
