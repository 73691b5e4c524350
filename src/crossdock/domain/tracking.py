"""Where parcels are, by their carriers. What is told is a set that only grows, so that its order does not matter.

Carriers tell late, twice and out of order (and a parcel that was delivered may still come back): of each milestone the
earliest instant is kept, and the furthest milestone is where the parcel is.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from crossdock.domain.commands import TellTracking
from crossdock.domain.decision import Policy
from crossdock.domain.draft import Draft
from crossdock.domain.events import ParcelSeen
from crossdock.domain.fulfilment import Package
from crossdock.domain.lattice import PARCEL, rank
from crossdock.domain.parcel import Mark
from crossdock.domain.process import TRACK
from crossdock.domain.state import Intent, OrderState, Parcel

Marks = Mapping[str, Mark]
IN_TRANSIT, OUT_FOR_DELIVERY, EXCEPTION, DELIVERED, RETURNED = PARCEL
_ON_THE_WAY = (IN_TRANSIT, OUT_FOR_DELIVERY, DELIVERED)  # each of these says that the ones before it are over
TOLD = (IN_TRANSIT, OUT_FOR_DELIVERY, EXCEPTION, DELIVERED)  # what a channel has a word for: none knows "returned"


class Way(msgspec.Struct, frozen=True, omit_defaults=True):
    """One parcel's way. ``marks``: milestone -> when, in the order of ``lattice.PARCEL``."""

    shipment_id: str
    package: Package
    marks: dict[str, Mark] = {}

    @property
    def status(self) -> str | None:
        """The furthest milestone; None: the carrier has said nothing."""
        return next(reversed(self.marks), None)


def key_of(event: ParcelSeen) -> str:
    """What the state calls the parcels that an event names: ``shipment``, ``shipment/tracking number``, or
    ``@fulfilment``."""
    if event.shipment_id is None:
        return f"@{event.fulfilment}"
    return event.shipment_id if event.tracking_number is None else f"{event.shipment_id}/{event.tracking_number}"


def furthest(marks: Iterable[str]) -> str | None:
    """The furthest of some milestones."""
    return max(marks, key=lambda status: rank("parcel", status), default=None)


def joined(*told: Marks) -> dict[str, Mark]:
    """Everything that is known of one parcel from several tellers, in order of milestones."""
    found: dict[str, Mark] = {}
    for status in PARCEL:
        marks = [each[status] for each in told if status in each]
        if marks:
            found[status] = min(marks)
    return found


def ways(state: OrderState) -> list[Way]:
    """The way of each parcel that left, in order."""
    return [way for parcel in state.taken() for way in ways_of(state, parcel)]


def ways_of(state: OrderState, parcel: Parcel) -> list[Way]:
    """The parcels of one shipment; one, where the warehouse named none."""
    found = [Way(parcel.shipment.id, package) for package in parcel.shipment.packages or (Package(),)]
    return [
        msgspec.structs.replace(way, marks=joined(*(state.tracks.get(name, {}) for name in names_of(state, way))))
        for way in found
    ]


def names_of(state: OrderState, way: Way) -> list[str]:
    """Every name under which something may be told of a parcel (see ``key_of``)."""
    id_ = way.shipment_id
    told = (f"@{number}" for number in fulfilments(state.command_of("fulfilment.push", id_)))
    return [id_, *told, f"{id_}/{way.package.tracking_number}"]


def fulfilments(sent: tuple[str, Intent] | None) -> list[str]:
    """The channel's fulfilments that a shipment was told as; none until that is done."""
    if sent is None or sent[1].status != "done":
        return []
    return [number for kind, number in sent[1].refs.items() if kind.startswith("fulfillment")]


def whole(found: list[Way]) -> dict[str, datetime]:
    """How far several parcels are as one: on their way as far as the last of them, in trouble as soon as one is."""
    reached: dict[str, datetime] = {}
    for status in PARCEL:
        if status in _ON_THE_WAY:
            firsts = [_reached(way, status) for way in found]
            if firsts and None not in firsts:
                reached[status] = max(first for first in firsts if first is not None)
        elif any(status in way.marks for way in found):
            reached[status] = min(way.marks[status].at for way in found if status in way.marks)
    return reached


def _reached(way: Way, status: str) -> datetime | None:
    """When a parcel had surely come so far: it was said, or something that comes after it was."""
    later = _ON_THE_WAY[_ON_THE_WAY.index(status) :]
    return min((way.marks[each].at for each in later if each in way.marks), default=None)


def arrived_at(state: OrderState) -> datetime | None:
    """When the last of the parcels was delivered; None while one is not, or where nobody tells."""
    found = ways(state)
    return whole(found).get(DELIVERED) if found else None


def tell(d: Draft, policy: Policy) -> None:
    """Tell the channel how far the parcels of each shipment are: one milestone at a time, none that is behind."""
    if not policy.push_tracking:
        return
    for parcel in list(d.state.taken()):
        if parcel.source != d.order.channel:
            _tell_one(d, parcel)


def _tell_one(d: Draft, parcel: Parcel) -> None:
    id_, state = parcel.shipment.id, d.state
    shown_as = fulfilments(state.command_of("fulfilment.push", id_))
    reached = whole(ways_of(state, parcel))
    status = furthest(each for each in reached if each in TOLD)
    if not shown_as or status is None or RETURNED in reached:
        return
    sent = {each: state.command_of(TRACK, f"{id_}/{each}") for each in TOLD}
    if any(found is not None and found[1].status == "open" for found in sent.values()):
        return  # two at once might be told in the wrong order
    if any(found is not None and rank("parcel", each) >= rank("parcel", status) for each, found in sent.items()):
        return
    payload = TellTracking(d.order.external_id, tuple(shown_as), status, reached[status])
    d.send(TRACK, d.order.channel, payload, f"{id_}/{status}")
