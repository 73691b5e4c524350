"""ShipHero's words to canonical ones and back. Pure.

Webhook times carry no zone; they are taken as UTC, as the API's own ``created_date`` is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from crossdock.connectors.shiphero.manifest import (
    INVENTORY_UPDATE,
    MANIFEST,
    POLLED_LABELS,
    POLLED_ORDER,
    POLLED_PARCEL,
    POLLED_RETURN,
    POLLED_SHIPMENT,
    POSITION,
    RETURN_UPDATE,
    SHIPMENT_UPDATE,
    STANDING,
    STATUSES,
    STOCK,
)
from crossdock.connectors.shiphero.returns import RETURN, Hook, Told, receipt_of, receipt_of_hook
from crossdock.connectors.shiphero.returns import content_id as return_content
from crossdock.connectors.shiphero.wire import (
    Fulfillment,
    HookLine,
    HookPackage,
    LabelNote,
    ListedOrder,
    OrderHook,
    OrderRef,
    ParcelNote,
    PolledLine,
    PolledShipment,
    ShipmentHook,
    StockHook,
)
from crossdock.domain.commands import ReleaseOrder
from crossdock.domain.events import SHIPMENTS, Event, ParcelSeen, ReleaseSeen, ReturnReceived, ShipmentSeen, SignalSeen
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.lattice import PARCEL
from crossdock.domain.measures import in_goods
from crossdock.domain.money import plausible
from crossdock.domain.order import Address, LineKind, OrderLine
from crossdock.kit.manifest import Untranslatable
from crossdock.kit.positions import position_of

T = TypeVar("T")
MOST_SKUS = 20  # of one Inventory Update that are read back at once; the poll brings all
NO_SKUS = "[]"


def content_id(shipment_id: int | str, tracking_numbers: Iterable[str | None]) -> str:
    """The same for a webhook and a poll of one shipment; another once a label was voided and made anew."""
    labels = sha256("\n".join(sorted(filter(None, tracking_numbers))).encode()).hexdigest()[:16]
    return f"shipment:{shipment_id}:{labels}"


def named_skus(skus: Iterable[str | None]) -> str:
    """What a signal of stock names: the same for the same SKUs, so that reads of them come one after the other."""
    return msgspec.json.encode(sorted({sku for sku in skus if sku})[:MOST_SKUS]).decode()


def translate(connection: str, topic: str, body: bytes) -> list[Event]:
    """Canonical events of a stored message. Raises ``Untranslatable``."""
    if topic in _READERS:
        event = _READERS[topic](connection, body)
        return [] if event is None else [event]
    if topic in STATUSES:
        return [_status(connection, topic, _decoded(body, OrderHook))]
    if MANIFEST.topics.get(topic, "").startswith("ignored"):
        return []
    raise Untranslatable("unknown_topic", f"ShipHero sent the unknown webhook type {topic!r}", "webhook_type")


def _shipment(connection: str, body: bytes) -> Event:
    hook = _decoded(body, ShipmentHook)
    content = sha256(body).hexdigest()[:16]
    shipped = hook.fulfillment
    return _told(connection, shipped, content) or ShipmentSeen(_hooked(hook), connection, shipped.order_uuid or "")


def _polled_shipment(connection: str, body: bytes) -> Event:
    """A message, when it is decided on, is not what ShipHero shows now."""
    told = _decoded(body, PolledShipment)
    return ShipmentSeen(_polled(told), connection, told.order.id if told.order else "")


def shipment_of(connection: str, node: bytes) -> tuple[str | None, ShipmentSeen]:
    """A shipment that was read just now, and our key of its order. Raises ``Untranslatable``."""
    told = _decoded(node, PolledShipment)
    key = told.order.partner_order_id if told.order else None
    return key, ShipmentSeen(_polled(told), connection)


def _labels(connection: str, body: bytes) -> Event:
    """Only that there are others: the shipment is read."""
    note = _decoded(body, LabelNote)
    return SignalSeen(connection, SHIPMENTS, note.named, note.content)


def _parcel(connection: str, body: bytes) -> Event:
    note = _decoded(body, ParcelNote)
    if note.status not in PARCEL:
        raise Untranslatable("unknown_status", f"a parcel is never {note.status!r}", "status")
    seen_at = _instant(note.seen_at.isoformat(), "seen_at")
    return ParcelSeen(note.status, seen_at, connection, note.shipment_id)


def _polled_return(connection: str, body: bytes) -> Event:
    return ReturnReceived(receipt_of(_decoded(body, Told)), connection)


def _polled_order(connection: str, body: bytes) -> Event:
    return standing(connection, _decoded(body, ListedOrder))


def standing(connection: str, order: ListedOrder | OrderRef) -> ReleaseSeen:
    """How an order stands there. Holds are told beside a status that goes on as if there were none."""
    status = STANDING.get((order.fulfillment_status or "").lower(), "accepted")
    held = str(order.holds or "")
    if held and status == "accepted":
        status = "on_hold"
    return ReleaseSeen(status, connection, held or None if status == "on_hold" else None, order.id)


def _stock(connection: str, body: bytes) -> Event | None:
    """Its numbers are the account's and not a warehouse's, and carry no time: the SKUs are read back."""
    skus = named_skus(one.sku for one in _decoded(body, StockHook).inventory)
    return None if skus == NO_SKUS else SignalSeen(connection, STOCK, skus)


def _status(connection: str, topic: str, order: OrderHook) -> Event:
    external = order.order_uuid or (None if order.order_id is None else str(order.order_id))
    return _told(connection, order) or ReleaseSeen(STATUSES[topic], connection, order.reason, external)


def _returned(connection: str, body: bytes) -> Event:
    """What a webhook counts. Without our key it only names ShipHero's return: read it back."""
    hook = _decoded(body, Hook)
    receipt = receipt_of_hook(hook)
    if not hook.partner_order_id:
        return SignalSeen(connection, RETURN, receipt.id, return_content(receipt))
    return ReturnReceived(receipt, connection)


