"""Proof and naming of Shopify's webhooks: pure functions over raw bytes, a few microseconds each.

Signature: base64 of HMAC-SHA256 over the raw body with the app's client secret; after a rotation the old secret
may sign for up to an hour, so two are active. Source: shopify.dev "verify deliveries", read 2026-09.
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b

import msgspec

from crossdock.connectors.shopify.topics import (
    HANDLING,
    IGNORED,
    ORDER,
    PARCEL,
    PRIVACY,
    SIGNAL_FULFILMENT_ORDER,
    SIGNAL_RETURN,
)
from crossdock.connectors.shopify.wire import Instant
from crossdock.domain.order import order_key
from crossdock.kit.manifest import Identity, Refused

_KEPT = ("x-shopify-event-id", "x-shopify-triggered-at", "x-shopify-shop-domain", "x-shopify-api-version")


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where an order goes: what of an address tells two views of it apart."""

    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    zip: str | None = None
    country_code: str | None = None


class Money(msgspec.Struct, frozen=True, gc=False):
    """What of an order's money tells two views of it apart: a part that is captured or paid back leaves the status
    where the part before it had put it."""

    total: str | None = None  # after edits and what was taken off
    outstanding: str | None = None
    refunded: str | None = None  # in the customer's currency, the others in the shop's


class _OrderHead(msgspec.Struct, frozen=True, gc=False):
    """The little of an order that names a view of it. The rest is skipped, not built.

    What only tells views of one second apart is raw: an order with an odd note is stored, not refused.
    """

    id: int
    updated_at: Instant
    financial_status: str | None = None
    cancelled_at: str | None = None
    total_price: msgspec.Raw = msgspec.Raw(b"null")
    current_total_price: msgspec.Raw = msgspec.Raw(b"null")
    total_outstanding: msgspec.Raw = msgspec.Raw(b"null")
    refunds: msgspec.Raw = msgspec.Raw(b"null")
    note: msgspec.Raw = msgspec.Raw(b"null")
    tags: msgspec.Raw = msgspec.Raw(b"null")
    shipping_address: msgspec.Raw = msgspec.Raw(b"null")


class _Payment(msgspec.Struct, frozen=True):
    kind: str
    status: str
    amount: str


class _Refund(msgspec.Struct, frozen=True):
    transactions: tuple[_Payment, ...] = ()

    def paid(self) -> Decimal:
        """What has gone back, in the customer's currency: a webhook tells it in no other."""
        went = (one for one in self.transactions if one.kind == "refund" and one.status == "success")
        return sum((Decimal(one.amount) for one in went), Decimal(0))


class _Subject(msgspec.Struct, frozen=True):
    id: int


class _Named(msgspec.Struct, frozen=True):
    id: int | str


class _Merge(msgspec.Struct, frozen=True):
    fulfillment_order: _Named


class _FulfilmentOrderHead(msgspec.Struct, frozen=True):
    """Each topic wraps the fulfilment order under a name of its own."""

    fulfillment_order: _Named | None = None
    moved_fulfillment_order: _Named | None = None
    original_fulfillment_order: _Named | None = None
    replacement_fulfillment_order: _Named | None = None
    remaining_fulfillment_order: _Named | None = None
    fulfillment_order_merges: tuple[_Merge, ...] = ()

    def subject(self) -> _Named | None:
        merged = self.fulfillment_order_merges[0].fulfillment_order if self.fulfillment_order_merges else None
        return (
            self.fulfillment_order
            or self.moved_fulfillment_order
            or self.original_fulfillment_order
            or self.replacement_fulfillment_order
            or self.remaining_fulfillment_order
            or merged
        )


class _Edit(msgspec.Struct, frozen=True):
    order_id: int


class _OfOrder(msgspec.Struct, frozen=True):
    """A refund and a transaction name their order themselves, an edit and a return do it one level down."""

    order_id: int | None = None
    order_edit: _Edit | None = None
    order: _Named | None = None


