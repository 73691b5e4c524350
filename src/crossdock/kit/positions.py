"""Stock positions as polls and webhooks of ERPs and warehouses bring them: one message for each place of a SKU."""

from datetime import datetime
from typing import Any

import msgspec

from crossdock.domain.stock_events import PositionSeen
from crossdock.kit.manifest import Found, Untranslatable

TOPIC = "position"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(PositionSeen).decode


def found(seen: PositionSeen) -> Found:
    """A position as a message to its SKU's stream. Later numbers of one place are other messages, in one second too."""
    return _found(seen.location, seen.sku, seen.as_of, _encode(seen))


def unreadable(connection: str, location: str, sku: str, as_of: datetime, on_hand: Any, committed: Any) -> Found:
    """A position whose quantities are none, as the vendor told them: it stops its own SKU, visibly, and no other."""
    told = {"type": "position_seen", "source": connection, "location": location, "sku": sku, "as_of": as_of}
    return _found(location, sku, as_of, _encode({**told, "on_hand": on_hand, "committed": committed}))


def _found(location: str, sku: str, as_of: datetime, body: bytes) -> Found:
    return Found(f"position:{location}:{sku}:{as_of.isoformat()}", TOPIC, "stock", sku, body)


def position_of(connection: str, body: bytes) -> PositionSeen:
    """A polled position. Raises ``Untranslatable``."""
    try:
        seen = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = f"the polled position cannot be read: {error}"
        raise Untranslatable("unreadable_position", detail, field="body") from error
    if not (seen.on_hand.is_finite() and seen.committed.is_finite()):
        raise Untranslatable("unreadable_position", f"{seen.sku} has a quantity that is no number", field="on_hand")
    return msgspec.structs.replace(seen, source=connection)
