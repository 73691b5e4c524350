"""Labels that were made anew: a fulfilment shows the numbers that are on its parcels.

``fulfillmentTrackingInfoUpdate`` sets all numbers of a fulfilment at once, so that setting them again changes nothing;
but it may write to the customer again, so it is read first. Source: Admin GraphQL 2026-10, introspection.
"""

from typing import Any

from crossdock.connectors.shopify import fulfilling
from crossdock.connectors.shopify.answers import Failed
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.graph import number
from crossdock.connectors.shopify.shapes import Fulfilment, FulfilmentState
from crossdock.domain.commands import Payload, ReplaceTracking
from crossdock.domain.fulfilment import tracking_numbers
from crossdock.domain.outcome import Conflict, Done, Outcome, OutcomeUnknown, Rejected
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Call, Result


async def replace(client: Client, payload: Payload, call: Call) -> Result:
    """Give each of a shipment's fulfilments the numbers of its parcels, unless it shows them already."""
    assert isinstance(payload, ReplaceTracking)
    try:
        return Result(await _replace(client, payload), throttle_s=client.throttle_s)
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)


async def _replace(client: Client, payload: ReplaceTracking) -> Outcome:
    read = await client.fulfilment_state(payload.order_external_id)
    if read is None:
        return Rejected("shopify.order_not_found", f"The shop does not show order {payload.order_external_id}.")
    ours = _ours(payload, read[0])
    if not ours:
        return Conflict(
            "shopify.fulfilment_not_found",
            f"No fulfilment that stands in the shop tells shipment {payload.shipment.id}: "
            f"{', '.join(payload.fulfilments or payload.was)}.",
        )
    made = 0
    for one in ours:
        try:
            wanted = await _wanted(client, payload, one)
            if wanted is not None:
                await client.replace_tracking(one.id, wanted, payload.notify_customer)
                made += 1
        except (Failed, NotSent) as error:
            if not made:
                raise
            return OutcomeUnknown(f"told of {made} of {len(ours)} fulfilments; then: {error}", "told_in_part")
    return Done(_refs(ours), repeated=not made)


async def find(client: Client, payload: Payload, call: Call) -> Result | None:
    """Do the fulfilments show the new numbers? Else ``None``: sending again tells only what is missing."""
    assert isinstance(payload, ReplaceTracking)
    try:
        read = await client.fulfilment_state(payload.order_external_id)
        ours = _ours(payload, read[0]) if read is not None else []
        for one in ours:
            if await _wanted(client, payload, one) is not None:
                return None
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)
    return Result(Done(_refs(ours), repeated=True), throttle_s=client.throttle_s) if ours else None


def _ours(payload: ReplaceTracking, state: FulfilmentState) -> list[Fulfilment]:
    """The standing fulfilments that tell the shipment: by their ids, or by any number of its parcels."""
    stand = state.standing
    if payload.fulfilments:
        return [one for one in stand if number(one.id) in payload.fulfilments]
    numbers = {*payload.was, *tracking_numbers(payload.shipment)}
    return [one for one in stand if any(track.number in numbers for track in one.tracking_info)]


async def _wanted(client: Client, payload: ReplaceTracking, one: Fulfilment) -> dict[str, Any] | None:
    """The tracking that the fulfilment is to show; ``None``: it does."""
    lines = await client.fulfilled_lines(one.id)
    wanted = fulfilling.tracking(set(lines), payload.shipment.packages)
    numbers, shown = set(wanted.get("numbers", ())), {track.number for track in one.tracking_info if track.number}
    return wanted if numbers and numbers != shown else None


def _refs(ours: list[Fulfilment]) -> dict[str, str]:
    return {f"fulfillment_{nth}" if nth > 1 else "fulfillment": number(one.id) for nth, one in enumerate(ours, 1)}
