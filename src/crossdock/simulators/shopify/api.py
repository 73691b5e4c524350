"""The GraphQL roots: what can be queried and changed, with the vendor's search syntax and paging."""

import base64
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from crossdock.simulators.shopify import carrying, metafields, payments, refunding, returning, views
from crossdock.simulators.shopify.books import LOCATIONS, UserError, numeric
from crossdock.simulators.shopify.language import GraphError, connection, page_info

if TYPE_CHECKING:
    from crossdock.simulators.shopify.simulator import ShopifySimulator

TOPICS = (
    "ORDERS_CREATE",
    "ORDERS_UPDATED",
    "ORDERS_CANCELLED",
    "ORDERS_PAID",
    "ORDERS_EDITED",
    "REFUNDS_CREATE",
    "RETURNS_REQUEST",
    "RETURNS_APPROVE",
    "RETURNS_UPDATE",
    "RETURNS_PROCESS",
    "RETURNS_CLOSE",
    "RETURNS_REOPEN",
    "RETURNS_CANCEL",
    "RETURNS_DECLINE",
    "ORDER_TRANSACTIONS_CREATE",
    "FULFILLMENT_EVENTS_CREATE",
    "FULFILLMENT_ORDERS_ORDER_ROUTING_COMPLETE",
    "FULFILLMENT_ORDERS_MOVED",
    "FULFILLMENT_ORDERS_SPLIT",
    "FULFILLMENT_ORDERS_MERGED",
    "FULFILLMENT_ORDERS_PLACED_ON_HOLD",
    "FULFILLMENT_ORDERS_HOLD_RELEASED",
    "FULFILLMENT_ORDERS_CANCELLED",
    "FULFILLMENT_ORDERS_RESCHEDULED",
    "FULFILLMENT_ORDERS_SCHEDULED_FULFILLMENT_ORDER_READY",
)
_BOUND = re.compile(r"(updated_at|processed_at):(>=|<=|<)'([^']+)'")
_SORTS = {"UPDATED_AT": "updated_at", "PROCESSED_AT": "processed_at"}
_COMPARE: dict[str, Callable[[datetime, datetime], bool]] = {">=": operator.ge, "<=": operator.le, "<": operator.lt}
_ID = re.compile(r"\bid:(\d+)")
_RETURNS = re.compile(r"return_status:(\w+)")

Arguments = Mapping[str, Any]


def root(shop: "ShopifySimulator", kind: str) -> dict[str, Any]:
    """The object that a document's outermost fields are selected from."""
    if kind == "mutation":
        return {
            "__typename": "Mutation",
            "fulfillmentCreate": _payload("fulfillmentCreate", lambda a: _fulfil(shop, a)),
            "fulfillmentTrackingInfoUpdate": _payload("fulfillmentTrackingInfoUpdate", lambda a: _relabel(shop, a)),
            "fulfillmentEventCreate": _payload("fulfillmentEventCreate", lambda a: _event(shop, a)),
            "refundCreate": _payload("refundCreate", lambda a: _refund(shop, a)),
            "reverseFulfillmentOrderDispose": lambda a: _dispose(shop, a),
            "metafieldsSet": lambda a: _set_metafields(shop, a),
            "inventorySetQuantities": lambda a: _set_quantities(shop, a),
            "webhookSubscriptionCreate": _payload("webhookSubscriptionCreate", lambda a: _subscribe(shop, a)),
        }
    books = shop.books_

    def order(a: Arguments) -> dict[str, Any] | None:
        told = books.orders.get(numeric(a["id"]))
        return views.order(told, books) if told else None

    def fulfilment_order(a: Arguments) -> dict[str, Any] | None:
        told = books.fulfilment_orders.get(numeric(a["id"]))
        return views.fulfilment_order(told, books) if told else None

    def fulfilment(a: Arguments) -> dict[str, Any] | None:
        told = books.fulfilments.get(numeric(a["id"]))
        return views.fulfilment(told, books) if told else None

    def refund(a: Arguments) -> dict[str, Any] | None:
        wanted = numeric(a["id"])
        made = (one for told in books.orders.values() for one in told["refunds"] if one["id"] == wanted)
        return next((views.refund(one) for one in made), None)

    def returned(a: Arguments) -> dict[str, Any] | None:
        told = books.returns.get(numeric(a["id"]))
        return returning.view(told) if told else None

    return {
        "__typename": "QueryRoot",
        "return": returned,
        "order": order,
        "refund": refund,
        "inventoryItems": shop.shelf.listed,
        "orders": lambda a: _orders(shop, a),
        "fulfillmentOrder": fulfilment_order,
        "fulfillment": fulfilment,
        "webhookSubscriptions": connection(
            "WebhookSubscriptionConnection", [views.subscription(one) for one in books.subscriptions]
        ),
        "locations": connection("LocationConnection", [_location(one) for one in LOCATIONS]),
        "shop": _shop(shop),
        "shopifyPaymentsAccount": payments.account(shop.payments) if shop.payments.activated else None,
        "currentAppInstallation": {
            "__typename": "AppInstallation",
            "accessScopes": [{"__typename": "AccessScope", "handle": scope} for scope in shop.scopes],
        },
    }