_READERS: Mapping[str, Callable[[str, bytes], Event | None]] = {
    SHIPMENT_UPDATE: _shipment,
    POLLED_SHIPMENT: _polled_shipment,
    POLLED_PARCEL: _parcel,
    POLLED_LABELS: _labels,
    RETURN_UPDATE: _returned,
    POLLED_RETURN: _polled_return,
    POLLED_ORDER: _polled_order,
    POSITION: position_of,
    INVENTORY_UPDATE: _stock,
}


def _told(connection: str, order: Fulfillment | OrderHook, content: str = "") -> SignalSeen | None:
    """Without our key the message only names ShipHero's order: read it back.

    ``content``: a shipment's body tells one from the next. That of a status tells no time: a second hold looks like
    the first, and must be read too.
    """
    if order.partner_order_id:
        return None
    if order.order_uuid is None:
        raise Untranslatable("field_missing", "the message names no order", "partner_order_id")
    return SignalSeen(connection, "order", order.order_uuid, content)


def _decoded(body: bytes, wanted: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = str(error)
        field = said.rpartition("at `$.")[2].rstrip("`") if "at `$." in said else None
        raise Untranslatable("unreadable", f"not what ShipHero documents: {said}", field) from None


def _hooked(hook: ShipmentHook) -> Shipment:
    shipped = hook.fulfillment
    packages = hook.packages or (
        HookPackage(None, shipped.tracking_number, shipped.shipping_carrier, shipped.shipping_method),
    )
    return Shipment(
        id=str(shipped.shipment_id),
        lines=_summed(_line(line.id, line.quantity, line.sku) for line in shipped.line_items),
        shipped_at=_instant(shipped.created_at, "fulfillment.created_at"),
        packages=tuple(
            Package(
                tracking_number=package.tracking_number or None,
                carrier=package.shipping_carrier or None,
                service=package.shipping_method or None,
                tracking_url=(package.shipping_label and package.shipping_label.tracking_url)
                or shipped.custom_tracking_url
                or None,
                lines=_packed(shipped.line_items, package, alone=len(packages) == 1),
            )
            for package in packages
        ),
        location=shipped.warehouse_uuid or None,
    )


def _packed(lines: Sequence[HookLine], package: HookPackage, *, alone: bool) -> tuple[ShippedLine, ...]:
    inside = [line for line in lines if alone or (line.package and line.package == package.name)]
    return _summed(_line(line.id, line.quantity, line.sku) for line in inside)


def _polled(node: PolledShipment) -> Shipment:
    if node.line_items.pageInfo.hasNextPage:
        hint = "Take it up by hand: post it in the ERP and fulfil it in the channel."
        detail = f"shipment {node.legacy_id} has more rows than are read at once"
        raise Untranslatable("shipment_too_long", detail, "line_items", hint)
    lines = [(edge.node.shipping_label_id, _polled_line(edge.node)) for edge in node.line_items.edges]
    alone = len(node.shipping_labels) == 1
    return Shipment(
        id=str(node.legacy_id),
        lines=_summed(line for _, line in lines),
        shipped_at=_instant(node.created_date, "created_date"),
        packages=tuple(
            Package(
                tracking_number=label.tracking_number or None,
                carrier=label.carrier or None,
                service=label.shipping_method or None,
                tracking_url=label.tracking_url or None,
                lines=_summed(line for label_id, line in lines if alone or label_id == label.id),
            )
            for label in node.shipping_labels
        ),
        location=node.warehouse_id,
    )


def _polled_line(line: PolledLine) -> ShippedLine:
    ordered = line.line_item
    if ordered is None:
        return _line(None, line.quantity, None)
    return _line(ordered.partner_line_item_id, line.quantity, ordered.sku)


def _line(line_id: str | int | None, quantity: Decimal, sku: str | None) -> ShippedLine:
    if line_id in (None, ""):
        hint = "Was the line added by hand or exploded from a kit in ShipHero? Fulfil it in the channel by hand."
        raise Untranslatable(
            "line_unknown", f"a shipped line ({sku or 'no SKU'}) carries no line id of ours", "line_items.id", hint
        )
    if not plausible(quantity) or quantity <= 0:
        raise Untranslatable("quantity_wrong", f"line {line_id} shipped {quantity}", "line_items.quantity")
    return ShippedLine(str(line_id), quantity, sku)


def _summed(lines: Iterable[ShippedLine]) -> tuple[ShippedLine, ...]:
    """One entry per order line: ShipHero repeats a line for each package, lot or serial number."""
    sums: dict[str, ShippedLine] = {}
    for line in lines:
        before = sums.get(line.line_id)
        sums[line.line_id] = (
            line if before is None else ShippedLine(line.line_id, before.quantity + line.quantity, line.sku)
        )
    return tuple(sums.values())


def _instant(text: str, field: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        if not 1970 <= instant.year <= 9998:  # beyond, nothing can be added to it or told in another zone
            raise ValueError(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except ValueError:
        raise Untranslatable("not_an_instant", f"{text!r} is no date and time", field) from None


def ships(line: OrderLine) -> bool:
    return line.requires_shipping and line.kind is LineKind.ITEM and wanted(line) > 0


def wanted(line: OrderLine) -> Decimal:
    """In the unit that goods are counted in."""
    return in_goods(line, line.quantity if line.current_quantity is None else line.current_quantity)


def _each(line: OrderLine) -> Decimal:
    """What one of the goods is worth, for papers: of a line in cases its share, to four decimals."""
    price = line.unit_price.shop
    return price if line.per_unit in (None, 1) else (price / (line.per_unit or 1)).quantize(Decimal("0.0001"))


def order_input(payload: ReleaseOrder, settings: Mapping[str, Any]) -> dict[str, Any]:
    """``CreateOrderInput``: only lines that ship, keyed by the channel's line ids, under our order key."""
    order = payload.order
    warehouse = {"warehouse_id": settings["warehouse_id"]} if settings.get("warehouse_id") else {}
    charges = order.charges
    given = {
        "order_number": order.number,
        "partner_order_id": order.key,
        "shop_name": settings.get("shop_name") or "Crossdock",
        "order_date": _told_at(order.placed_at),
        "required_ship_date": _told_at(order.ship_by) if order.ship_by else None,
        "packing_note": (order.note or "").strip() or None,
        "email": order.customer.email if order.customer else None,
        "currency": order.currency,
        "shipping_address": _address(order.ship_to or Address(), order.customer.email if order.customer else None),
        "shipping_lines": {
            "title": payload.ship_method or (charges[0].title if charges else "Standard"),
            "method": payload.ship_method,
            "price": "0.00",
        },
        "line_items": [
            {
                "partner_line_item_id": line.id,
                "sku": line.sku,
                "quantity": int(wanted(line)),
                "price": format(_each(line), "f"),
                "product_name": line.title,
                **warehouse,
            }
            for line in order.lines
            if ships(line)
        ],
        "customer_account_id": settings.get("customer_account_id"),
    }
    return {name: value for name, value in given.items() if value is not None}


def _told_at(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _address(address: Address, email: str | None) -> dict[str, str]:
    first, _, last = (address.name or "").strip().rpartition(" ")
    given = {
        "first_name": first or last,
        "last_name": last if first else "",
        "company": address.company,
        "address1": address.line1,
        "address2": address.line2,
        "city": address.city,
        "state": address.region_code or address.region,
        "zip": address.postal_code,
        "country": address.country_code,
        "phone": address.phone,
        "email": email,
    }
    return {name: value for name, value in given.items() if value is not None}
