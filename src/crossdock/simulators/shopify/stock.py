"""The store's levels: what is available of a SKU at a location. A sale takes it at once, long before goods leave.

Rules from the Admin API 2026-10: absolute values with compare-and-swap per item and location (``changeFromQuantity``
must be given, ``null`` skips the check), all or nothing, and an idempotency key that is mandatory since 2026-04: the
same key with the same input is answered as the first time, with another input it is refused.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from crossdock.simulators.shopify.books import LOCATIONS, numeric
from crossdock.simulators.shopify.language import GraphError, connection

FIRST_ITEM = 4_400_000
MOST = 250  # quantities in one call


class Change(msgspec.Struct, frozen=True):
    """One line of the shop's inventory history: a level that an app set. ``document``: what the app said it was for."""

    at: datetime
    sku: str
    location: int
    before: int
    after: int
    document: str


class Shelf:
    """Levels by SKU and location. A SKU that nobody entered is not tracked: it sells without end."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.levels: dict[tuple[str, int], int] = {}
        self.items: dict[str, int] = {}
        self.changes: list[Change] = []  # what was set from outside
        self._answers: dict[str, tuple[bytes, list[dict[str, Any]]]] = {}

    def enter(self, sku: str, location: int, quantity: int) -> None:
        """Somebody of the shop's own sets a level."""
        self.items.setdefault(sku, FIRST_ITEM + len(self.items) + 1)
        self.levels[sku, location] = quantity

    def has(self, wanted: Mapping[str, int], location: int) -> bool:
        """Whether an order for so many units may be placed."""
        return all(self.levels.get((sku, location), units) >= units for sku, units in wanted.items())

    def sell(self, sku: str, location: int, units: int) -> None:
        """Units that were sold; negative: put back."""
        if (sku, location) in self.levels:
            self.levels[sku, location] -= units

    def set(self, key: str | None, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        """``inventorySetQuantities``: the user errors, none when all was set."""
        if not key:
            raise GraphError("The @idempotent directive is required for this mutation.", "BAD_REQUEST")
        raw = msgspec.json.encode(asked)
        if key in self._answers:
            known, answered = self._answers[key]
            mismatch = "The same idempotency key cannot be used with different operation parameters."
            return answered if known == raw else [_error("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", mismatch)]
        errors = self._refused(asked)
        if not errors:
            for row in asked["quantities"]:
                self._put(row, str(asked.get("referenceDocumentUri") or ""))
        self._answers[key] = (raw, errors)
        return errors

    def _put(self, row: Mapping[str, Any], document: str) -> None:
        sku, location = self._sku(row["inventoryItemId"]), numeric(row["locationId"])
        assert sku is not None
        before, after = self.levels[sku, location], int(row["quantity"])
        self.changes.append(Change(self._now(), sku, location, before, after, document))
        self.levels[sku, location] = after

    def _refused(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        rows = asked.get("quantities") or []
        if asked.get("name") not in ("available", "on_hand"):
            return [_error("INVALID_NAME", "The quantity name must be either 'available' or 'on_hand'.")]
        if len(rows) > MOST:
            raise GraphError(f"The input array size of {len(rows)} is greater than the maximum of {MOST}.", "MAX_INPUT")
        return [error for row in rows if (error := self._row_refused(row)) is not None]

    def _row_refused(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        if "changeFromQuantity" not in row:
            raise GraphError("changeFromQuantity must be given, even as null.", "BAD_REQUEST")
        sku, location = self._sku(row["inventoryItemId"]), numeric(row["locationId"])
        if sku is None:
            return _error("INVALID_INVENTORY_ITEM", "The specified inventory item could not be found.")
        if (sku, location) not in self.levels:
            return _error("INVALID_LOCATION", "The specified location could not be found.")
        if int(row["quantity"]) < 0:
            return _error("INVALID_QUANTITY_NEGATIVE", "The quantity can't be negative.")
        compared = row["changeFromQuantity"]
        if compared is not None and int(compared) != self.levels[sku, location]:
            return _error("CHANGE_FROM_QUANTITY_STALE", "The changeFromQuantity value does not match persisted value.")
        return None

    def _sku(self, gid: Any) -> str | None:
        wanted = numeric(gid)
        return next((sku for sku, number in self.items.items() if number == wanted), None)

    # -- what can be asked -----------------------------------------------------------------------------------------

    def listed(self, a: Mapping[str, Any]) -> dict[str, Any]:
        """``inventoryItems``, all or by ``sku:'…'``."""
        query = a.get("query") or ""
        skus = [sku for sku in self.items if not query or query == f"sku:'{sku}'"]
        return connection("InventoryItemConnection", [self._item(sku) for sku in skus])(a)

    def _item(self, sku: str) -> dict[str, Any]:
        gid = f"gid://shopify/InventoryItem/{self.items[sku]}"
        return {"__typename": "InventoryItem", "id": gid, "sku": sku, "inventoryLevel": self._level_of(sku)}

    def _level_of(self, sku: str) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
        def level(a: Mapping[str, Any]) -> dict[str, Any] | None:
            location = numeric(a["locationId"])
            if (sku, location) not in self.levels:
                return None
            gid = f"gid://shopify/InventoryLevel/{location}?inventory_item_id={self.items[sku]}"
            return {"__typename": "InventoryLevel", "id": gid, "quantities": lambda q: self._named(sku, location, q)}

        return level

    def _named(self, sku: str, location: int, a: Mapping[str, Any]) -> list[dict[str, Any]]:
        known = {"available": self.levels[sku, location]}
        if unknown := set(a["names"]) - set(known):
            raise GraphError(f"this simulator does not keep {sorted(unknown)}", "BAD_REQUEST")
        return [{"__typename": "InventoryQuantity", "name": name, "quantity": known[name]} for name in a["names"]]

    def books(self) -> dict[str, Any]:
        """SKU -> location -> available."""
        told: dict[str, dict[str, int]] = {}
        for (sku, location), quantity in self.levels.items():
            told.setdefault(sku, {})[str(location)] = quantity
        return told


def _error(code: str, message: str) -> dict[str, Any]:
    typename = "InventorySetQuantitiesUserError"
    return {"__typename": typename, "code": code, "field": ["input", "quantities"], "message": message}


def selling_place() -> int:
    """Where orders are routed first."""
    return next(iter(LOCATIONS))
