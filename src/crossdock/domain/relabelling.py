"""Labels made anew: the channel shows the tracking numbers that are on the parcels.

A warehouse voids a label and ships under another. What was opened for the channel by then names the old one, and a
command is never changed: another one follows it, as soon as it is known what the channel took.
"""

import msgspec

from crossdock.domain.commands import ReplaceTracking
from crossdock.domain.decision import Policy
from crossdock.domain.draft import Draft
from crossdock.domain.fulfilment import Shipment, tracking_numbers
from crossdock.domain.measures import Indivisible, as_ordered
from crossdock.domain.process import REPLACE
from crossdock.domain.state import OrderState, Parcel
from crossdock.domain.tracking import fulfilments


def due(state: OrderState) -> bool:
    """Whether the channel shows, or is about to be told, a number that is no longer on a parcel."""
    return any(map(_behind, state.taken()))


def tell(d: Draft, policy: Policy) -> None:
    """Tell the channel the new numbers of each shipment, one telling at a time."""
    for parcel in list(d.state.taken()):
        if _behind(parcel):
            _tell_one(d, policy, parcel)


def _as_pushed(d: Draft, shipment: Shipment) -> Shipment:
    """In the units that were ordered, as the push was; without what is in which parcel, where new ones split a unit."""
    try:
        return as_ordered(d.order, shipment)
    except Indivisible:
        packages = tuple(msgspec.structs.replace(each, lines=()) for each in shipment.packages)
        return as_ordered(d.order, msgspec.structs.replace(shipment, packages=packages))


def _behind(parcel: Parcel) -> bool:
    """A label that was only voided is followed by another: a parcel without a number is nothing to tell."""
    now = tracking_numbers(parcel.shipment)
    return bool(parcel.shown and now) and set(now) != set(parcel.shown[-1])


def _tell_one(d: Draft, policy: Policy, parcel: Parcel) -> None:
    id_, state = parcel.shipment.id, d.state
    pushed = state.command_of("fulfilment.push", id_)
    if pushed is None or pushed[1].status != "done":
        return  # a push that failed is a person's: what they send again is the same, and is followed by this
    earlier = [found for nth in range(1, len(parcel.shown)) if (found := state.command_of(REPLACE, f"{id_}/{nth}"))]
    if any(intent.status not in ("done", "skipped") for _, intent in earlier):
        return
    was = tuple(dict.fromkeys(number for numbers in parcel.shown for number in numbers))
    told = _as_pushed(d, parcel.shipment)
    payload = ReplaceTracking(d.order.external_id, told, was, tuple(fulfilments(pushed)), policy.notify_customer)
    d.send(REPLACE, d.order.channel, payload, f"{id_}/{len(parcel.shown)}")
