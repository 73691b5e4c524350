"""Shipment -> item fulfilment, closing lines, and the external ids of the documents that follow a sales order."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2s
from typing import Any

from crossdock.connectors.netsuite.mapping import account_zone, posting_date, render_order
from crossdock.connectors.netsuite.proof import Unbookable
from crossdock.connectors.netsuite.wire import InvoiceBody, OrderLine, SalesOrder
from crossdock.domain.commands import AmendBooking, BookOrder, MakeInvoice, PostShipment
from crossdock.domain.fulfilment import Invoice, Package
from crossdock.domain.order import Order
from crossdock.domain.outcome import Rejected
from crossdock.kit.manifest import Untranslatable

SHIPPED = {"id": "C"}  # Picked and Packed do not relieve stock, only Shipped does (vendor facts, pitfall 8)
CLOSED_STATES = {"G": "billed", "H": "closed", "C": "cancelled"}
NOT_FULFILLED = frozenset({"OthCharge", "Discount", "Service", "GiftCert", "Description", "Markup", "Subtotal"})

SAFE_ID = re.compile(r"[A-Za-z0-9_-]+\Z")  # what an external id may hold in a path, and a statement
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_GRAMS = {"lb": Decimal("453.59237"), "oz": Decimal("28.349523125"), "kg": Decimal(1000), "g": Decimal(1)}
_LEAST_WEIGHT = Decimal("0.01")  # NetSuite demands a weight per package


def external_id(order_key: str, suffix: str = "") -> str:
    """A document's external id. The order's key must be usable as it is, a suffix is made so (and kept distinct)."""
    if not SAFE_ID.match(order_key):
        detail = f"order key {order_key!r} has characters NetSuite refuses in an external id"
        hint = "Letters, digits, _ and - only: rename the connection or correct the channel's order id."
        raise Unbookable(Rejected(code="external_id_refused", detail=detail, field="external_id", hint=hint))
    if not suffix:
        return order_key
    if not SAFE_ID.match(suffix):
        suffix = f"{_UNSAFE.sub('_', suffix)}-{_digest(suffix)}"
    return f"{order_key}-{suffix}"


def fulfilment_id(command: PostShipment) -> str:
    return external_id(command.order_key, command.shipment.id)


def invoice_id(command: MakeInvoice) -> str:
    """One invoice per set of shipments; without shipments, one per order."""
    if not command.shipment_ids:
        return external_id(command.order_key, "INV")
    if len(command.shipment_ids) == 1:
        return external_id(command.order_key, f"INV-{command.shipment_ids[0]}")
    return external_id(command.order_key, f"INV-{_digest(','.join(sorted(command.shipment_ids)))}")


def render_bill(command: MakeInvoice, now: datetime, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The transform's body: all that is fulfilled and not billed. NetSuite dates it today; where the books of the
    day on which it was asked for are closed, it is told the first of open ones, if that is still to come."""
    document: dict[str, Any] = {"externalId": invoice_id(command)}
    if command.posted_on is not None:
        document["tranDate"] = posting_date(now, command.posted_on, settings)
    return document


