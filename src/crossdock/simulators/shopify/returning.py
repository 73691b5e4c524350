"""Returns as the shop keeps them: opened for units that had left, closed when the goods are there, refunded or not."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from crossdock.simulators.shopify.books import LOCATIONS, ShopBooks, UserError, numeric
from crossdock.simulators.shopify.language import connection


class Return(msgspec.Struct):
    id: int
    order_id: int
    lines: list[tuple[int, int]]  # order line id, quantity
    created_at: datetime
    status: str = "OPEN"
    closed_at: datetime | None = None
    refunds: list[Mapping[str, Any]] = []
    disposed: list[tuple[int, str, int]] = []  # row, how, quantity


def open_return(books: ShopBooks, order_id: int, lines: Sequence[tuple[int, int]]) -> Return:
    """Raises ``UserError`` for more than had left and is not on its way back already."""
    left: dict[int, int] = {}
    for one in books.fulfilments_of(order_id):
        for line_id, quantity in one.lines:
            left[line_id] = left.get(line_id, 0) + quantity
    for known in books.returns.values():
        if known.order_id == order_id and known.status != "CANCELED":
            for line_id, quantity in known.lines:
                left[line_id] = left.get(line_id, 0) - quantity
    if not lines or any(left.get(line_id, 0) < quantity for line_id, quantity in lines):
        raise UserError("Return line items must be fulfilled and not returned", "returnLineItems")
    made = Return(books.fresh_id(), order_id, list(lines), books.now())
    books.returns[made.id] = made
    return made


def close(books: ShopBooks, return_id: int) -> Return:
    """The goods are there."""
    known: Return = books.returns[return_id]
    known.status, known.closed_at = "CLOSED", books.now()
    return known


def cancel(books: ShopBooks, return_id: int) -> Return:
    """Nothing will come. Raises ``UserError`` for a return of which anything was done."""
    known: Return = books.returns[return_id]
    if known.status != "OPEN" or known.refunds:
        raise UserError("Return is not cancelable", "id")
    known.status = "CANCELED"
    return known


def remove(books: ShopBooks, return_id: int, line_id: int, quantity: int) -> Return:
    """So many units less will come. Nothing tells when: a return has no instant of its last change."""
    known: Return = books.returns[return_id]
    left = [(at, had - quantity if at == line_id else had) for at, had in known.lines]
    if known.status != "OPEN" or any(had < 0 for _, had in left):
        raise UserError("Return line item quantity is invalid", "returnLineItems")
    known.lines = [(at, had) for at, had in left if had]
    return known


def dispose(books: ShopBooks, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Return, int, str, int]]:
    """``reverseFulfillmentOrderDispose``, all or nothing: return, order line, how, and how many. The same again is done
    again, as long as there are units left. Raises ``UserError``."""
    known: dict[int, tuple[Return, int]] = {
        told.id * 100 + place: (told, place) for told in books.returns.values() for place in range(len(told.lines))
    }
    taken: dict[int, int] = {}
    found = []
    for row in rows:
        id_, quantity = numeric(row["reverseFulfillmentOrderLineItemId"]), int(row["quantity"])
        how = str(row["dispositionType"])
        if id_ not in known or known[id_][0].status != "OPEN":
            raise UserError("Reverse fulfillment order line item not found", "dispositionInputs")
        if how == "RESTOCKED" and numeric(row.get("locationId")) not in LOCATIONS:
            raise UserError("Location is required", "dispositionInputs", "locationId")
        told, place = known[id_]
        done = sum(units for at, _, units in told.disposed if at == place) + taken.get(id_, 0)
        if quantity < 1 or done + quantity > told.lines[place][1]:
            raise UserError("Quantity exceeds what is left to dispose", "dispositionInputs", "quantity")
        taken[id_] = taken.get(id_, 0) + quantity
        found.append((told, place, how, quantity))
    for told, place, how, quantity in found:
        told.disposed.append((place, how, quantity))
    return [(told, told.lines[place][0], how, quantity) for told, place, how, quantity in found]


def status_of(books: ShopBooks, order_id: int) -> str:
    """What the shop shows of all returns of an order together, as its search calls it."""
    told = [one for one in books.returns.values() if one.order_id == order_id and one.status != "CANCELED"]
    if under_way := [one for one in told if one.status == "OPEN"]:
        inspected = all(_inspected(one) for one in under_way)
        return "inspection_complete" if inspected else "in_progress"
    return "returned" if told else "no_return"


def _inspected(told: Return) -> bool:
    return sum(units for _, _, units in told.disposed) >= sum(quantity for _, quantity in told.lines)


def item_gid(told: Return, place: int) -> str:
    return f"gid://shopify/ReverseFulfillmentOrderLineItem/{told.id * 100 + place}"


def _goods(told: Return) -> list[dict[str, Any]]:
    """The return's reverse fulfilment order."""
    items = [
        {
            "__typename": "ReverseFulfillmentOrderLineItem",
            "id": item_gid(told, place),
            "totalQuantity": quantity,
            "dispositions": [
                {"__typename": "ReverseFulfillmentOrderDisposition", "type": how, "quantity": units}
                for at, how, units in told.disposed
                if at == place
            ],
            "fulfillmentLineItem": {
                "__typename": "FulfillmentLineItem",
                "lineItem": {"__typename": "LineItem", "id": f"gid://shopify/LineItem/{line_id}"},
            },
        }
        for place, (line_id, quantity) in enumerate(told.lines)
    ]
    listed = connection("ReverseFulfillmentOrderLineItemConnection", items)
    return [{"__typename": "ReverseFulfillmentOrder", "lineItems": listed}]


def body(told: Return) -> dict[str, Any]:
    """What a ``returns/*`` webhook says: which return, and of which order."""
    gid = f"gid://shopify/Order/{told.order_id}"
    return {
        "id": told.id,
        "admin_graphql_api_id": f"gid://shopify/Return/{told.id}",
        "status": told.status.lower(),
        "order": {"id": told.order_id, "admin_graphql_api_id": gid},
    }


def view(told: Return) -> dict[str, Any]:
    done = told.status == "CLOSED"
    lines = [
        {
            "__typename": "ReturnLineItem",
            "quantity": quantity,
            "processedQuantity": quantity if done else 0,
            "fulfillmentLineItem": {
                "__typename": "FulfillmentLineItem",
                "lineItem": {"__typename": "LineItem", "id": f"gid://shopify/LineItem/{line_id}"},
            },
        }
        for line_id, quantity in told.lines
    ]
    refunds = [
        {"__typename": "Refund", "id": f"gid://shopify/Refund/{one['id']}", "createdAt": one["created_at"]}
        for one in told.refunds
    ]
    return {
        "__typename": "Return",
        "id": f"gid://shopify/Return/{told.id}",
        "status": told.status,
        "totalQuantity": sum(quantity for _, quantity in told.lines),
        "createdAt": f"{told.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "closedAt": f"{told.closed_at:%Y-%m-%dT%H:%M:%SZ}" if told.closed_at else None,
        "returnLineItems": connection("ReturnLineItemTypeConnection", lines),
        "refunds": connection("RefundConnection", refunds),
        "reverseFulfillmentOrders": connection("ReverseFulfillmentOrderConnection", _goods(told)),
    }
