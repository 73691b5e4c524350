"""What leaves the warehouse and what is billed for it."""

from datetime import datetime
from decimal import Decimal

import msgspec


class ShippedLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A quantity of one order line. ``line_id`` is the channel's line id, the canonical one."""

    line_id: str
    quantity: Decimal
    sku: str | None = None


class Package(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One parcel. Tracking numbers are what the customer is told."""

    tracking_number: str | None = None
    carrier: str | None = None
    service: str | None = None
    tracking_url: str | None = None
    lines: tuple[ShippedLine, ...] = ()
    weight_g: Decimal | None = None


class Shipment(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Goods that left one location at one time, in one or several parcels."""

    id: str  # the warehouse's shipment id: the same shipment told twice has the same id
    lines: tuple[ShippedLine, ...]
    shipped_at: datetime
    packages: tuple[Package, ...] = ()
    location: str | None = None


def tracking_numbers(shipment: Shipment) -> tuple[str, ...]:
    """The shipment's tracking numbers, each once, in order."""
    return tuple(dict.fromkeys(package.tracking_number for package in shipment.packages if package.tracking_number))


class Invoice(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    id: str
    number: str
    total: Decimal
    currency: str
    invoiced_at: datetime
    tax: Decimal | None = None


class Allocation(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where the channel wants lines fulfilled from (Shopify: a fulfilment order)."""

    id: str
    status: str  # open, in_progress, on_hold, scheduled, closed, cancelled, incomplete
    location_id: str | None = None
    lines: tuple[ShippedLine, ...] = ()  # remaining quantities
