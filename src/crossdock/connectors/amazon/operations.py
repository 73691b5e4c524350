"""What Crossdock can ask of Amazon: tell it a shipment, set what may be bought, read an order back."""

from collections.abc import Sequence
from typing import Any

from crossdock.connectors.amazon import mapping, relabelling, shipping, standing, stocking, wire
from crossdock.connectors.amazon.answers import Failed
from crossdock.connectors.amazon.client import Client
from crossdock.connectors.amazon.reading import order_of
from crossdock.connectors.amazon.shipping import Parcel
from crossdock.domain.commands import Payload, PublishStock, PushFulfilment, ReadBack, ReplaceTracking
from crossdock.domain.order import order_key
from crossdock.domain.outcome import Conflict, Done, Outcome, OutcomeUnknown, Rejected, RetryLater
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Call, Follow, Operation, Repeat, Result, Untranslatable


async def push(client: Client, payload: Payload, call: Call) -> Result:
    """Confirm a shipment, one call per package. Reads first: a package that stands there already is not told again."""
    assert isinstance(payload, PushFulfilment)
    try:
        return Result(await _push(client, payload, call))
    except Failed as failed:
        return Result(failed.outcome)
    except Untranslatable as error:
        return Result(RetryLater(error.detail, code=error.code))  # of the read before anything was told


async def _push(client: Client, payload: PushFulfilment, call: Call) -> Outcome:
    told = shipping.parcels(payload.shipment)
    if not isinstance(told, tuple):
        return told
    order = await order_of(client, payload.order_external_id)
    if order is None:
        return Rejected("amazon.order_not_found", f"Amazon does not show order {payload.order_external_id}.")
    missing = [parcel for parcel in told if shipping.standing(order, parcel, payload.others) is None]
    if not missing:
        return Done(_refs(told), repeated=True)
    closed = _closed(order, missing, call)
    if closed is not None:
        return closed
    return await _tell(client, payload, order, told, missing)


def _closed(order: wire.Order, missing: Sequence[Parcel], call: Call) -> Outcome | None:
    """Why nothing more can be told of this order, if so."""
    state, order_id = order.fulfillment, order.order_id
    if state is None:
        return RetryLater(f"Amazon does not say how far order {order_id} is.", code="field_missing")
    if state.fulfilled_by == standing.AMAZON:
        return Conflict("amazon.fulfilled_by_amazon", f"Amazon fulfils order {order_id} itself.")
    if state.fulfillment_status == "CANCELLED":
        return Conflict("amazon.order_cancelled", f"Order {order_id} is cancelled at Amazon.")
    over = shipping.short(order, missing)
    if not over:
        return None
    what = ", ".join(f"{pieces} of item {item_id}" for item_id, pieces in over.items())
    if call.tries:
        # An earlier try of ours may be what shipped them: the package is only not to be seen yet.
        return OutcomeUnknown(f"order {order_id} has no more to ship for {what}, and no package says why", "not_seen")
    return Conflict(
        "amazon.nothing_left_to_ship",
        f"Amazon has no more to ship for {what}: it was confirmed or cancelled there.",
    )


async def _tell(
    client: Client, payload: PushFulfilment, order: wire.Order, told: Sequence[Parcel], missing: Sequence[Parcel]
) -> Outcome:
    marketplace = order.sales_channel.marketplace_id
    if not marketplace:
        return Rejected("amazon.marketplace_unknown", f"Order {order.order_id} names no marketplace.")
    carriers = client.line.settings.get("carriers") or {}
    now = client.told_at
    for index, parcel in enumerate(missing):
        body = shipping.confirmation(marketplace, parcel, payload.shipment.shipped_at, now, carriers)
        try:
            await client.confirm_shipment(order.order_id, body)
        except (Failed, NotSent) as error:
            if index == 0:
                raise
            # Whatever the refusal says of this call, part of the shipment was told: look before anything is sent.
            detail = f"told in part ({index} of {len(missing)} packages); then: {error}"
            return OutcomeUnknown(detail, "told_in_part")
    known = {shipping.plain(parcel.tracking_number) for parcel in told}
    numbers = {package.tracking_number or "" for package in payload.shipment.packages}
    left_out = sorted(number for number in numbers if number and shipping.plain(number) not in known)
    return Done(_refs(told), {"not_told": left_out} if left_out else {})


