"""Stock positions as polls and webhooks of ERPs and warehouses bring them: one message for each place of a SKU."""

import msgspec

from crossdock.domain.stock_events import PositionSeen
from crossdock.kit.manifest import Found, Untranslatable

TOPIC = "position"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(PositionSeen).decode


def found(seen: PositionSeen) -> Found:
    """A position as a message to its SKU's stream. Later numbers of one place are other messages, in one second too."""
    named = f"position:{seen.location}:{seen.sku}:{seen.as_of.isoformat()}"
    return Found(named, TOPIC, "stock", seen.sku, _encode(seen))


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
