"""Which confirmations tell a shipment to Amazon, one per package. Pure: what was read in, the calls to make out.

A package is named by ``packageReferenceId``, a positive number of the seller's choice that is unique within the order;
telling the same number again changes that package instead of adding one (developer-docs.amazon.com, Orders v0 model,
read 2026-11). The number is made from the shipment and its tracking number, so that every repeat names the same.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec

from crossdock.connectors.amazon import wire
from crossdock.connectors.amazon.client import text_of
from crossdock.domain.fulfilment import Package, Shipment
from crossdock.domain.outcome import Outcome, Rejected

OTHER = "Other"
# Amazon's spelling of carriers that warehouses name in their own way. The setting ``carriers`` adds to it.
CARRIERS = {
    "ups": "UPS", "usps": "USPS", "fedex": "FedEx", "dhl": "DHL", "dhlecommerce": "DHL eCommerce",
    "dhlexpress": "DHL Express", "dpd": "DPD", "gls": "GLS", "hermes": "Hermes", "royalmail": "Royal Mail",
    "ontrac": "OnTrac", "lasership": "Lasership", "canadapost": "Canada Post", "australiapost": "Australia Post",
    "deutschepost": "Deutsche Post", "postnl": "PostNL", "yamatotransport": "YAMATO", "sagawa": "SAGAWA",
}  # fmt: skip


class Parcel(msgspec.Struct, frozen=True):
    """One package as Amazon is to be told it: order item id -> pieces."""

    reference: str
    tracking_number: str
    items: dict[str, int]
    package: Package


def parcels(shipment: Shipment) -> tuple[Parcel, ...] | Outcome:
    """The shipment's packages with what is in each; a refusal where Amazon could not be told the truth."""
    told = _by_number(shipment.packages)
    if not told:
        return Rejected(
            "amazon.tracking_missing",
            f"Shipment {shipment.id} has no tracking number, and Amazon takes no confirmation without one.",
            field="packages.tracking_number",
            hint="Confirm the shipment in Seller Central by hand, then resolve.",
        )
    found = []
    for index, package in enumerate(told):
        rest = {} if index else _untold(shipment, told)
        items = _pieces([(line.line_id, line.quantity) for line in package.lines], rest)
        if isinstance(items, str):
            text = f"Shipment {shipment.id} holds {items}; Amazon takes whole pieces only."
            return Rejected("amazon.quantity_not_whole", text, field="lines.quantity")
        if items:
            number = str(package.tracking_number)
            found.append(Parcel(_reference(shipment.id, number), number, items, package))
    if not found:
        return Rejected("amazon.shipment_empty", f"Shipment {shipment.id} holds no pieces.", field="lines")
    return tuple(found)


def _by_number(packages: Sequence[Package]) -> list[Package]:
    """One package of each tracking number: Amazon would take a second one for a change of the first."""
    found: dict[str, Package] = {}
    for package in packages:
        number = plain(package.tracking_number)
        if number:
            first = found.get(number)
            lines = package.lines if first is None else (*first.lines, *package.lines)
            found[number] = msgspec.structs.replace(first or package, lines=lines)
    return list(found.values())


def plain(tracking_number: str | None) -> str:
    """The number as it is compared."""
    return (tracking_number or "").strip().lower()


def _untold(shipment: Shipment, told: Sequence[Package]) -> dict[str, Decimal]:
    """What the shipment holds and no package says it carries: it goes with the first, so that all of it is told."""
    left: dict[str, Decimal] = {}
    for line in shipment.lines:
        left[line.line_id] = left.get(line.line_id, Decimal(0)) + line.quantity
    for package in told:
        for line in package.lines:
            left[line.line_id] = left.get(line.line_id, Decimal(0)) - line.quantity
    return {line_id: quantity for line_id, quantity in left.items() if quantity > 0}


