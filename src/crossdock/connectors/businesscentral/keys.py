"""Our key on Business Central's documents, and the marks by which a posted document is known to be ours.

``externalDocumentNumber`` is a Code field: 35 characters, kept in capitals. It is not unique there; posted shipments
and invoices inherit it. (Vendor facts, idempotency.)
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2s
from typing import Any

from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.connectors.businesscentral.wire import OrderLine, PostedLine
from crossdock.domain.commands import MakeInvoice, PostShipment
from crossdock.domain.outcome import Rejected

LONGEST = 35
LONGEST_TEXT = 100  # of a line's description
_LONGEST_ID = 60
_REFUND = "Refund "
_AFTER = " / "  # what follows a mark in its line is for people


def stored_key(order_key: str, settings: Mapping[str, Any]) -> str:
    """The external document number of an order. Raises ``Unbookable`` for a key that would not come back whole."""
    stored = order_key.upper()
    if len(stored) <= LONGEST and restored_key(stored, settings) == order_key:
        return stored
    detail = f"order key {order_key!r} cannot be an external document number"
    hint = (
        f"At most {LONGEST} characters, no small letters in the channel's order id, and the channel's connection "
        "in the setting `order_prefixes`."
    )
    raise Unbookable(Rejected("external_id_refused", detail, "external_id", hint))


def restored_key(stored: str, settings: Mapping[str, Any]) -> str | None:
    """The order's key from an external document number; None for a document of other people."""
    for prefix in sorted(settings.get("order_prefixes") or (), key=len, reverse=True):
        if stored.upper().startswith(f"{prefix.upper()}-"):
            return f"{prefix}{stored[len(prefix) :]}"
    return None


def shipment_mark(command: PostShipment) -> str:
    return f"Shipment {_short(command.shipment.id)}"


def shipment_text(command: PostShipment) -> str:
    """The mark and, for people, who carries what."""
    words = [
        " ".join(word for word in (package.carrier, package.tracking_number) if word)
        for package in command.shipment.packages
    ]
    return _AFTER.join([shipment_mark(command), *(word for word in words if word)])[:LONGEST_TEXT].rstrip()


def invoice_mark(command: MakeInvoice) -> str:
    """One invoice per set of shipments; without shipments, one per order."""
    ids = sorted(command.shipment_ids)
    if not ids:
        return "Invoice of the order"
    if len(ids) == 1:
        return f"Invoice of shipment {_short(ids[0])}"
    return f"Invoice of {len(ids)} shipments {_digest(','.join(ids))}"


def refund_mark(refund_id: str) -> str:
    """The first line of a credit memo: which refund it is. Posted, it is known by it."""
    return f"{_REFUND}{_short(refund_id)}"


def marked_refund(lines: Sequence[PostedLine] | None) -> str | None:
    """The refund that a credit memo was made for; None for one of other people's."""
    texts = (line.description for line in lines or () if line.line_type == "Comment")
    found = next((text for text in texts if text.startswith(_REFUND)), None)
    return None if found is None else found.removeprefix(_REFUND).partition(_AFTER)[0]


def is_marked(lines: Sequence[PostedLine | OrderLine] | None, mark: str) -> bool:
    texts: Iterable[str] = (line.description for line in lines or () if line.line_type == "Comment")
    return any(text == mark or text.startswith(mark + _AFTER) for text in texts)


def _short(shipment_id: str) -> str:
    plain = shipment_id.strip()
    return shipment_id if plain == shipment_id and len(plain) <= _LONGEST_ID and _AFTER not in plain else _digest(plain)


def _digest(text: str) -> str:
    return blake2s(text.encode(), digest_size=6).hexdigest()
