"""Stock levels as channels show them: one message for each that a poll lists, to its SKU's stream."""

import msgspec

from crossdock.domain.stock_events import LevelSeen
from crossdock.kit.manifest import Found, Untranslatable

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(LevelSeen).decode


def found(topic: str, seen: LevelSeen) -> Found:
    """A level as a message. The same number read later is another message: it says how old the number is."""
    named = f"level:{seen.location}:{seen.sku}:{seen.quantity}:{seen.as_of.isoformat()}"
    return Found(named, topic, "stock", seen.sku, _encode(seen))


def level_of(connection: str, body: bytes) -> LevelSeen:
    """A polled level. Raises ``Untranslatable``."""
    try:
        seen = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Untranslatable("unreadable_level", f"the polled level cannot be read: {error}", field="body") from error
    return msgspec.structs.replace(seen, channel=connection)
