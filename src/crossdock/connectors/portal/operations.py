"""What a portal can be asked to do: show a shipment, an invoice, stock, what came back.

It absorbs a repeated ``webhook-id``: that is its part."""

import msgspec

from crossdock.connectors.portal.client import TIMEOUT_S, Portal
from crossdock.domain.commands import Payload, PublishInvoice, PublishStock, PushFulfilment, PushReturn, ReplaceTracking
from crossdock.domain.outcome import Done
from crossdock.kit.manifest import Call, Operation, Repeat, Result


async def push(client: Portal, payload: Payload, call: Call) -> Result:
    """Tell of a shipment. A portal without a callback asks for the order's state: there is nothing to send."""
    assert isinstance(payload, PushFulfilment)
    told = {
        "type": "order.shipped",
        "external_id": payload.order_external_id,
        "shipment": msgspec.to_builtins(payload.shipment),
        "notify_customer": payload.notify_customer,
    }
    return await _tell(client, call, told)


async def replace_tracking(client: Portal, payload: Payload, call: Call) -> Result:
    """Tell of labels that were made anew: the shipment is the one that was told, with the parcels as they are now."""
    assert isinstance(payload, ReplaceTracking)
    told: dict[str, object] = {
        "type": "order.relabelled",
        "external_id": payload.order_external_id,
        "shipment": msgspec.to_builtins(payload.shipment),
        "was": payload.was,
        "notify_customer": payload.notify_customer,
    }
    return await _tell(client, call, told)


async def publish(client: Portal, payload: Payload, call: Call) -> Result:
    """Tell how many units a place of the portal may show. One without a callback asks: the partner API answers with
    the number that is settled here. Numbers carry a version; a portal keeps the highest."""
    assert isinstance(payload, PublishStock)
    told: dict[str, object] = {
        "type": "stock.level",
        "sku": payload.sku,
        "location": payload.location,
        "available": payload.quantity,
        "version": payload.version,
    }
    return await _tell(client, call, told)


async def publish_invoice(client: Portal, payload: Payload, call: Call) -> Result:
    """Tell of an invoice. A portal without a callback asks for the order's state, which names it."""
    assert isinstance(payload, PublishInvoice)
    invoice = msgspec.to_builtins(payload.invoice)
    told = {"type": "order.invoiced", "external_id": payload.order_external_id, "invoice": invoice}
    return await _tell(client, call, told)


async def push_return(client: Portal, payload: Payload, call: Call) -> Result:
    """Tell what came back of a return, all that is known. A portal keeps what the highest number says."""
    assert isinstance(payload, PushReturn)
    told: dict[str, object] = {
        "type": "order.returned",
        "external_id": payload.order_external_id,
        "number": payload.return_id,
        "version": payload.number,
        "finished": payload.receipt.finished,
        "lines": [
            {"id": row.line_id, "sku": row.sku, "received": row.received, "restocked": row.restocked}
            for row in payload.receipt.rows
        ],
    }
    return await _tell(client, call, told)


async def _tell(client: Portal, call: Call, told: dict[str, object]) -> Result:
    """A portal without a callback is told nothing: it asks."""
    if not client.callback:
        return Result(Done(facts={"told": "nothing: the portal has no callback_url and asks itself"}))
    return Result(await client.tell(call.idempotency_key, told))


OPERATIONS = {
    PublishStock.purpose: Operation(
        purpose=PublishStock.purpose,
        title="Tell the portal what is available",
        repeat=Repeat.UNIQUE,
        send=publish,
        lease_s=60.0,
        timeout_s=TIMEOUT_S,
    ),
    PublishInvoice.purpose: Operation(
        purpose=PublishInvoice.purpose,
        title="Tell the portal of an invoice",
        repeat=Repeat.UNIQUE,
        send=publish_invoice,
        lease_s=60.0,
        timeout_s=TIMEOUT_S,
    ),
    PushReturn.purpose: Operation(
        purpose=PushReturn.purpose,
        title="Tell the portal what came back",
        repeat=Repeat.UNIQUE,
        send=push_return,
        lease_s=60.0,
        timeout_s=TIMEOUT_S,
    ),
    PushFulfilment.purpose: Operation(
        purpose=PushFulfilment.purpose,
        title="Tell the portal of a shipment",
        repeat=Repeat.UNIQUE,
        send=push,
        lease_s=60.0,
        timeout_s=TIMEOUT_S,
    ),
    ReplaceTracking.purpose: Operation(
        purpose=ReplaceTracking.purpose,
        title="Tell the portal of new labels",
        repeat=Repeat.UNIQUE,
        send=replace_tracking,
        lease_s=60.0,
        timeout_s=TIMEOUT_S,
    ),
}
