"""An invoice of the ERP, shown on the order: one metafield of its own, written only where there is none.

``metafieldsSet`` with ``compareDigest: null`` makes a metafield and never changes one: of two equal calls the second is
refused, which is read as "already there" if what stands there is what was to be written. Class UNIQUE.
Source: Admin API 2026-10, ``metafieldsSet`` (compare-and-set since 2024-07), ``MetafieldsSetInput``.
"""

import re
from hashlib import blake2s

import msgspec

from crossdock.connectors.shopify.answers import Failed, lost
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.graph import gid
from crossdock.domain.commands import Payload, PublishInvoice
from crossdock.domain.fulfilment import Invoice
from crossdock.domain.outcome import Conflict, Done, Outcome, Rejected
from crossdock.kit.manifest import Call, Result

NAMESPACE = "crossdock"
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,50}")  # a key has 2 to 64 of these
_encode = msgspec.json.Encoder().encode


async def publish_invoice(client: Client, payload: Payload, call: Call) -> Result:
    """Write the invoice's metafield, unless it stands."""
    assert isinstance(payload, PublishInvoice)
    try:
        return Result(await _publish(client, payload, call), throttle_s=client.throttle_s)
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)


async def find_invoice(client: Client, payload: Payload, call: Call) -> Result | None:
    """The metafield that an earlier send wrote."""
    assert isinstance(payload, PublishInvoice)
    try:
        found = await _there(client, payload)
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)
    return None if found is None else Result(found, throttle_s=client.throttle_s)


async def _publish(client: Client, payload: PublishInvoice, call: Call) -> Outcome:
    if call.tries and (found := await _there(client, payload)) is not None:
        return found
    metafield = {
        "ownerId": gid("Order", payload.order_external_id),
        "namespace": NAMESPACE,
        "key": key_of(payload.invoice),
        "type": "json",
        "value": _encode(value_of(payload.invoice)).decode(),
        "compareDigest": None,
    }
    refused = await client.set_metafield(metafield)
    if not refused:
        return Done({"metafield": key_of(payload.invoice)})
    found = await _there(client, payload)
    if found is not None:
        return found
    text = "; ".join(error.message for error in refused[:3])
    return Rejected("shopify.metafield_refused", text, ".".join(refused[0].field or ()) or None)


async def _there(client: Client, payload: PublishInvoice) -> Outcome | None:
    """Ours as it was to be written, another one under its name, or none."""
    key = key_of(payload.invoice)
    value = await client.metafield(payload.order_external_id, NAMESPACE, key)
    if value is None:
        return None
    try:
        told = msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise Failed(lost("answer_unexpected", f"The metafield {key} holds no JSON: {error}", False)) from error
    if told == value_of(payload.invoice):
        return Done({"metafield": key}, repeated=True)
    detail = f"order {payload.order_external_id} has a metafield {NAMESPACE}.{key} that says something else"
    return Conflict("shopify.metafield_differs", detail, {"metafield": key})


def key_of(invoice: Invoice) -> str:
    """The same over all repeats, another one for every invoice."""
    if _SAFE.fullmatch(invoice.id):
        return f"invoice_{invoice.id}"
    return f"invoice_{blake2s(invoice.id.encode(), digest_size=12).hexdigest()}"


def value_of(invoice: Invoice) -> dict[str, str]:
    """What is shown of an invoice: text, so that no reader makes a float of an amount."""
    return {
        "number": invoice.number,
        "invoiced_at": invoice.invoiced_at.isoformat(),
        "total": f"{invoice.total:f}",
        "currency": invoice.currency,
    }
