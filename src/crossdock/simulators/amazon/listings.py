"""The seller's listings and what may be bought of each: Listings Items 2021-08-01, as far as stock is concerned.

A patch is accepted first and processed later, in order; it sets the quantity, whatever was sold meanwhile. An attribute
is replaced whole: a lead time that is not sent along is the default again. A patch of channel DEFAULT takes a listing
that Amazon fulfils out of Amazon's hands.
"""

import base64
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from crossdock.simulators.amazon.books import Refusal
from crossdock.simulators.amazon.views import instant

DEFAULT, AMAZON = "DEFAULT", "AMAZON_NA"
LEAD_TIME = 2  # days, where nobody says another
PATH = "/attributes/fulfillment_availability"
_MOST_PAGED = 1000
_DATA = frozenset(
    {"summaries", "attributes", "issues", "offers", "fulfillmentAvailability", "procurement", "relationships"}
    | {"productTypes"}
)


class Listed(msgspec.Struct):
    sku: str
    quantity: int
    made_at: datetime
    product_type: str = "HOME"
    lead_time: int = LEAD_TIME
    channel: str = DEFAULT
    issues: list[dict[str, Any]] = []


class _Patch(msgspec.Struct, frozen=True):
    due: datetime
    sku: str
    quantity: int
    lead_time: int
    id: str