_order_head = msgspec.json.Decoder(_OrderHead).decode
_subject = msgspec.json.Decoder(_Subject, strict=False).decode
_fulfilment_order_head = msgspec.json.Decoder(_FulfilmentOrderHead).decode
_of_order = msgspec.json.Decoder(_OfOrder).decode
_text = msgspec.json.Decoder(str | None).decode
_place = msgspec.json.Decoder(Place | None).decode
_refunds = msgspec.json.Decoder(tuple[_Refund, ...] | None).decode
_encode = msgspec.json.Encoder().encode


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Prove the delivery with any of the active secrets, in constant time; raises ``Refused`` (401)."""
    told = headers.get("x-shopify-hmac-sha256")
    if not told:
        raise Refused("signature_missing", "The header X-Shopify-Hmac-SHA256 is missing.")
    claimed = told.encode("utf-8", "surrogateescape")
    proven = False
    for secret in secrets:
        if secret:  # an unset previous secret must never sign anything
            right = base64.b64encode(hmac.digest(secret.encode(), body, "sha256"))
            proven |= hmac.compare_digest(right, claimed)
    if not proven:
        raise Refused("signature_invalid", "The signature fits none of the active webhook secrets.")


def identify(connection: str, headers: Mapping[str, str], body: bytes) -> Identity:
    """Name the delivery, its topic and its stream; raises ``Refused`` (400) for what cannot be named.

    Intake has checked that the body is sound JSON (text, numbers, depth, keys told once) before it asks.
    """
    delivery_id = headers.get("x-shopify-webhook-id")
    topic = headers.get("x-shopify-topic")
    if not delivery_id or not topic:
        raise _bad("header_missing", "X-Shopify-Webhook-Id and X-Shopify-Topic are needed to name a delivery.")
    handling = HANDLING.get(topic)
    if handling is None:
        raise _bad("topic_unsupported", f"This connection does not take the topic {topic!r}: remove the subscription.")
    kept = {name: headers[name] for name in _KEPT if name in headers}
    try:
        if handling == ORDER:
            return _order(connection, delivery_id, topic, kept, body)
        if handling == PARCEL:
            key = order_key(connection, order_id_of(body))
            return Identity(delivery_id, topic, "order", key, headers=kept)
        if handling == PRIVACY:  # each delivery its own: replayed, it finds what a person has settled
            msgspec.json.decode(body)
            return Identity(delivery_id, topic, "privacy", f"{connection}:privacy:{delivery_id}", headers=kept)
        key = _signal_key(connection, handling, delivery_id, body)
    except msgspec.ValidationError as error:
        raise _bad("body_unnameable", f"The body does not name its subject: {error}") from error
    except RecursionError as error:
        raise _bad("json_too_deep", "The body is nested too deeply.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad("json_malformed", f"The body is not JSON: {error}") from error
    return Identity(delivery_id, topic, "signal", key, headers=kept)


def _order(connection: str, delivery_id: str, topic: str, kept: dict[str, str], body: bytes) -> Identity:
    order_id, view = _view(body)
    return Identity(delivery_id, topic, "order", order_key(connection, order_id), (view,), kept)


def _view(body: bytes) -> tuple[str, str]:
    """The order's id, and what this view of it is called.

    Only the id is needed: where another field is not as it was, the bytes themselves name the view. Refused, it would
    be stored nowhere, and after eight refusals Shopify deletes the subscription; stored, translating tells a person
    which field it is. The poll calls the view by another name, and it is read once more.
    """
    try:
        head = _order_head(body)
        state = state_of(head.financial_status, head.cancelled_at)
        order_id = str(head.id)
        return order_id, content_id(order_id, head.updated_at, state, _print(head))
    except (msgspec.ValidationError, OverflowError):  # the latter: an instant at an end of the calendar
        order_id = str(_subject(body).id)
        return order_id, f"order/{order_id}#{blake2b(body, digest_size=16).hexdigest()}"


def _print(head: _OrderHead) -> str:
    try:
        tags = (_text(head.tags) or "").split(", ")
        return print_of(_money(head), _text(head.note), tags, _place(head.shipping_address))
    except (msgspec.DecodeError, ArithmeticError):  # the poll calls this view by another name, and it is read once more
        raw = (head.total_price, head.current_total_price, head.total_outstanding, head.refunds)
        return blake2b(b"".join((*raw, head.note, head.tags, head.shipping_address)), digest_size=6).hexdigest()


def _money(head: _OrderHead) -> Money:
    total = _text(head.current_total_price) or _text(head.total_price)
    refunded = sum((one.paid() for one in _refunds(head.refunds) or ()), Decimal(0)) if head.refunds != b"[]" else 0
    return Money(total, _text(head.total_outstanding), str(refunded))


def state_of(financial_status: str | None, cancelled_at: str | None) -> str:
    """How far a view of an order is, in one word."""
    return "cancelled" if cancelled_at is not None else (financial_status or "pending").lower()


def print_of(money: Money, note: str | None, tags: Sequence[str], to: Place | None) -> str:
    """What tells two views of one second and state apart, in a few letters that reveal nothing of it."""
    amounts = tuple(_amount(one) for one in (money.total, money.outstanding, money.refunded))
    told = _encode((*amounts, note or "", sorted(filter(None, tags)), to))
    return blake2b(told, digest_size=6).hexdigest()


def _amount(told: str | None) -> str:
    """9.40 in a webhook is 9.4 in an answer of the Admin API; nothing at all is nothing said."""
    amount = told.rstrip("0").rstrip(".") if told and "." in told else told or ""
    return "" if amount == "0" else amount


def content_id(order_id: str, updated_at: datetime, state: str, told: str) -> str:
    """What a poll and a webhook of the same view of one order both call it.

    ``updated_at`` has whole seconds, and within one an order is often created and paid, placed and then corrected by
    an app, or refunded in two parts: ``state_of`` and ``print_of`` tell such views apart, so that a lost one is found
    by the poll.
    """
    second = _encode(updated_at.astimezone(UTC))[1:20].decode()  # a quarter of what strftime costs
    return f"order/{order_id}@{second}Z/{state}/{told}"


def _signal_key(connection: str, handling: str, delivery_id: str, body: bytes) -> str:
    if handling == IGNORED:
        msgspec.json.decode(body)
        return f"{connection}:ignored:{delivery_id}"
    if handling == SIGNAL_FULFILMENT_ORDER:
        return f"{connection}:fulfillment_order:{fulfilment_order_id(body)}"
    if handling == SIGNAL_RETURN:
        return f"{connection}:return:{order_id_of(body)}"
    return f"{connection}:order:{order_id_of(body)}"


def fulfilment_order_id(body: bytes) -> str:
    """The fulfilment order a ``fulfillment_orders/*`` body is about; raises ``msgspec.ValidationError``."""
    subject = _fulfilment_order_head(body).subject()
    if subject is None:
        raise msgspec.ValidationError("no fulfillment order in it")
    return str(subject.id).rpartition("/")[2]


def order_id_of(body: bytes) -> str:
    """The order that a refund, return, transaction or edit belongs to; raises ``msgspec.ValidationError``."""
    head = _of_order(body)
    found = head.order_edit.order_id if head.order_edit else head.order_id
    if found is None and head.order is not None:
        return str(head.order.id).rpartition("/")[2]
    if found is None:
        raise msgspec.ValidationError("no order_id in it")
    return str(found)


def _bad(code: str, detail: str) -> Refused:
    return Refused(code, detail, status=400)
