"""What ShipHero can be asked to do. Classifies every answer; raises only ``NotSent`` and ``AnswerLost``."""

from collections.abc import Awaitable, Callable
from typing import Any

from crossdock.connectors.shiphero import wire
from crossdock.connectors.shiphero.answers import Stopped
from crossdock.connectors.shiphero.client import TIMEOUT_S, ShipHero
from crossdock.connectors.shiphero.manifest import STOCK
from crossdock.connectors.shiphero.mapping import order_input, ships, standing, wanted
from crossdock.connectors.shiphero.positions import read_stock
from crossdock.connectors.shiphero.returns import RETURN, announce, announced, read_return, recall
from crossdock.connectors.shiphero.shipments import read_shipments
from crossdock.domain.commands import AnnounceReturn, CancelRelease, Payload, ReadBack, RecallReturn, ReleaseOrder
from crossdock.domain.events import SHIPMENTS
from crossdock.domain.outcome import Conflict, Done, Outcome, Rejected
from crossdock.kit.manifest import Call, Follow, Operation, Repeat, Result

# Not documented by the vendor: longer than its time-outs (20 s) plus the lag of its order search.
SETTLE_S = 30.0
LEASE_S = 60.0
CANCELLED = frozenset({"canceled", "cancelled"})

Send = Callable[[ShipHero, Any, Call], Awaitable[Result]]


def classified(send: Send) -> Callable[[Any, Payload, Call], Awaitable[Result]]:
    """Turn what stopped a call into its outcome."""

    async def sent(client: ShipHero, payload: Any, call: Call) -> Result:
        try:
            return await send(client, payload, call)
        except Stopped as stopped:
            return Result(stopped.outcome)

    return sent


async def _release(client: ShipHero, payload: ReleaseOrder, call: Call) -> Result:
    refused = _unshippable(payload)
    if refused is not None:
        return Result(refused)
    variables = {"data": order_input(payload, client.settings)}
    created = await client.ask(wire.ORDER_CREATE, variables, wire.OrderCreated, writes=True)
    return Result(Done(_refs(created.order_create.order)))


def _unshippable(payload: ReleaseOrder) -> Outcome | None:
    """What ShipHero would take and then never ship: named before anything leaves."""
    order = payload.order
    lines = [line for line in order.lines if ships(line)]
    if not lines:
        return Rejected("nothing_to_ship", f"order {order.key} has no line that ships", "lines")
    for line in lines:
        if not line.sku:
            hint = "Give the product a SKU in the channel and retry."
            return Rejected(
                "sku_missing", f"line {line.id} ({line.title}) of order {order.key} has no SKU", "lines.sku", hint
            )
        if wanted(line) != int(wanted(line)):
            detail = f"line {line.id} of order {order.key}: ShipHero ships whole units only, not {wanted(line)}"
            return Rejected("quantity_not_whole", detail, "lines.quantity")
    if order.ship_to is None or not order.ship_to.line1:
        hint = "Complete the address in the channel and retry."
        return Rejected("address_missing", f"order {order.key} has no shipping address", "ship_to", hint)
    return None


async def _find(client: ShipHero, order_key: str) -> list[wire.OrderRef]:
    """Orders under our key; the filter of the vendor is not trusted to be exact."""
    found = await client.ask(wire.ORDERS, {"partner": order_key}, wire.OrdersFound)
    return [order for order in found.orders.data.nodes if order.partner_order_id == order_key]


async def _released(client: ShipHero, payload: Any, call: Call) -> Result | None:
    """Our earlier send, if it arrived. ShipHero takes the same order twice, so two are told, never chosen from."""
    try:
        found = await _find(client, payload.order.key)
    except Stopped as stopped:
        return Result(stopped.outcome)
    standing = [order for order in found if (order.fulfillment_status or "").lower() not in CANCELLED] or found
    if not standing:
        return None
    if len(standing) > 1:
        ids = ", ".join(order.id for order in standing)
        detail = f"ShipHero holds order {payload.order.key} {len(standing)} times ({ids}): cancel all but one there"
        return Result(Conflict("ordered_twice", detail, {"order": standing[0].id}))
    return Result(Done(_refs(standing[0]), repeated=True))


