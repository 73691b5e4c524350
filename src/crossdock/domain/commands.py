"""What Crossdock can ask of another system, in canonical words.

A payload holds everything the target's mapping needs; the wire form is rendered at delivery. Its ``purpose``
is the name of the operation the target's connector must offer.
"""

from typing import ClassVar

import msgspec

from crossdock.domain.fulfilment import Shipment
from crossdock.domain.order import Order


class BookOrder(msgspec.Struct, frozen=True, gc=False, tag="order.book", omit_defaults=True):
    """Make the sales order in the ERP."""

    purpose: ClassVar[str] = "order.book"
    order: Order
    customer_ref: str  # the ERP's customer id
    item_refs: dict[str, str]  # sku -> the ERP's item id
    basis: str = "shop"  # which side of each Amount the ERP books
    ship_method: str | None = None


class AmendBooking(msgspec.Struct, frozen=True, gc=False, tag="booking.amend", omit_defaults=True):
    """Make the ERP's sales order what the channel now shows. Sent before the warehouse or a bill has to do with it."""

    purpose: ClassVar[str] = "booking.amend"
    order: Order  # the whole order as it is to stand: a later amendment carries everything an earlier one did
    erp_ref: str
    customer_ref: str
    item_refs: dict[str, str]
    basis: str = "shop"
    ship_method: str | None = None


class ReleaseOrder(msgspec.Struct, frozen=True, gc=False, tag="order.release", omit_defaults=True):
    """Tell the warehouse to pick and ship what requires shipping."""

    purpose: ClassVar[str] = "order.release"
    order: Order
    erp_ref: str | None = None
    ship_method: str | None = None


class CancelRelease(msgspec.Struct, frozen=True, gc=False, tag="release.cancel", omit_defaults=True):
    """Ask the warehouse to stop. Best effort: it may refuse because picking began."""

    purpose: ClassVar[str] = "release.cancel"
    order_key: str
    warehouse_ref: str | None = None
    reason: str | None = None


class CloseBooking(msgspec.Struct, frozen=True, gc=False, tag="booking.close", omit_defaults=True):
    """Close the ERP's sales order because the sale was cancelled."""

    purpose: ClassVar[str] = "booking.close"
    order_key: str
    erp_ref: str
    reason: str | None = None


class PostShipment(msgspec.Struct, frozen=True, gc=False, tag="shipment.post", omit_defaults=True):
    """Record goods leaving in the ERP (NetSuite: item fulfilment)."""

    purpose: ClassVar[str] = "shipment.post"
    order_key: str
    erp_ref: str
    shipment: Shipment
    item_refs: dict[str, str] = {}


class PushFulfilment(msgspec.Struct, frozen=True, gc=False, tag="fulfilment.push", omit_defaults=True):
    """Tell the channel, and through it the customer, what was shipped. At most once per shipment: it sends e-mail."""

    purpose: ClassVar[str] = "fulfilment.push"
    order_external_id: str
    shipment: Shipment
    notify_customer: bool = True


class MakeInvoice(msgspec.Struct, frozen=True, gc=False, tag="invoice.make", omit_defaults=True):
    """Bill what was shipped in the ERP."""

    purpose: ClassVar[str] = "invoice.make"
    order_key: str
    erp_ref: str
    shipment_ids: tuple[str, ...] = ()


class ReadBack(msgspec.Struct, frozen=True, gc=False, tag="read_back", omit_defaults=True):
    """Read something that a signal (a webhook with only an id) pointed at. Changes nothing there."""

    purpose: ClassVar[str] = "read_back"
    kind: str  # the connector's word: "order", "fulfillment_order"
    external_id: str


Payload = (
    BookOrder
    | AmendBooking
    | ReleaseOrder
    | CancelRelease
    | CloseBooking
    | PostShipment
    | PushFulfilment
    | MakeInvoice
    | ReadBack
)


class Command(msgspec.Struct, frozen=True, gc=False):
    """One intended effect on one target. ``key`` is its business key: unique for ever, over all retries and replays."""

    key: str
    target: str  # the connection's name
    payload: Payload