def _location(location_id: int) -> dict[str, Any]:
    gid = f"gid://shopify/Location/{location_id}"
    return {"__typename": "Location", "id": gid, "name": LOCATIONS[location_id], "isActive": True}


def _shop(shop: "ShopifySimulator") -> dict[str, Any]:
    return {
        "__typename": "Shop",
        "name": f"Simulated store {shop.name}",
        "myshopifyDomain": shop.shop_domain,
        "currencyCode": shop.currency,
        "plan": {"__typename": "ShopPlan", "publicDisplayName": "Basic"},
    }


def _orders(shop: "ShopifySimulator", a: Arguments) -> dict[str, Any]:
    """Sorted by an instant, then id; the cursor names the last one shown, so that pages shift under nobody's feet."""
    sorted_by = _SORTS.get(str(a.get("sortKey")))
    if sorted_by is None:
        raise GraphError("this simulator lists orders by UPDATED_AT or PROCESSED_AT only", "BAD_REQUEST")
    query = a.get("query") or ""
    ids = {int(found) for found in _ID.findall(query)}
    bounds = [(name, sign, datetime.fromisoformat(at)) for name, sign, at in _BOUND.findall(query)]
    returns = set(_RETURNS.findall(query))
    if query and not ids and not bounds and not returns:
        raise GraphError(f"this simulator cannot search {query!r}", "BAD_REQUEST")
    now, lag_s = shop.books_.now(), shop.faults.search_lag_s
    found = []
    for order_id, told in shop.books_.orders.items():
        at = datetime.fromisoformat(told["updated_at"])
        within = all(_COMPARE[sign](datetime.fromisoformat(told[name]), bound) for name, sign, bound in bounds)
        within = within and (not returns or returning.status_of(shop.books_, order_id) in returns)
        indexed_after = timedelta(seconds=lag_s * (4 - (order_id - 1) % 4) / 4)  # later changes may show earlier
        if within and (not ids or order_id in ids) and (not lag_s or at <= now - indexed_after):
            place = datetime.fromisoformat(told[sorted_by]).astimezone(UTC).isoformat()
            found.append((place, order_id, told))
    found.sort(key=lambda row: row[:2])
    if a.get("after"):
        last = tuple(msgspec.json.decode(base64.b64decode(a["after"])))
        found = [row for row in found if row[:2] > last]
    shown = found[: int(a["first"])]
    cursor = base64.b64encode(msgspec.json.encode(shown[-1][:2])).decode() if shown else None
    return {
        "__typename": "OrderConnection",
        "nodes": [views.order(told, shop.books_) for _, _, told in shown],
        "pageInfo": page_info(cursor, len(found) > len(shown)),
    }


_MAKES = {
    "fulfillmentCreate": "fulfillment",
    "fulfillmentTrackingInfoUpdate": "fulfillment",
    "fulfillmentEventCreate": "fulfillmentEvent",
    "refundCreate": "refund",
    "webhookSubscriptionCreate": "webhookSubscription",
}