def render_fulfilment(command: PostShipment, order: SalesOrder, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The transform's body. Lines not named would be shipped in full, so every open line is named, shipped or not."""
    taken = _allot(command, order, settings)
    # A warehouse's own name for a place means nothing in the account, or another place.
    place = (settings.get("locations") or {}).get(command.shipment.location)
    location = {"id": str(place)} if place else None
    rows = []
    for line in order.lines():
        if line.is_closed or line.quantity <= line.quantity_fulfilled or not is_moved(line):
            continue
        quantity = taken.get(line.line)
        row: dict[str, Any] = {"orderLine": line.line, "itemReceive": quantity is not None}
        if quantity is not None:
            row["quantity"] = quantity
            if location:
                row["location"] = location
        rows.append(row)
    return {
        "externalId": fulfilment_id(command),
        "tranDate": posting_date(command.shipment.shipped_at, command.posted_on, settings),
        "shipStatus": SHIPPED,
        "item": {"items": rows},
        "package": {"items": [_package(package, settings) for package in command.shipment.packages or (Package(),)]},
    }


def render_as_booked(command: AmendBooking, order: Order, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The sales order that an order becomes, with an amendment's customer, items and basis."""
    refs = command.item_refs
    return render_order(BookOrder(order, command.customer_ref, refs, command.basis, command.ship_method), settings)


def render_amendment(command: AmendBooking, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The whole sales order again, for a PATCH that replaces its lines: what is no more must be said to be none."""
    document = render_as_booked(command, command.order, settings)
    del document["orderStatus"]  # whether it is approved is NetSuite's people's to say
    if settings.get("tax_mode", "details") == "details":
        document.setdefault("taxDetails", {"items": []})
    document.setdefault("shippingCost", Decimal(0))
    return document


def render_closing(order: SalesOrder) -> dict[str, Any]:
    """Close every line that is still open; lines are named by number, so none is added or replaced."""
    return {"item": {"items": [{"line": line.line, "isClosed": True} for line in order.lines() if not line.is_closed]}}


def read_invoice(body: InvoiceBody, settings: Mapping[str, Any], currencies: Mapping[str, str]) -> Invoice:
    by_id = {str(ref): code for code, ref in currencies.items()}
    return Invoice(
        id=body.id,
        number=body.tran_id,
        total=body.total,
        currency=by_id.get(body.currency.id) or body.currency.refName or body.currency.id,
        invoiced_at=instant(body.created_date, settings),
        tax=body.tax_total,
    )


def instant(text: str, settings: Mapping[str, Any]) -> datetime:
    """An aware UTC instant from NetSuite's text: RFC 3339 from records, account wall time from SuiteQL."""
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=account_zone(settings))).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Untranslatable("bad_instant", f"not a date and time: {text!r}", field="createdDate") from error


def _allot(command: PostShipment, order: SalesOrder, settings: Mapping[str, Any]) -> dict[int, Decimal]:
    """Which order lines the shipped quantities belong to: by the line-id column where set, else by item."""
    lines = [line for line in order.lines() if not line.is_closed]
    ids = line_ids(order, settings)
    left = {line.line: line.quantity - line.quantity_fulfilled for line in lines}
    taken: dict[int, Decimal] = {}
    for shipped in command.shipment.lines:
        candidates = candidates_of(shipped.line_id, command.item_refs.get(shipped.sku or ""), lines, ids)
        rest = take(shipped.quantity, candidates, left, taken)
        if rest:
            what = (
                f"shipment {command.shipment.id} of order {command.order_key}: line {shipped.line_id} ({shipped.sku})"
            )
            had = shipped.quantity - rest
            detail = f"{what}: {shipped.quantity} shipped, but sales order {order.id} has only {had} open"
            hint = "Compare the sales order's lines with the shipment; correct the order in NetSuite, then retry."
            raise Unbookable(
                Rejected(code="over_fulfilment", detail=detail, field=f"lines[{shipped.line_id}]", hint=hint)
            )
    return taken


def candidates_of(
    line_id: str, item: str | None, lines: Sequence[OrderLine], ids: Mapping[int, str | None]
) -> list[int]:
    """Numbers of the lines that one of ours may be: by the line-id column where set, else by item."""
    named = [line.line for line in lines if ids.get(line.line) == line_id]
    return named or [line.line for line in lines if line.item.id == item]


def take(wanted: Decimal, candidates: Sequence[int], left: dict[int, Decimal], taken: dict[int, Decimal]) -> Decimal:
    """Take units off the lines, as far as they go; what is left over."""
    for number in candidates:
        part = min(wanted, left[number])
        if part > 0:
            left[number] -= part
            taken[number] = taken.get(number, Decimal(0)) + part
            wanted -= part
    return wanted


def line_ids(order: SalesOrder, settings: Mapping[str, Any]) -> dict[int, str | None]:
    """Line number -> the channel's line id, where the account keeps one."""
    field = settings.get("line_field")
    if not field:
        return {}
    return {line.line: value for line, value in zip(order.lines(), order.column(field), strict=True)}


def is_moved(line: OrderLine) -> bool:
    """Whether it is of goods, which are fulfilled and received."""
    return line.item_type is None or line.item_type.id not in NOT_FULFILLED


def _package(package: Package, settings: Mapping[str, Any]) -> dict[str, Any]:
    grams = package.weight_g or Decimal(0)
    weight = (grams / _GRAMS[settings.get("weight_unit", "lb")]).quantize(_LEAST_WEIGHT)
    rendered: dict[str, Any] = {"packageWeight": max(weight, _LEAST_WEIGHT)}
    if package.tracking_number:
        rendered["packageTrackingNumber"] = package.tracking_number
    words = " ".join(word for word in (package.carrier, package.service) if word)
    if words:
        rendered["packageDescr"] = words
    return rendered


def _digest(text: str) -> str:
    return blake2s(text.encode(), digest_size=6).hexdigest()
