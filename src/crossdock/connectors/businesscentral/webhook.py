"""Business Central's notifications: proven by a word that only we and it know, and never more than a hint.

They carry no signature. What is known is ``clientState``, which we chose when we subscribed and which each notification
repeats: it is derived from the connection's secret, so that what is stored of a message does not hold the secret. A
forged one could do no more than make us read. Source: the vendor's page on webhooks, read in November 2026.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

import msgspec

from crossdock.connectors.businesscentral.answers import UNREADABLE
from crossdock.domain.events import SignalSeen
from crossdock.kit.manifest import Identity, Refused, Untranslatable, Webhook

TOPIC = "notification"
KIND = "salesInvoices"
GREETING = "validationToken"
LONGEST_STATE = 2048


class _Proof(msgspec.Struct, frozen=True, rename="camel"):
    client_state: str


class _Proofs(msgspec.Struct, frozen=True):
    value: list[_Proof]


class _Note(msgspec.Struct, frozen=True, rename="camel"):
    resource: str
    change_type: str
    last_modified_date_time: datetime


class _Notes(msgspec.Struct, frozen=True):
    value: list[_Note]


_proofs = msgspec.json.Decoder(_Proofs).decode
_notes = msgspec.json.Decoder(_Notes).decode


def client_state(secret: str) -> str:
    """What we ask Business Central to repeat in every notification."""
    return hmac.digest(secret.encode(), b"crossdock/businesscentral/clientState", "sha256").hex()


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Every notification in the body repeats our word, that of any active secret; raises ``Refused`` (401)."""
    right = [client_state(secret).encode() for secret in secrets if secret]
    try:
        told = [proof.client_state.encode("utf-8", "surrogatepass") for proof in _proofs(body).value]
    except UNREADABLE:
        raise Refused("signature_missing", "The body holds no notifications with a clientState.") from None
    proven = bool(told)
    for each in told:
        proven &= any(hmac.compare_digest(each, known) for known in right)
    if not proven:
        raise Refused("signature_invalid", "The clientState is that of none of the active webhook secrets.")


def identify(connection: str, headers: Mapping[str, str], body: bytes) -> Identity:
    """One stream for all notifications: they are read back together. Deliveries have no id of their own."""
    try:
        _earliest(body)
    except UNREADABLE as error:
        raise Refused("malformed", f"not a notification: {error}", 400) from None
    return Identity(sha256(body).hexdigest(), TOPIC, "signal", f"{connection}:{KIND}")


def signal(connection: str, body: bytes) -> SignalSeen:
    """Read what has changed since the earliest change that is told of."""
    try:
        since = _earliest(body)
    except UNREADABLE as error:
        raise Untranslatable("unreadable_notification", f"the notification cannot be read: {error}", "body") from error
    return SignalSeen(connection, KIND, since.isoformat(), sha256(body).hexdigest()[:16])


def _earliest(body: bytes) -> datetime:
    notes = _notes(body).value
    if not notes:
        raise msgspec.ValidationError("it holds no notification")
    instants = [note.last_modified_date_time for note in notes]
    if any(instant.tzinfo is None for instant in instants):
        raise msgspec.ValidationError("an instant without a zone")
    try:
        return min(instants).astimezone(UTC)
    except OverflowError as error:
        raise msgspec.ValidationError("an instant at an end of the calendar") from error


WEBHOOK = Webhook(verify, identify, ("webhook_secret", "webhook_secret_previous"), GREETING)
