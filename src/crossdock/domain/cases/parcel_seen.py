"""A carrier told of a parcel: noted once, and a person is told of one that does not arrive."""

from crossdock.domain.cases.parting import give_parts
from crossdock.domain.draft import Draft
from crossdock.domain.events import ParcelSeen
from crossdock.domain.lattice import rank
from crossdock.domain.parcel import Mark, ParcelMoved
from crossdock.domain.problems import problem
from crossdock.domain.tracking import (
    DELIVERED,
    EXCEPTION,
    IN_TRANSIT,
    RETURNED,
    furthest,
    key_of,
    names_of,
    ways,
    ways_of,
)

_TITLES = {
    EXCEPTION: ("parcel.exception", "The carrier cannot deliver a parcel as planned"),
    RETURNED: ("parcel.returned", "A parcel is on its way back to the sender"),
}


def parcel_seen(d: Draft, event: ParcelSeen) -> None:
    """Take a carrier's word. One that says nothing new, or something that is behind, opens and settles nothing."""
    if d.state.ended == "ignored":
        d.ignore("parcel_seen", "the order is ignored")
        return
    if d.state.parts and event.fulfilment is not None and not _is_own(d, event.fulfilment):
        give_parts(d, event)
        if not _is_telling(d):
            return
    key = key_of(event)
    marks = d.state.tracks.get(key, {})
    known, told = marks.get(event.status), Mark(event.happened_at, event.detail or "", event.source)
    if known is not None and known <= told:
        return
    further = _further(d, key, event.status)
    d.note(ParcelMoved(key, event.status, event.happened_at, event.source, d.now, event.detail))
    if further:
        _turned(d, event, key)


def _is_own(d: Draft, fulfilment: str) -> bool:
    pushed = (intent for intent in d.state.commands.values() if intent.step == "fulfilment.push")
    return any(fulfilment in intent.refs.values() for intent in pushed)


def _is_telling(d: Draft) -> bool:
    """Whether a shipment of its own is being told: the fulfilment may be that one's, whose number is not known yet."""
    return any(one.step == "fulfilment.push" and one.status == "open" for one in d.state.commands.values())


def _further(d: Draft, key: str, status: str) -> bool:
    """Whether a parcel of that name was not so far, by anybody's word: what we told the channel comes back from it."""
    told = [way.marks for way in ways(d.state) if key in names_of(d.state, way)] or [d.state.tracks.get(key, {})]
    return any(rank("parcel", status) > rank("parcel", furthest(marks) or IN_TRANSIT) or not marks for marks in told)


def _turned(d: Draft, event: ParcelSeen, key: str) -> None:
    """It is further than it was: a trouble begins, becomes another, or is over."""
    if event.status in _TITLES:
        code, title = _TITLES[event.status]
        named = {
            "shipment": event.shipment_id,
            "tracking": event.tracking_number,
            "fulfilment": event.fulfilment,
            "carrier": event.detail,
        }
        facts = {name: value for name, value in named.items() if value} | {"since": event.happened_at.isoformat()}
        d.open(problem(code, f"parcel/{key}", title, event.source, facts), "take.shipments")
    elif event.status == DELIVERED:
        _over(d, key)


def _over(d: Draft, key: str) -> None:
    """Delivered: a trouble of the same parcels is over, by whichever name it was told."""
    keys = {key}
    for parcel in d.state.taken():
        found = ways_of(d.state, parcel)
        if all(DELIVERED in way.marks for way in found):
            keys.update(name for way in found for name in names_of(d.state, way))
    for each in sorted(keys):
        known = d.state.problems.get(f"parcel/{each}")
        if known is not None and known.code == "parcel.exception":
            d.settle(f"parcel/{each}", reason="the carrier delivered it after all")
