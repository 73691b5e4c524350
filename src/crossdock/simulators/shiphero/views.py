"""How orders and shipments look: in the API's answers, in webhooks, and in the books."""

from datetime import UTC, datetime
from typing import Any

from crossdock.simulators.shiphero.warehouse import HOLDS, Line, Order, Parcel, Shipment, uuid

ACCOUNT = {"account_id": 6334, "account_uuid": "QWNjb3VudDo2MzM0"}
WAREHOUSE_NUMBER = 76733  # what webhooks call the warehouse beside its id
WAREHOUSE_ID = uuid("Warehouse", WAREHOUSE_NUMBER)


def instant(text: Any) -> datetime | None:
    """A date argument; without a zone it is UTC."""
    if not isinstance(text, str):
        return None
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def order(order: Order) -> dict[str, Any]:
    """The API's Order."""
    return {
        "id": order.id,
        "legacy_id": order.legacy_id,
        "order_number": order.given.get("order_number"),
        "partner_order_id": order.partner,
        "shop_name": order.given.get("shop_name"),
        "fulfillment_status": order.status,
        "holds": {f"{kind}_hold": kind == order.hold for kind in HOLDS},
        "order_date": order.given.get("order_date"),
        "required_ship_date": order.given.get("required_ship_date"),
        "packing_note": order.given.get("packing_note"),
        "updated_at": f"{order.changed:%Y-%m-%dT%H:%M:%S}",
        "line_items": [_line(line) for line in order.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "sku": line.sku,
        "quantity": line.quantity,
        "partner_line_item_id": line.partner_line_item_id,
        "product_name": line.product_name,
        "price": line.price,
    }


def shipment(of: Order, shipment: Shipment) -> dict[str, Any]:
    """The API's Shipment."""
    lines = {line.id: line for line in of.lines}
    return {
        "id": shipment.id,
        "legacy_id": shipment.legacy_id,
        "order_id": of.id,
        "warehouse_id": WAREHOUSE_ID,
        "created_date": f"{shipment.at:%Y-%m-%dT%H:%M:%S}",
        "picked_up": shipment.picked_up,
        "delivered": shipment.delivered,
        "order": order(of),
        "total_packages": len(shipment.parcels),
        "shipping_labels": [
            {
                "id": parcel.id,
                "tracking_number": parcel.tracking_number,
                "tracking_url": _url(parcel),
                "carrier": parcel.carrier,
                "shipping_method": parcel.method,
                "created_date": f"{shipment.at:%Y-%m-%dT%H:%M:%S}",
            }
            for parcel in shipment.parcels
        ],
        "line_items": [
            {
                "id": f"{parcel.id}-{line_id}",
                "quantity": quantity,
                "shipping_label_id": parcel.id,
                "line_item": _line(lines[line_id]),
            }
            for parcel in shipment.parcels
            for line_id, quantity in parcel.lines.items()
        ],
    }


def webhook(topic: str, of: Order, shipment: Shipment | None, now: datetime) -> dict[str, Any]:
    """The body of a webhook."""
    if shipment is not None:
        return _shipment_update(of, shipment)
    named = {
        "webhook_type": topic,
        **ACCOUNT,
        "order_id": of.legacy_id,
        "order_uuid": of.id,
        "order_number": of.given.get("order_number"),
        "partner_order_id": of.partner,
    }
    at = f"{now:%Y-%m-%dT%H:%M:%S}"
    if topic == "Order Canceled":
        return {**named, "reason": of.cancel_reason, "canceled_at": at}
    if topic == "Order Packed Out":
        return {**named, "items": [{"sku": line.sku} for line in of.lines], "packed_at": at}
    return {**named, "allocation_reference": of.legacy_id, "allocated_at": at, "ready_to_ship": 0 if of.hold else 1}


def _shipment_update(of: Order, shipment: Shipment) -> dict[str, Any]:
    lines = {line.id: line for line in of.lines}
    first = shipment.parcels[0]
    items: list[dict[str, Any]] = [
        {
            "id": lines[line_id].partner_line_item_id,
            "shiphero_id": shipment.legacy_id,
            "quantity": quantity,
            "sku": lines[line_id].sku,
            "serial_numbers": [],
            "package": parcel.name,
            "lot_id": None,
        }
        for parcel in shipment.parcels
        for line_id, quantity in parcel.lines.items()
    ]
    return {
        "test": "0",
        "webhook_type": "Shipment Update",
        "fulfillment": {
            "shipment_id": shipment.legacy_id,
            "shipment_uuid": shipment.id,
            "warehouse": "Primary",
            "warehouse_id": WAREHOUSE_NUMBER,
            "warehouse_uuid": WAREHOUSE_ID,
            "webhook_type": "Shipment Update",
            "partner_order_id": of.partner,
            "order_number": of.given.get("order_number"),
            "tracking_number": first.tracking_number,
            "line_items": items,
            "custom_tracking_url": "",
            "package_number": 1,
            "total_packages": len(shipment.parcels),
            "shipping_method": first.method,
            "shipping_carrier": first.carrier,
            "completed": True,
            "created_at": f"{shipment.at:%Y-%m-%d %H:%M:%S}",
            "order_id": of.legacy_id,
            "order_uuid": of.id,
        },
        "total_packages": len(shipment.parcels),
        "packages": [
            {
                "name": parcel.name,
                "tracking_number": parcel.tracking_number,
                "shipping_carrier": parcel.carrier,
                "shipping_method": parcel.method,
                "shipping_label": {"tracking_url": _url(parcel), "carrier": parcel.carrier},
            }
            for parcel in shipment.parcels
        ],
    }


def book(of: Order) -> dict[str, Any]:
    """One order of the books, with what left for it."""
    lines = {line.id: line for line in of.lines}
    return {
        "id": of.id,
        "legacy_id": of.legacy_id,
        "partner_order_id": of.partner,
        "order_number": of.given.get("order_number"),
        "packing_note": of.given.get("packing_note"),
        "required_ship_date": of.given.get("required_ship_date"),
        "status": of.status,
        "hold": of.hold,
        "created_at": of.at.isoformat(),
        "lines": [
            {"line_id": line.partner_line_item_id, "sku": line.sku, "quantity": line.quantity, "shipped": line.shipped}
            for line in of.lines
        ],
        "shipments": [
            {
                "id": str(shipment.legacy_id),
                "at": shipment.at.isoformat(),
                "tracking_numbers": [parcel.tracking_number for parcel in shipment.parcels],
                "lines": [
                    {"line_id": lines[line_id].partner_line_item_id, "sku": lines[line_id].sku, "quantity": quantity}
                    for parcel in shipment.parcels
                    for line_id, quantity in parcel.lines.items()
                ],
            }
            for shipment in of.shipments
        ],
    }


def _url(parcel: Parcel) -> str:
    return f"https://track.example/{parcel.tracking_number}"