def _refs(told: Sequence[Parcel]) -> dict[str, str]:
    return {"package" if not index else f"package_{index + 1}": one.reference for index, one in enumerate(told)}


async def find_push(client: Client, payload: Payload, call: Call) -> Result | None:
    """Does our earlier confirmation stand? By the packages of the order, read just now.

    What is there in part is answered with ``None``: sending again tells only what is missing, under the same numbers.
    """
    assert isinstance(payload, PushFulfilment)
    told = shipping.parcels(payload.shipment)
    if not isinstance(told, tuple):
        return Result(told)
    try:
        order = await order_of(client, payload.order_external_id)
    except Failed as failed:
        return Result(failed.outcome)
    except Untranslatable as error:
        return Result(RetryLater(error.detail, code=error.code))
    if order is None or any(shipping.standing(order, parcel, payload.others) is None for parcel in told):
        return None
    return Result(Done(_refs(told), repeated=True))


async def read_back(client: Client, payload: Payload, call: Call) -> Result:
    """Read the order that a notification named. Changes nothing there."""
    assert isinstance(payload, ReadBack)
    if payload.kind != "order":
        return Result(Rejected("amazon.read_unknown", f"Amazon has nothing called {payload.kind!r} that is read back."))
    try:
        found = await client.order(payload.external_id)
        if found is None:
            return Result(Rejected("amazon.order_not_found", f"Amazon does not show order {payload.external_id}."))
        source = mapping.parse_order(found)
        reason = standing.ignored(source.fulfillment, book_amazons=standing.books_amazons(client.line.settings))
        later = standing.later(source.fulfillment)
        if reason is not None and not later:
            return Result(Done({"order": source.order_id}, {"ignored": reason}))
        connection = client.line.connection
        events = mapping.later_view(connection, source) if later else mapping.events_of(connection, source, True)
    except Failed as failed:
        return Result(failed.outcome)
    except Untranslatable as error:
        return Result(Rejected(error.code, error.detail, error.field, error.hint))
    key = order_key(connection, source.order_id)
    return Result(Done({"order": source.order_id}), tuple(Follow("order", key, event, later) for event in events))


OPERATIONS: dict[str, Operation] = {
    operation.purpose: operation
    for operation in (
        Operation(
            purpose=PushFulfilment.purpose,
            title="Confirm a shipment to Amazon",
            # No idempotency key. A repeated package number changes that package, and packages can be read: so it is
            # looked up first, and would do no harm if the look-up came too early.
            repeat=Repeat.SEARCHABLE,
            send=push,
            look_up=find_push,
            settle_s=60.0,  # Amazon documents no lag of its reads; minutes are not seen
            lease_s=240.0,
        ),
        Operation(
            purpose=ReplaceTracking.purpose,
            title="Tell Amazon of new labels",
            repeat=Repeat.SEARCHABLE,  # the same package number changes the same package again
            send=relabelling.replace,
            look_up=relabelling.find,
            settle_s=60.0,
            lease_s=240.0,
        ),
        Operation(
            purpose=PublishStock.purpose,
            title="Set what may be bought",
            # An absolute number. Processed after it was accepted: what the listing shows decides, and nothing newer is
            # sent before. Amazon states no bound; minutes are seen.
            repeat=Repeat.SEARCHABLE,
            send=stocking.publish,
            look_up=stocking.find_published,
            settle_s=300.0,
            lease_s=420.0,
        ),
        Operation(
            purpose=ReadBack.purpose,
            title="Read an order",
            repeat=Repeat.READ,
            send=read_back,
        ),
    )
}


def open_client(line: Any) -> Client:
    """The seller's client on this line."""
    return Client(line)