def _pieces(lines: Sequence[tuple[str, Decimal]], rest: Mapping[str, Decimal]) -> dict[str, int] | str:
    total: dict[str, Decimal] = {}
    for line_id, quantity in (*lines, *rest.items()):
        total[line_id] = total.get(line_id, Decimal(0)) + quantity
    for line_id, quantity in total.items():
        if quantity != quantity.to_integral_value() or quantity < 0:
            return f"{quantity} of line {line_id}"
    return {line_id: int(quantity) for line_id, quantity in total.items() if quantity}


def _reference(shipment_id: str, tracking_number: str) -> str:
    """Nine digits: as many as any reader of a positive number takes."""
    digest = sha256(f"{shipment_id}/{tracking_number}".encode()).digest()
    return str(int.from_bytes(digest[:8], "big") % 899_999_999 + 100_000_001)


def standing(order: wire.Order, parcel: Parcel, others: Sequence[str] = ()) -> wire.Package | None:
    """The package of the order that is this parcel, by its number, or by its tracking number and what is in it;
    cancelled ones are none, nor are ``others``: the numbers of our other shipments' packages."""
    for package in packages(order):
        like = package.package_reference_id not in others and same(package, parcel)
        if like or package.package_reference_id == parcel.reference:
            return package
    return None


def packages(order: wire.Order) -> list[wire.Package]:
    """The packages that stand; cancelled ones are none."""
    return [one for one in order.packages if one.package_status is None or one.package_status.status != "CANCELLED"]


def items_of(package: wire.Package) -> dict[str, int]:
    """Order item id -> pieces."""
    held: dict[str, int] = {}
    for item in package.package_items:
        held[item.order_item_id] = held.get(item.order_item_id, 0) + item.quantity
    return held


def same(package: wire.Package, parcel: Parcel) -> bool:
    """Freight of several shipments goes under one tracking number. A package that does not tell its items may be it."""
    return plain(package.tracking_number) == plain(parcel.tracking_number) and items_of(package) in ({}, parcel.items)


def short(order: wire.Order, parcels_: Sequence[Parcel]) -> dict[str, int]:
    """Order item id -> how many pieces are to be told beyond what Amazon still waits for."""
    wanted: dict[str, int] = {}
    for parcel in parcels_:
        for item_id, pieces in parcel.items.items():
            wanted[item_id] = wanted.get(item_id, 0) + pieces
    open_ = {item.order_item_id: _unfulfilled(item) for item in order.order_items}
    over = {item_id: pieces - open_.get(item_id, 0) for item_id, pieces in wanted.items()}
    return {item_id: pieces for item_id, pieces in over.items() if pieces > 0}


def _unfulfilled(item: wire.Item) -> int:
    told = item.fulfillment.quantity_unfulfilled if item.fulfillment else None
    return item.quantity_ordered if told is None else told


def confirmation(
    marketplace_id: str, parcel: Parcel, shipped_at: datetime, now: datetime | None, carriers: Mapping[str, Any]
) -> dict[str, Any]:
    """The body of ``confirmShipment``. Amazon refuses a ship date that is ahead of its own clock (``now``)."""
    code, name = carrier(parcel.package.carrier, carriers)
    detail = {
        "packageReferenceId": parcel.reference,
        "carrierCode": code,
        "carrierName": name,
        "shippingMethod": parcel.package.service,
        "trackingNumber": parcel.tracking_number,
        "shipDate": text_of(shipped_at if now is None else min(shipped_at, now)),
        "orderItems": [{"orderItemId": item_id, "quantity": pieces} for item_id, pieces in parcel.items.items()],
    }
    return {
        "marketplaceId": marketplace_id,
        "packageDetail": {field: value for field, value in detail.items() if value is not None},
    }


def carrier(told: str | None, carriers: Mapping[str, Any]) -> tuple[str, str | None]:
    """Amazon's carrier code, and the name that must stand beside ``Other``."""
    name = (told or "").strip()
    if name in carriers:
        return str(carriers[name]), None
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    by_plain = {"".join(c for c in key.lower() if c.isalnum()): str(code) for key, code in carriers.items()}
    code = by_plain.get(plain) or CARRIERS.get(plain)
    return (code, None) if code else (OTHER, name or OTHER)
