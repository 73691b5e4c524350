"""The Orders API as it is asked: query parameters checked, pages cut, reads behind what was written."""

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from crossdock.simulators.amazon import views
from crossdock.simulators.amazon.books import Order, Refusal

if TYPE_CHECKING:
    from crossdock.simulators.amazon.simulator import AmazonSimulator

_TOKEN_LIFE = timedelta(hours=24)
_PARAMETERS = frozenset(
    {"createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore", "fulfillmentStatuses", "marketplaceIds"}
    | {"fulfilledBy", "maxResultsPerPage", "paginationToken", "includedData"}
)


class _Place(msgspec.Struct, frozen=True):
    """What a page token remembers: the last order shown, and until when it may be used."""

    updated_at: datetime
    order_id: str
    ends: datetime


def get_order(seller: "AmazonSimulator", order_id: str, query: Mapping[str, str]) -> dict[str, Any]:
    """``getOrder``: shows the order as it stood ``read_lag_s`` ago, but at least as it was placed."""
    included = _included(query)
    now = seller.now()
    told = seller.books_.view(order_id, now - timedelta(seconds=seller.read_lag_s))
    told = told or seller.books_.first(order_id)
    if told is None:
        raise Refusal(f"Order {order_id} not found.", "NotFound", 404)
    return {"order": views.order(told, included, seller.roles)}


def search_orders(seller: "AmazonSimulator", query: Mapping[str, str]) -> dict[str, Any]:
    """``searchOrders``: by change or creation, oldest first."""
    if unknown := set(query) - _PARAMETERS:
        raise Refusal(f"Unknown parameters: {sorted(unknown)}")
    included, size = _included(query), _size(query)
    name, after, before = _span(seller, query)
    found = [told for told in _searchable(seller) if after <= getattr(told, name) <= before and _fits(told, query)]
    found.sort(key=lambda told: (told.updated_at, told.id))
    if token := query.get("paginationToken"):
        place = _place(token, seller.now())
        if not seller.pages_come_round:
            found = [told for told in found if (told.updated_at, told.id) > (place.updated_at, place.order_id)]
    shown = found[:size]
    answer: dict[str, Any] = {"orders": [views.order(told, included, seller.roles) for told in shown]}
    if len(found) > len(shown):
        ends = seller.now() + _TOKEN_LIFE if not seller.pages_come_round else datetime.max.replace(tzinfo=before.tzinfo)
        answer["pagination"] = {"nextToken": _token(_Place(shown[-1].updated_at, shown[-1].id, ends))}
    answer["createdBefore" if name == "created_at" else "lastUpdatedBefore"] = views.instant(before)
    return answer


def _searchable(seller: "AmazonSimulator") -> list[Order]:
    """Every order as the index has it: it runs behind by the search lag, for some orders more than for others."""
    now, lag_s = seller.now(), seller.faults.search_lag_s
    views_ = []
    for number, order_id in enumerate(seller.books_.orders):
        behind = timedelta(seconds=lag_s * (4 - number % 4) / 4)
        told = seller.books_.view(order_id, now - behind)
        if told is not None:
            views_.append(told)
    return views_


def _span(seller: "AmazonSimulator", query: Mapping[str, str]) -> tuple[str, datetime, datetime]:
    created, updated = query.get("createdAfter"), query.get("lastUpdatedAfter")
    if bool(created) == bool(updated):
        raise Refusal("Exactly one of createdAfter and lastUpdatedAfter is needed.")
    other = ("lastUpdatedBefore",) if created else ("createdBefore",)
    if any(query.get(name) for name in other):
        raise Refusal(f"{other[0]} does not go with the parameter that was given.")
    latest = seller.now() - timedelta(seconds=seller.behind_s)
    told = query.get("createdBefore" if created else "lastUpdatedBefore")
    before = _instant(told) if told else latest
    after = _instant(created or updated or "")
    if before > latest:
        raise Refusal("The end must be at least two minutes before the time of the request.")
    if after > seller.now():
        raise Refusal("The start lies in the future.")
    return ("created_at" if created else "updated_at"), after, before


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Refusal(f"{text!r} is not an ISO 8601 date and time.") from None
    if found.tzinfo is None:
        raise Refusal(f"{text!r} has no time zone.")
    return found


def _included(query: Mapping[str, str]) -> frozenset[str]:
    told = frozenset(filter(None, query.get("includedData", "").split(",")))
    if told - views.DATASETS:
        raise Refusal(f"includedData: {sorted(told - views.DATASETS)}")
    return told


def _size(query: Mapping[str, str]) -> int:
    told = query.get("maxResultsPerPage", "100")
    if not told.isdigit() or not 1 <= int(told) <= 100:
        raise Refusal("maxResultsPerPage must be between 1 and 100.")
    return int(told)


def _fits(told: Order, query: Mapping[str, str]) -> bool:
    places, states, by = (query.get(name) for name in ("marketplaceIds", "fulfillmentStatuses", "fulfilledBy"))
    return (
        (not places or told.marketplace.id in places.split(","))
        and (not states or told.status in states.split(","))
        and (not by or ("AMAZON" if told.afn else "MERCHANT") in by.split(","))
    )


def _token(place: _Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def _place(token: str, now: datetime) -> _Place:
    try:
        place = msgspec.json.decode(base64.urlsafe_b64decode(token), type=_Place)
    except (msgspec.DecodeError, ValueError):
        raise Refusal("Invalid paginationToken.") from None
    if place.ends < now:
        raise Refusal("The paginationToken has expired.")
    return place