class ListingDesk:
    """``lag_s``: how long an accepted patch takes to be processed. ``taken``: patches accepted, by SKU. ``spoils``:
    patches are accepted and then not processed, for an issue of the listing."""

    def __init__(self, now: Callable[[], datetime], marketplaces: frozenset[str]) -> None:
        self._now, self._marketplaces = now, marketplaces
        self.items: dict[str, Listed] = {}
        self.lag_s, self.spoils = 0.0, False
        self.taken: Counter[str] = Counter()
        self._waiting: deque[_Patch] = deque()

    def enter(self, sku: str, quantity: int, args: Mapping[str, Any]) -> Listed:
        """The seller makes a listing, or changes it in Seller Central."""
        self.work()
        known = self.items.get(sku)
        made = known.made_at if known else self._now()
        channel = AMAZON if args.get("afn") else DEFAULT
        kind, days = str(args.get("product_type", "HOME")), int(args.get("lead_time", LEAD_TIME))
        self.items[sku] = Listed(sku, quantity, made, kind, days, channel)
        return self.items[sku]

    def sell(self, sku: str, quantity: int) -> bool:
        """A buyer takes so many; not what is not there. A SKU that is not listed here is not counted."""
        self.work()
        item = self.items.get(sku)
        if item is None or item.channel != DEFAULT:
            return True
        if item.quantity < quantity:
            return False
        item.quantity -= quantity
        return True

    def work(self) -> None:
        """Process what is due, in the order in which it was accepted."""
        while self._waiting and self._waiting[0].due <= self._now():
            patch = self._waiting.popleft()
            item = self.items[patch.sku]
            if self.spoils:
                item.issues = [_said("8541", "The listing is not active.", "INVALID_ATTRIBUTE")]
            else:
                item.quantity, item.lead_time, item.channel = patch.quantity, patch.lead_time, DEFAULT
                item.issues = []

    def get(self, sku: str, query: Mapping[str, str]) -> dict[str, Any]:
        """``getListingsItem``."""
        included = self._asked(query)
        item = self.items.get(sku)
        if item is None:
            raise Refusal(f"SKU '{sku}' not found in marketplaces.", "NOT_FOUND", 404)
        return self._view(item, included, query["marketplaceIds"].split(","))

    def search(self, query: Mapping[str, str]) -> dict[str, Any]:
        """``searchListingsItems``: at most a thousand, page by page."""
        included, size = self._asked(query), int(query.get("pageSize", "10"))
        if not 1 <= size <= 20:
            raise Refusal("pageSize must be between 1 and 20.")
        since = query.get("createdAfter")
        after = datetime.fromisoformat(since.replace("Z", "+00:00")) if since else None
        found = [item for item in self.items.values() if after is None or item.made_at.replace(microsecond=0) >= after]
        found.sort(key=lambda item: (item.made_at, item.sku), reverse=query.get("sortOrder") != "ASC")
        start = int(base64.urlsafe_b64decode(query["pageToken"])) if query.get("pageToken") else 0
        shown = found[:_MOST_PAGED][start : start + size]
        places = query["marketplaceIds"].split(",")
        answer: dict[str, Any] = {
            "numberOfResults": len(found),
            "items": [self._view(item, included, places) for item in shown],
        }
        if start + size < min(len(found), _MOST_PAGED):
            answer["pagination"] = {"nextToken": base64.urlsafe_b64encode(str(start + size).encode()).decode()}
        return answer

    def patch(self, sku: str, query: Mapping[str, str], body: bytes, number: int) -> dict[str, Any]:
        """``patchListingsItem``: accepted for processing, or invalid with issues."""
        self._asked(query)
        try:
            asked = msgspec.json.decode(body, type=dict[str, Any])
            (patch,) = asked["patches"]
            op, path, (row,) = patch["op"], patch["path"], patch["value"]
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            raise Refusal("Request body is missing or invalid.") from None
        if op not in ("add", "replace", "merge") or path != PATH or not isinstance(row, dict):
            raise Refusal("Only top-level attributes can be patched.")
        submission = f"{number:08x}-0000-11ee-bc55-0242ac130003"
        item = self.items.get(sku)
        if (issue := _issue(item, asked, row)) is not None or item is None:
            return {"sku": sku, "status": "INVALID", "submissionId": submission, "issues": [issue]}
        self.taken[sku] += 1
        kept = item.lead_time if op == "merge" else LEAD_TIME
        days = int(row.get("lead_time_to_ship_max_days", kept))
        due = self._now() + timedelta(seconds=self.lag_s)
        self._waiting.append(_Patch(due, sku, int(row["quantity"]), days, submission))
        return {"sku": sku, "status": "ACCEPTED", "submissionId": submission, "issues": []}

    def told(self) -> dict[str, Any]:
        """What may be bought, for the books."""
        self.work()
        return {item.sku: {item.channel: item.quantity} for item in self.items.values()}

    def _asked(self, query: Mapping[str, str]) -> frozenset[str]:
        self.work()
        places = frozenset(filter(None, query.get("marketplaceIds", "").split(",")))
        if not places or places - self._marketplaces:
            raise Refusal(f"marketplaceIds {sorted(places)} are missing or not the seller's.")
        included = frozenset(filter(None, query.get("includedData", "summaries").split(",")))
        if included - _DATA:
            raise Refusal(f"includedData {sorted(included - _DATA)} is unknown.")
        return included

    def _view(self, item: Listed, included: frozenset[str], places: list[str]) -> dict[str, Any]:
        shown: dict[str, Any] = {"sku": item.sku}
        at = instant(item.made_at)
        if "summaries" in included:
            shown["summaries"] = [
                {"marketplaceId": place, "status": ["BUYABLE"] if item.quantity else [], "createdDate": at,
                 "lastUpdatedDate": at, "itemName": f"Listing of {item.sku}", "productType": item.product_type}
                for place in places
            ]  # fmt: skip
        if "attributes" in included:
            row = {"fulfillment_channel_code": item.channel, "lead_time_to_ship_max_days": item.lead_time}
            shown["attributes"] = {
                "fulfillment_availability": [row | ({"quantity": item.quantity} if item.channel == DEFAULT else {})],
                "condition_type": [{"value": "new_new"}],
            }
        if "fulfillmentAvailability" in included:
            row = {"fulfillmentChannelCode": item.channel}
            shown["fulfillmentAvailability"] = [row | ({"quantity": item.quantity} if item.channel == DEFAULT else {})]
        if "issues" in included:
            shown["issues"] = [issue | {"marketplaceIds": places} for issue in item.issues]
        if "productTypes" in included:
            shown["productTypes"] = [{"marketplaceId": place, "productType": item.product_type} for place in places]
        return shown


def _issue(item: Listed | None, asked: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any] | None:
    quantity = row.get("quantity")
    if item is None:
        return _said("90000900", "There is no listing of this SKU.", "INVALID_ATTRIBUTE")
    if asked.get("productType") != item.product_type:
        return _said("4000003", f"The product type is {item.product_type}.", "INVALID_ATTRIBUTE")
    if row.get("fulfillment_channel_code") != DEFAULT:
        return _said("90000901", "The fulfillment channel is missing or unknown.", "INVALID_ATTRIBUTE")
    if not isinstance(quantity, int) or quantity < 0:
        return _said("99022", "The quantity is no whole number from 0.", "INVALID_ATTRIBUTE")
    return None


def _said(code: str, message: str, category: str) -> dict[str, Any]:
    names = ["fulfillment_availability"]
    return {"code": code, "message": message, "severity": "ERROR", "attributeNames": names, "categories": [category]}
