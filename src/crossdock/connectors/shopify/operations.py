"""What Crossdock can ask of Shopify: tell a fulfilment, pay a credit back, read an order or its fulfilment orders."""

from decimal import Decimal
from typing import Any

import msgspec

from crossdock.connectors.shopify import (
    captures,
    disposing,
    fulfilling,
    graph,
    mapping,
    refunds,
    relabelling,
    returns,
    stocking,
    tracking,
)
from crossdock.connectors.shopify.answers import Failed, lost
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.invoicing import find_invoice, publish_invoice
from crossdock.connectors.shopify.paying_back import find_refund, pay_back
from crossdock.connectors.shopify.shapes import FulfilmentOrder, FulfilmentState
from crossdock.domain.commands import (
    Payload,
    PublishInvoice,
    PublishStock,
    PushFulfilment,
    PushRefund,
    PushReturn,
    ReadBack,
    ReplaceTracking,
    TellTracking,
)
from crossdock.domain.events import AllocationsSeen, Event, OrderSeen, RefundSeen, ReturnSeen
from crossdock.domain.fulfilment import Allocation, ShippedLine, tracking_numbers
from crossdock.domain.order import order_key
from crossdock.domain.outcome import Conflict, Done, Outcome, OutcomeUnknown, Rejected
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Call, Follow, Operation, Repeat, Result, Untranslatable


async def push(client: Client, payload: Payload, call: Call) -> Result:
    """Tell the shop a shipment. Reads first: what is told under our tracking numbers already is not told again."""
    assert isinstance(payload, PushFulfilment)
    try:
        return Result(await _push(client, payload), throttle_s=client.throttle_s)
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)


async def _push(client: Client, payload: PushFulfilment) -> Outcome:
    shipment = payload.shipment
    whole = fulfilling.wanted(shipment)
    if not isinstance(whole, dict):
        return whole
    read = await client.fulfilment_state(payload.order_external_id)
    if read is None:
        return Rejected(
            "shopify.order_not_found",
            f"The shop does not show order {payload.order_external_id}.",
            hint="Orders older than 60 days need the scope read_all_orders.",
        )
    state, orders = read
    told = await _told(client, payload, state)
    rest = fulfilling.less(whole, _merged(told))
    if not rest:
        return Done(_refs(list(told)), repeated=True)
    if state.cancelled_at is not None:
        return Conflict("shopify.order_cancelled", f"Order {payload.order_external_id} is cancelled in the shop.")
    groups = fulfilling.allot(rest, orders)
    if not isinstance(groups, dict):
        return groups
    made = list(told)
    for location in sorted(groups):
        body = fulfilling.call_input(groups[location], shipment, payload.notify_customer)
        try:
            made.append(await client.create_fulfilment(body))
        except (Failed, NotSent) as error:
            if len(made) == len(told):
                raise
            # Whatever the refusal says of this call, something of the shipment was told: look before anything is sent.
            detail = f"told in part, as fulfilment {', '.join(made)}; then: {error}"
            return OutcomeUnknown(detail, "told_in_part")
    return Done(_refs(made), {"locations": sorted(groups)})


async def _told(client: Client, payload: PushFulfilment, state: FulfilmentState) -> dict[str, dict[str, int]]:
    """Standing fulfilments that carry one of our tracking numbers: number -> line id -> quantity.

    Those of our other shipments are left out: freight of several goes under one number.
    """
    numbers = set(tracking_numbers(payload.shipment))
    ours = [one for one in state.standing if any(track.number in numbers for track in one.tracking_info)]
    ids = [graph.number(one.id) for one in ours]
    return {
        id_: await client.fulfilled_lines(one.id)
        for id_, one in zip(ids, ours, strict=True)
        if id_ not in payload.others
    }


