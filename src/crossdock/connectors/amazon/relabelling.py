"""Labels that were made anew: a package is confirmed again under its number, with the tracking number that it has now.

``confirmShipment`` with a known ``packageReferenceId`` changes that package, also of an order that is shipped whole
(developer-docs.amazon.com, Orders v0 model, read 2026-11). Which package it is says what is in it.
"""

import msgspec

from crossdock.connectors.amazon import shipping, wire
from crossdock.connectors.amazon.answers import Failed
from crossdock.connectors.amazon.client import Client
from crossdock.connectors.amazon.reading import order_of
from crossdock.connectors.amazon.shipping import Parcel
from crossdock.domain.commands import Payload, ReplaceTracking
from crossdock.domain.outcome import Conflict, Done, Outcome, OutcomeUnknown, Rejected, RetryLater
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Call, Result, Untranslatable

Pair = tuple[Parcel, str]  # a parcel as it is to be told, and its package's number


async def replace(client: Client, payload: Payload, call: Call) -> Result:
    """Confirm each package that Amazon shows under an old label again. Reads first: what it shows is not told again."""
    assert isinstance(payload, ReplaceTracking)
    try:
        return Result(await _replace(client, payload))
    except Failed as failed:
        return Result(failed.outcome)
    except Untranslatable as error:
        return Result(RetryLater(error.detail, code=error.code))  # of the read before anything was told


async def _replace(client: Client, payload: ReplaceTracking) -> Outcome:
    parcels = shipping.parcels(payload.shipment)
    if not isinstance(parcels, tuple):
        return parcels
    order = await order_of(client, payload.order_external_id)
    if order is None:
        return Rejected("amazon.order_not_found", f"Amazon does not show order {payload.order_external_id}.")
    marketplace = order.sales_channel.marketplace_id
    if not marketplace:
        return Rejected("amazon.marketplace_unknown", f"Order {order.order_id} names no marketplace.")
    pairs = _pairs(order, parcels, payload.was)
    if not isinstance(pairs, list):
        return pairs
    carriers = client.line.settings.get("carriers") or {}
    now = client.told_at
    for nth, (parcel, reference) in enumerate(pairs):
        again = msgspec.structs.replace(parcel, reference=reference)
        body = shipping.confirmation(marketplace, again, payload.shipment.shipped_at, now, carriers)
        try:
            await client.confirm_shipment(order.order_id, body)
        except (Failed, NotSent) as error:
            if nth == 0:
                raise
            return OutcomeUnknown(f"told of {nth} of {len(pairs)} packages; then: {error}", "told_in_part")
    refs = {"package" if nth == 1 else f"package_{nth}": reference for nth, (_, reference) in enumerate(pairs, 1)}
    return Done(refs, repeated=not pairs)


async def find(client: Client, payload: Payload, call: Call) -> Result | None:
    """Does Amazon show every package under its new label? Else ``None``: sending again tells only what is missing."""
    assert isinstance(payload, ReplaceTracking)
    parcels = shipping.parcels(payload.shipment)
    if not isinstance(parcels, tuple):
        return Result(parcels)
    try:
        order = await order_of(client, payload.order_external_id)
    except Failed as failed:
        return Result(failed.outcome)
    except Untranslatable as error:
        return Result(RetryLater(error.detail, code=error.code))
    if order is None or any(_shown(order, parcel) is None for parcel in parcels):
        return None
    return Result(Done(repeated=True))


def _pairs(order: wire.Order, parcels: tuple[Parcel, ...], was: tuple[str, ...]) -> list[Pair] | Conflict:
    """Each parcel that Amazon does not show, with the package under an old label that holds the same."""
    old = {shipping.plain(number) for number in was} - {shipping.plain(parcel.tracking_number) for parcel in parcels}
    left = [one for one in shipping.packages(order) if shipping.plain(one.tracking_number) in old]
    pairs = []
    for parcel in parcels:
        if _shown(order, parcel) is not None:
            continue
        same = next((one for one in left if shipping.items_of(one) == parcel.items), None)
        if same is None:
            return Conflict(
                "amazon.package_not_found",
                f"No package of order {order.order_id} that Amazon shows under an old label holds what parcel "
                f"{parcel.tracking_number} does. Correct the tracking numbers in Seller Central, then resolve.",
            )
        left.remove(same)
        pairs.append((parcel, same.package_reference_id))
    return pairs


def _shown(order: wire.Order, parcel: Parcel) -> wire.Package | None:
    return next((one for one in shipping.packages(order) if shipping.same(one, parcel)), None)
