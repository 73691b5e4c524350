"""Where parcels are, told to the shop and by the shop. Telling looks first: a fulfilment event takes no key.

The shop may know more than we do, because Shopify follows the parcels of carriers that it knows itself: what it shows
as far, or further, is not told again.
"""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

import msgspec

from crossdock.connectors.shopify import answers, documents, graph
from crossdock.connectors.shopify.answers import Failed, UserError
from crossdock.connectors.shopify.client import Client, Pages
from crossdock.connectors.shopify.graph import PageInfo, Struct, gid
from crossdock.connectors.shopify.shapes import STANDING
from crossdock.connectors.shopify.wire import Instant
from crossdock.domain.commands import Payload, TellTracking
from crossdock.domain.events import ParcelSeen
from crossdock.domain.lattice import rank
from crossdock.domain.outcome import Conflict, Done, Outcome, OutcomeUnknown, Rejected
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Call, Result

# Shopify's words (FulfillmentEventStatus, API 2026-10) -> ours. The others say nothing of a parcel on its way, and it
# has none for a parcel that comes back. DELAYED says of every trouble what is true of all.
WORDS = {
    "CARRIER_PICKED_UP": "in_transit",
    "IN_TRANSIT": "in_transit",
    "OUT_FOR_DELIVERY": "out_for_delivery",
    "ATTEMPTED_DELIVERY": "exception",
    "DELAYED": "exception",
    "FAILURE": "exception",
    "DELIVERED": "delivered",
}
_TOLD_AS = {
    "in_transit": "IN_TRANSIT",
    "out_for_delivery": "OUT_FOR_DELIVERY",
    "exception": "DELAYED",
    "delivered": "DELIVERED",
}


class Event(Struct, frozen=True):
    id: str
    status: str
    happened_at: Instant


class Events(Struct, frozen=True):
    nodes: tuple[Event, ...]
    page_info: PageInfo


class Followed(Struct, frozen=True):
    id: str
    status: str
    events: Events


class FollowedData(Struct, frozen=True):
    fulfillment: Followed | None


class Made(Struct, frozen=True):
    user_errors: tuple[UserError, ...]
    fulfillment_event: graph.Ref | None = None


class MadeData(Struct, frozen=True):
    fulfillment_event_create: Made


class Hook(msgspec.Struct, frozen=True):
    """The body of ``fulfillment_events/create``, as far as it is read."""

    fulfillment_id: int | str
    status: str
    happened_at: Instant
    message: str | None = None


def parcels_of(connection: str, body: bytes) -> Iterator[ParcelSeen]:
    """What a ``fulfillment_events/create`` means: a carrier's word, or nothing. Raises ``msgspec.DecodeError``."""
    told = msgspec.json.decode(body, type=Hook)
    status = WORDS.get(told.status.upper())
    if status is not None:
        number = graph.number(str(told.fulfillment_id))
        yield ParcelSeen(
            status, told.happened_at.astimezone(UTC), connection, fulfilment=number, detail=told.message or None
        )


async def tell(client: Client, payload: Payload, call: Call) -> Result:
    """Tell each of a shipment's fulfilments how far it is, unless the shop shows that, or more, already."""
    assert isinstance(payload, TellTracking)
    try:
        return Result(await _tell(client, payload), throttle_s=client.throttle_s)
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)


async def _tell(client: Client, payload: TellTracking) -> Outcome:
    refs: dict[str, str] = {}
    made = 0
    for number in payload.fulfilments:
        try:
            known = await _shown(client, number, payload.status)
            if isinstance(known, Rejected | Conflict):
                return _after(made, known)
            if known is None:
                known = await _create(client, number, payload)
                made += 1
        except (Failed, NotSent) as error:
            if not made:
                raise
            return _after(made, error)
        refs["fulfillmentEvent" if not refs else f"fulfillmentEvent_{len(refs) + 1}"] = known
    return Done(refs, repeated=not made)


def _after(made: int, what: Outcome | Exception) -> Outcome:
    """What stops us after something was told leaves the whole in doubt: it is looked at before anything is sent."""
    if made or isinstance(what, Exception):
        return OutcomeUnknown(f"told to {made} of the shipment's fulfilments; then: {what}", "told_in_part")
    return what


async def find(client: Client, payload: Payload, call: Call) -> Result | None:
    """Does every fulfilment show it, or more? Else ``None``: sending again tells only what is missing."""
    assert isinstance(payload, TellTracking)
    refs: dict[str, str] = {}
    try:
        for number in payload.fulfilments:
            known = await _shown(client, number, payload.status)
            if not isinstance(known, str):
                return None
            refs["fulfillmentEvent" if not refs else f"fulfillmentEvent_{len(refs) + 1}"] = known
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)
    return Result(Done(refs, repeated=True), throttle_s=client.throttle_s)


async def _shown(client: Client, fulfilment: str, status: str) -> str | Rejected | Conflict | None:
    """The event that says as much as ``status`` or more; ``None``: there is none. Or why none can be made."""
    pages = Pages()
    while True:
        variables = {"id": gid("Fulfillment", fulfilment), "after": pages.after}
        found: FollowedData = await client.ask(documents.FULFILMENT_EVENTS, variables, FollowedData)
        told = found.fulfillment
        if told is None:
            return Rejected("shopify.fulfilment_not_found", f"The shop does not show fulfilment {fulfilment}.")
        if told.status not in STANDING:
            return Conflict("shopify.fulfilment_cancelled", f"Fulfilment {fulfilment} is {told.status} in the shop.")
        for event in told.events.nodes:
            word = WORDS.get(event.status)
            if word is not None and rank("parcel", word) >= rank("parcel", status):
                return graph.number(event.id)
        if not pages.more(told.events.page_info):
            return None


async def _create(client: Client, fulfilment: str, payload: TellTracking) -> str:
    event: dict[str, Any] = {
        "fulfillmentId": gid("Fulfillment", fulfilment),
        "status": _TOLD_AS[payload.status],
        "happenedAt": f"{payload.happened_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    found: MadeData = await client.ask(documents.FULFILMENT_EVENT_CREATE, {"event": event}, MadeData, write=True)
    made = found.fulfillment_event_create
    if made.user_errors:
        text = "; ".join(error.message for error in made.user_errors[:3])
        raise Failed(Rejected("shopify.event_refused", text, ".".join(made.user_errors[0].field or ()) or None))
    if made.fulfillment_event is None:
        raise Failed(answers.lost("answer_empty", "Shopify names neither an event nor an error.", write=True))
    return graph.number(made.fulfillment_event.id)