async def _cancel(client: ShipHero, payload: CancelRelease, call: Call) -> Result:
    """Reads first: cancelling again is then no error, and a shipped order is not asked about."""
    found = await _find(client, payload.order_key)
    if not found:
        detail = f"ShipHero has no order {payload.order_key} to cancel"
        return Result(Rejected("not_there", detail, hint="Was it released, or removed by hand?"))
    standing = [order for order in found if (order.fulfillment_status or "").lower() not in CANCELLED]
    if not standing:
        return Result(Done(_refs(found[0]), repeated=True))
    for order in standing:
        if (order.fulfillment_status or "").lower() == "fulfilled":
            return Result(Rejected("already_shipped", f"ShipHero has shipped order {payload.order_key}"))
        reason = payload.reason or "Cancelled by the channel"
        variables = {"data": {"order_id": order.id, "reason": reason}}
        await client.ask(wire.ORDER_CANCEL, variables, wire.OrderCancelled, writes=True)
    return Result(Done(_refs(standing[0])))


async def _read_back(client: ShipHero, payload: ReadBack, call: Call) -> Result:
    """What a signal named: an order's id of ShipHero's, an order whose shipments changed, SKUs, a return."""
    if payload.kind == STOCK:
        return await read_stock(client, payload.external_id)
    if payload.kind == SHIPMENTS:
        return await read_shipments(client, payload.external_id)
    if payload.kind == RETURN:
        return await read_return(client, payload.external_id)
    read = await client.ask(wire.ORDER, {"id": payload.external_id}, wire.OrderRead)
    order = read.order.data
    if order is None:
        return Result(Rejected("not_there", f"ShipHero has no order {payload.external_id}"))
    if not order.partner_order_id:
        return Result(Rejected("not_ours", f"ShipHero's order {payload.external_id} carries no order key of ours"))
    seen = standing(client.line.connection, order)
    return Result(Done(_refs(order)), (Follow("order", order.partner_order_id, seen),))


def _refs(order: wire.OrderRef) -> dict[str, str]:
    refs = {"order": order.id}
    if order.legacy_id is not None:
        refs["orderNumber"] = str(order.legacy_id)
    return refs


OPERATIONS = {
    operation.purpose: operation
    for operation in (
        Operation(
            ReleaseOrder.purpose,
            "Create the order in ShipHero",
            Repeat.SEARCHABLE,
            classified(_release),
            _released,
            settle_s=SETTLE_S,
            lease_s=LEASE_S,
            timeout_s=TIMEOUT_S,
            cost=5,
        ),
        Operation(
            CancelRelease.purpose,
            "Cancel the order in ShipHero",
            Repeat.UNIQUE,
            classified(_cancel),
            lease_s=LEASE_S,
            timeout_s=TIMEOUT_S,
            cost=10,
        ),
        Operation(
            AnnounceReturn.purpose,
            "Announce a return to ShipHero",
            Repeat.SEARCHABLE,
            classified(announce),
            announced,
            settle_s=SETTLE_S,
            lease_s=LEASE_S,
            timeout_s=TIMEOUT_S,
            cost=5,
        ),
        Operation(
            RecallReturn.purpose,
            "Call a return off in ShipHero",
            Repeat.UNIQUE,
            classified(recall),
            lease_s=LEASE_S,
            timeout_s=TIMEOUT_S,
            cost=10,
        ),
        Operation(
            ReadBack.purpose,
            "Read an order, a return or stock in ShipHero",
            Repeat.READ,
            classified(_read_back),
            lease_s=LEASE_S,
            timeout_s=TIMEOUT_S,
            cost=3,
        ),
    )
}