def _merged(told: dict[str, dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for lines in told.values():
        for line_id, quantity in lines.items():
            total[line_id] = total.get(line_id, 0) + quantity
    return total


def _refs(numbers: list[str]) -> dict[str, str]:
    return {"fulfillment" if index == 0 else f"fulfillment_{index + 1}": one for index, one in enumerate(numbers)}


async def find_push(client: Client, payload: Payload, call: Call) -> Result | None:
    """Is our earlier push there? By tracking number; a shipment without one by its very lines, told since it left.

    A tracked push that is there in part is answered with ``None``: sending it again tells only what is missing. Of an
    untracked one that cannot be known for certain, and telling it twice sends a second e-mail: a person decides.
    """
    assert isinstance(payload, PushFulfilment)
    try:
        read = await client.fulfilment_state(payload.order_external_id)
        if read is None:
            return None
        tracked = bool(tracking_numbers(payload.shipment))
        if tracked:
            told = await _told(client, payload, read[0])
        else:
            told = await _alike(client, payload, read[0])
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)
    whole = fulfilling.wanted(payload.shipment)
    if not told or not isinstance(whole, dict):
        return None
    if fulfilling.less(whole, _merged(told)):
        if tracked:
            return None
        detail = f"shipment {payload.shipment.id} has no tracking number and seems to be told in part: compare both"
        return Result(Conflict("shopify.told_in_part", detail, _refs(list(told))), throttle_s=client.throttle_s)
    return Result(Done(_refs(list(told)), repeated=True), throttle_s=client.throttle_s)


async def _alike(client: Client, payload: PushFulfilment, state: FulfilmentState) -> dict[str, dict[str, int]]:
    """Without a tracking number: untracked fulfilments made since the goods left that hold our lines only."""
    whole = fulfilling.wanted(payload.shipment)
    if not isinstance(whole, dict):
        return {}
    told: dict[str, dict[str, int]] = {}
    for one in state.standing:
        untracked = not any(track.number for track in one.tracking_info)
        if untracked and one.created_at >= payload.shipment.shipped_at:
            lines = await client.fulfilled_lines(one.id)
            if not fulfilling.less(lines, whole):
                told[graph.number(one.id)] = lines
    return told


async def read_back(client: Client, payload: Payload, call: Call) -> Result:
    """Read an order, or the fulfilment orders of the order that a signal pointed at. Changes nothing there."""
    assert isinstance(payload, ReadBack)
    try:
        if payload.kind == "order":
            return await _read_order(client, payload.external_id)
        if payload.kind == "return":
            return await _read_returns(client, payload.external_id)
        if payload.kind == captures.KIND:
            return await captures.read_payments(client, payload.external_id)
        if payload.kind == "fulfillment_order":
            return await _read_allocations(client, payload.external_id)
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)
    except Untranslatable as error:
        return Result(Rejected(error.code, error.detail, error.field, error.hint), throttle_s=client.throttle_s)
    return Result(Rejected("shopify.read_unknown", f"Shopify has nothing called {payload.kind!r} that is read back."))


async def _read_order(client: Client, order_id: str) -> Result:
    found = await client.order(order_id)
    if found is None:
        outcome = Rejected(
            "shopify.order_not_found",
            f"The shop does not show order {order_id}.",
            hint="It was deleted, or is older than 60 days and the app lacks the scope read_all_orders.",
        )
        return Result(outcome, throttle_s=client.throttle_s)
    try:
        told = graph.as_wire(*found, await client.refunds(found[0]))
        if refunds.ask_what_left(told):
            told = msgspec.structs.replace(told, fulfillments=await client.fulfilments(order_id))
        order, given = mapping.to_order(client.line.connection, told), mapping.to_refunds(told)
    except (ValueError, ArithmeticError) as error:  # an id that is no number, an amount beyond all decimals
        raise Failed(lost("answer_unexpected", f"Shopify's order {order_id} cannot be read: {error}", False)) from error
    # Refunds first: the view beside them wants less, and they say why.
    events: list[Event] = [RefundSeen(refund, client.line.connection) for refund in given]
    events.append(OrderSeen(order, authoritative=True))
    follows = tuple(Follow("order", order.key, event) for event in events)
    return Result(Done({"order": order_id}), follows, client.throttle_s)