def _payload(name: str, do: Callable[[Arguments], dict[str, Any]]) -> Callable[[Arguments], dict[str, Any]]:
    """A mutation's payload: what it made, or the shop's refusal as ``userErrors``."""
    typename = f"{name[0].upper()}{name[1:]}Payload"
    empty = {_MAKES[name]: None}

    def run(a: Arguments) -> dict[str, Any]:
        try:
            return {"__typename": typename, **do(a), "userErrors": []}
        except UserError as error:
            told = {"__typename": "UserError", "field": error.field, "message": str(error)}
            return {"__typename": typename, **empty, "userErrors": [told]}

    return run


def _fulfil(shop: "ShopifySimulator", a: Arguments) -> dict[str, Any]:
    made = shop.books_.fulfil(a["fulfillment"])
    shop.order_changed(made.order_id, "orders/updated")
    return {"fulfillment": views.fulfilment(made, shop.books_)}


def _relabel(shop: "ShopifySimulator", a: Arguments) -> dict[str, Any]:
    told = shop.books_.relabel(a)
    shop.order_changed(told.order_id, "orders/updated")
    return {"fulfillment": views.fulfilment(told, shop.books_)}


def _event(shop: "ShopifySimulator", a: Arguments) -> dict[str, Any]:
    return {"fulfillmentEvent": carrying.view(shop.carried(a["fulfillmentEvent"]))}


def _refund(shop: "ShopifySimulator", a: Arguments) -> dict[str, Any]:
    """Money back without lines. The key is mandatory since 2026-04; the same one again gives what it gave before."""
    key, wanted = a.get("@idempotent"), a["input"]
    if not key:
        raise GraphError("The @idempotent directive is required for this mutation.", "BAD_REQUEST")
    known = shop.books_.idempotent.get(key)
    if known is not None:
        if known[0] != wanted:
            raise UserError("The idempotency key was used with other parameters.", "input")
        return {"refund": views.refund(known[1])}
    made = refunding.pay_back(shop.books_, wanted)
    shop.books_.idempotent[key] = (wanted, made)
    shop.refunded(made["order_id"], made)
    return {"refund": views.refund(made)}


def _dispose(shop: "ShopifySimulator", a: Arguments) -> dict[str, Any]:
    """What is restocked is for sale again at its location."""
    rows = a["dispositionInputs"]
    answer: dict[str, Any] = {"__typename": "ReverseFulfillmentOrderDisposePayload", "userErrors": []}
    try:
        done = returning.dispose(shop.books_, rows)
    except UserError as error:
        told = {"__typename": "ReturnUserError", "code": "INVALID", "field": error.field, "message": str(error)}
        return {**answer, "reverseFulfillmentOrderLineItems": None, "userErrors": [told]}
    for row, (of, line_id, how, quantity) in zip(rows, done, strict=True):
        lines = shop.books_.orders[of.order_id]["line_items"]
        sku = next(str(line["sku"]) for line in lines if line["id"] == line_id)
        if how == "RESTOCKED":
            shop.shelf.sell(sku, numeric(row["locationId"]), -quantity)
    items = [
        {"__typename": "ReverseFulfillmentOrderLineItem", "id": row["reverseFulfillmentOrderLineItemId"]}
        for row in rows
    ]
    return {**answer, "reverseFulfillmentOrderLineItems": items}


def _set_metafields(shop: "ShopifySimulator", a: Arguments) -> dict[str, Any]:
    errors = metafields.set_all(shop.books_, a["metafields"])
    made = [] if errors else [metafields.shown(shop.books_, one) for one in a["metafields"]]
    for one in () if errors else a["metafields"]:
        shop.order_changed(numeric(one["ownerId"]), "orders/updated")
    return {"__typename": "MetafieldsSetPayload", "metafields": made, "userErrors": errors}


def _set_quantities(shop: "ShopifySimulator", a: Arguments) -> dict[str, Any]:
    errors = shop.shelf.set(a.get("@idempotent"), a["input"])
    return {"__typename": "InventorySetQuantitiesPayload", "userErrors": errors}


def _subscribe(shop: "ShopifySimulator", a: Arguments) -> dict[str, Any]:
    if a["topic"] not in TOPICS:
        raise GraphError(f"topic {a['topic']} is not one this simulator sends", "argumentLiteralsIncompatible")
    made = shop.books_.subscribe(a["topic"], str(a["webhookSubscription"].get("uri")))
    return {"webhookSubscription": views.subscription(made)}
