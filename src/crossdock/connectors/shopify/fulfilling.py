"""Which fulfilment calls tell a shipment to the shop. Pure: what was read in, the calls to make out.

Rules of Shopify's: fulfil by fulfilment order, only what remains of it, only while it is open or in progress, and
all fulfilment orders of one call must be assigned to the same location.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.connectors.shopify.graph import number
from crossdock.connectors.shopify.shapes import FulfilmentOrder
from crossdock.domain.fulfilment import Package, Shipment
from crossdock.domain.outcome import Conflict, Outcome, Rejected

_FULFILLABLE = ("OPEN", "IN_PROGRESS")
_WAITING = ("ON_HOLD", "SCHEDULED")


class Piece(msgspec.Struct, frozen=True):
    """So much of one fulfilment order's line goes into a call."""

    order_gid: str
    line_gid: str
    line_id: str
    quantity: int


def wanted(shipment: Shipment) -> dict[str, int] | Outcome:
    """Canonical line id -> pieces shipped. Shopify counts whole pieces only."""
    total: dict[str, Decimal] = {}
    for line in shipment.lines:
        total[line.line_id] = total.get(line.line_id, Decimal(0)) + line.quantity
    for line_id, quantity in total.items():
        if quantity != quantity.to_integral_value() or quantity < 0:
            return Rejected(
                "shopify.quantity_not_whole",
                f"Shipment {shipment.id} holds {quantity} of line {line_id}; Shopify takes whole pieces only.",
                field=f"lines[{line_id}].quantity",
            )
    return {line_id: int(quantity) for line_id, quantity in total.items() if quantity}


def less(whole: Mapping[str, int], part: Mapping[str, int]) -> dict[str, int]:
    """What of ``whole`` is not yet in ``part``."""
    rest = {line_id: quantity - part.get(line_id, 0) for line_id, quantity in whole.items()}
    return {line_id: quantity for line_id, quantity in rest.items() if quantity > 0}


def allot(rest: Mapping[str, int], orders: Sequence[FulfilmentOrder]) -> dict[str, list[Piece]] | Outcome:
    """Spread what is to be told over the fulfilment orders: location -> pieces. All of it, or why not.

    A location that can take everything is preferred, so that one parcel stays one fulfilment.
    """
    open_orders = [order for order in orders if order.status in _FULFILLABLE]
    for location in dict.fromkeys(_place(order) for order in open_orders):
        here = [order for order in open_orders if _place(order) == location]
        pieces, missing = _take(rest, here)
        if not missing:
            return {location: pieces}
    pieces, missing = _take(rest, open_orders)
    if missing:
        return _short(missing, orders)
    places = {order.id: _place(order) for order in open_orders}
    grouped: dict[str, list[Piece]] = {}
    for piece in pieces:
        grouped.setdefault(places[piece.order_gid], []).append(piece)
    return grouped


def _place(order: FulfilmentOrder) -> str:
    return order.location_id or f"unassigned {order.id}"


def _take(rest: Mapping[str, int], orders: Iterable[FulfilmentOrder]) -> tuple[list[Piece], dict[str, int]]:
    missing, pieces = dict(rest), []
    for order in orders:
        for line in order.line_items.nodes:
            line_id = number(line.line_item.id)
            take = min(missing.get(line_id, 0), line.remaining_quantity)
            if take > 0:
                pieces.append(Piece(order.id, line.id, line_id, take))
                missing[line_id] -= take
    return pieces, {line_id: quantity for line_id, quantity in missing.items() if quantity}


def _short(missing: Mapping[str, int], orders: Sequence[FulfilmentOrder]) -> Outcome:
    what = ", ".join(f"{quantity} of line {line_id}" for line_id, quantity in missing.items())
    waiting = [order for order in orders if order.status in _WAITING]
    _, still = _take(missing, waiting)
    if not still:
        names = ", ".join(f"{number(order.id)} ({order.status})" for order in waiting)
        return Rejected(
            "shopify.fulfilment_on_hold",
            f"{what} cannot be fulfilled: fulfilment orders {names} are held in the shop.",
            hint="Release the hold in the shop, then retry.",
        )
    return Conflict(
        "shopify.nothing_left_to_fulfil",
        f"The shop has no more to fulfil for {what}: it was fulfilled, edited or cancelled there.",
    )


def call_input(pieces: Sequence[Piece], shipment: Shipment, notify_customer: bool) -> dict[str, Any]:
    """The ``FulfillmentInput`` of one location's pieces."""
    by_order: dict[str, list[dict[str, Any]]] = {}
    for piece in pieces:
        by_order.setdefault(piece.order_gid, []).append({"id": piece.line_gid, "quantity": piece.quantity})
    body: dict[str, Any] = {
        "lineItemsByFulfillmentOrder": [
            {"fulfillmentOrderId": order_gid, "fulfillmentOrderLineItems": lines}
            for order_gid, lines in by_order.items()
        ],
        "notifyCustomer": notify_customer,
    }
    told = tracking({piece.line_id for piece in pieces}, shipment.packages)
    if told:
        body["trackingInfo"] = told
    return body


def tracking(line_ids: set[str], packages: Sequence[Package]) -> dict[str, Any]:
    """``FulfillmentTrackingInput``: the parcels that carry these lines, and those that do not tell their lines."""
    ours = [p for p in packages if not p.lines or any(line.line_id in line_ids for line in p.lines)]
    numbers = list(dict.fromkeys(p.tracking_number for p in ours if p.tracking_number))
    urls = list(dict.fromkeys(p.tracking_url for p in ours if p.tracking_url))
    company = next((p.carrier for p in ours if p.carrier), None)
    found: dict[str, Any] = {}
    if company:
        found["company"] = company
    if numbers:
        found["numbers"] = numbers
    if urls and len(urls) == len(numbers):  # Shopify pairs them by position
        found["urls"] = urls
    return found