async def _read_returns(client: Client, order_id: str) -> Result:
    found = await client.returns(order_id)
    if found is None:
        outcome = Rejected("shopify.order_not_found", f"The shop does not show order {order_id}.")
        return Result(outcome, throttle_s=client.throttle_s)
    key = order_key(client.line.connection, order_id)
    told = (one for one in map(returns.to_return, found) if one is not None)
    follows = tuple(Follow("order", key, ReturnSeen(one, client.line.connection)) for one in told)
    return Result(Done({"order": order_id}), follows, client.throttle_s)


async def _read_allocations(client: Client, fulfilment_order_id: str) -> Result:
    order_id = await client.order_of(fulfilment_order_id)
    read = await client.fulfilment_state(order_id) if order_id else None
    if order_id is None or read is None:
        # Merged, moved or split away since the signal: the signal of what replaced it tells the rest.
        return Result(Done(facts={"gone": True}), throttle_s=client.throttle_s)
    allocations = tuple(_allocation(order) for order in read[1])
    key = order_key(client.line.connection, order_id)
    follow = Follow("order", key, AllocationsSeen(allocations))
    return Result(Done({"order": order_id}), (follow,), client.throttle_s)


def _allocation(order: FulfilmentOrder) -> Allocation:
    return Allocation(
        id=graph.number(order.id),
        status=order.status.lower(),
        location_id=order.location_id,
        lines=tuple(
            ShippedLine(graph.number(line.line_item.id), Decimal(line.remaining_quantity), line.line_item.sku)
            for line in order.line_items.nodes
            if line.remaining_quantity
        ),
    )


OPERATIONS: dict[str, Operation] = {
    operation.purpose: operation
    for operation in (
        Operation(
            purpose=PushFulfilment.purpose,
            title="Tell the shop a shipment",
            repeat=Repeat.SEARCHABLE,  # fulfillmentCreate takes no idempotency key
            send=push,
            look_up=find_push,
            settle_s=10.0,
            lease_s=120.0,
            cost=30,
        ),
        Operation(
            purpose=TellTracking.purpose,
            title="Tell the shop how far parcels are",
            repeat=Repeat.SEARCHABLE,  # fulfillmentEventCreate takes no idempotency key, and makes a second event
            send=tracking.tell,
            look_up=tracking.find,
            settle_s=10.0,
            lease_s=120.0,
            cost=20,
        ),
        Operation(
            purpose=ReplaceTracking.purpose,
            title="Tell the shop of new labels",
            repeat=Repeat.SEARCHABLE,  # setting the same numbers again changes nothing, but may send another e-mail
            send=relabelling.replace,
            look_up=relabelling.find,
            settle_s=10.0,
            lease_s=120.0,
            cost=30,
        ),
        Operation(
            purpose=PushReturn.purpose,
            title="Tell the shop what came back",
            repeat=Repeat.SEARCHABLE,  # reverseFulfillmentOrderDispose takes no idempotency key, and disposes again
            send=disposing.tell,
            look_up=disposing.find,
            settle_s=10.0,
            lease_s=120.0,
            cost=30,
        ),
        Operation(
            purpose=PushRefund.purpose,
            title="Pay a credit of the ERP back",
            repeat=Repeat.UNIQUE,  # refundCreate is @idempotent
            send=pay_back,
            look_up=find_refund,
            settle_s=10.0,
            lease_s=120.0,
            cost=30,
        ),
        Operation(
            purpose=PublishInvoice.purpose,
            title="Show an invoice on the order",
            repeat=Repeat.UNIQUE,  # compareDigest null: made once, never changed
            send=publish_invoice,
            look_up=find_invoice,
            lease_s=120.0,
            cost=15,
        ),
        Operation(
            purpose=PublishStock.purpose,
            title="Show what is available",
            repeat=Repeat.UNIQUE,  # @idempotent, and compare-and-swap besides
            send=stocking.publish,
            lease_s=120.0,
            cost=15,
        ),
        Operation(
            purpose=ReadBack.purpose,
            title="Read an order or its fulfilment orders",
            repeat=Repeat.READ,
            send=read_back,
            cost=20,
        ),
    )
}


def open_client(line: Any) -> Client:
    """The shop's client on this line."""
    return Client(line)
