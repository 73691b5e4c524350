"""Where the parcels of an order are, as people read it."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from crossdock.domain.state import OrderState
from crossdock.domain.tracking import Way, ways

_WORDS: Mapping[str, str] = {
    "in_transit": "in transit",
    "out_for_delivery": "out for delivery",
    "exception": "in trouble",
    "delivered": "delivered",
    "returned": "coming back",
}
_TONES: Mapping[str, str] = {"exception": "bad", "returned": "bad", "delivered": "good"}


class Milestone(msgspec.Struct, frozen=True):
    """How far the carrier said a parcel was. ``source``: the connection that told us."""

    word: str
    at: datetime
    source: str
    detail: str = ""


class ParcelView(msgspec.Struct, frozen=True):
    """One parcel and its way. ``word``: where it is now, or that nobody has said anything."""

    shipment: str
    tracking_number: str
    carrier: str
    word: str
    tone: str  # good, bad, plain
    way: tuple[Milestone, ...] = ()


def parcels(state: OrderState | None) -> list[ParcelView]:
    """Every parcel that left, in order."""
    return [] if state is None else [_view(way) for way in ways(state)]


def _view(way: Way) -> ParcelView:
    status, package = way.status, way.package
    return ParcelView(
        shipment=way.shipment_id,
        tracking_number=package.tracking_number or "",
        carrier=" ".join(filter(None, (package.carrier, package.service))),
        word=_WORDS[status] if status else "left the warehouse",
        tone=_TONES.get(status or "", "plain"),
        way=tuple(Milestone(_WORDS[name], mark.at, mark.source, mark.detail) for name, mark in way.marks.items()),
    )
