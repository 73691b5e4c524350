"""How ShipHero's webhooks are proven and named. Pure functions over raw bytes."""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec

from crossdock.connectors.shiphero.manifest import (
    INVENTORY_UPDATE,
    MANIFEST,
    RETURN_UPDATE,
    SHIPMENT_UPDATE,
    STATUSES,
    STOCK,
)
from crossdock.connectors.shiphero.mapping import content_id, named_skus
from crossdock.connectors.shiphero.returns import RETURN, Hook, receipt_of_hook
from crossdock.connectors.shiphero.returns import content_id as return_content
from crossdock.connectors.shiphero.wire import HookSubject
from crossdock.kit.manifest import Identity, Refused, Untranslatable, Webhook

SIGNATURE = "x-shiphero-hmac-sha256"
MESSAGE_ID = "x-shiphero-message-id"


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Base64 of HMAC-SHA256 over the raw body, by any active secret. Source: vendor's webhook page."""
    signature = headers.get(SIGNATURE, "").encode("utf-8", "replace")
    if not signature:
        raise Refused("signature_missing", f"the header {SIGNATURE} is missing")
    for secret in (part.strip() for several in secrets for part in several.split(",")):
        if secret and hmac.compare_digest(b64encode(hmac.digest(secret.encode(), body, sha256)), signature):
            return
    raise Refused("signature_wrong", "the signature does not fit the body under any active secret")


def identify(connection: str, headers: Mapping[str, str], body: bytes) -> Identity:
    """The order is the stream, by our own key; a message that names only ShipHero's order id is read back."""
    try:
        subject = msgspec.json.decode(body, type=HookSubject)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("malformed", f"not a ShipHero webhook: {error}", 400) from None
    topic = subject.webhook_type
    delivery = headers.get(MESSAGE_ID) or sha256(body).hexdigest()
    if topic == INVENTORY_UPDATE:
        return Identity(
            delivery, topic, "signal", f"{connection}:{STOCK}:{named_skus(one.sku for one in subject.inventory)}"
        )
    if topic == RETURN_UPDATE:
        return _return(connection, delivery, subject, body)
    if topic != SHIPMENT_UPDATE and topic not in STATUSES:
        known = "unused" if topic in MANIFEST.topics else "unknown"
        return Identity(delivery, topic, "signal", f"{connection}:{known}:{topic}"[:300])
    shipped = subject.fulfillment
    labels = [package.tracking_number for package in subject.packages] or [shipped.tracking_number]
    also = () if shipped.shipment_id is None else (content_id(shipped.shipment_id, labels),)
    order_key = subject.partner_order_id or shipped.partner_order_id
    if order_key:
        return Identity(delivery, topic, "order", order_key, also)
    uuid = subject.order_uuid or shipped.order_uuid
    if not uuid:
        raise Refused("no_subject", "the webhook names no order", 400)
    return Identity(delivery, topic, "signal", f"{connection}:order:{uuid}")


def _return(connection: str, delivery: str, subject: HookSubject, body: bytes) -> Identity:
    """A return belongs to its order. Its state has a content id, which the poll of it has too, where it can be read."""
    also: tuple[str, ...] = ()
    try:
        receipt = receipt_of_hook(msgspec.json.decode(body, type=Hook))
        also = (return_content(receipt),)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Untranslatable):
        receipt = None  # kept: translating says what is wrong with it
    if subject.partner_order_id:
        return Identity(delivery, RETURN_UPDATE, "order", subject.partner_order_id, also)
    if receipt is None:
        raise Refused("no_subject", "the webhook names neither an order nor a return", 400)
    return Identity(delivery, RETURN_UPDATE, "signal", f"{connection}:{RETURN}:{receipt.id}", also)


WEBHOOK = Webhook(verify, identify, ("webhook_secret", "webhook_secret_previous"))
