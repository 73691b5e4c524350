"""A stored message to canonical events, by its topic."""

from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

import msgspec

from crossdock.connectors.amazon import mapping, settlement_mapping
from crossdock.connectors.amazon.topics import (
    CHANGE,
    CHANGE_LATER,
    LEVEL,
    ORDER,
    ORDER_LATER,
    SETTLEMENT,
    SETTLEMENT_OF_OURS,
    TOPICS,
)
from crossdock.connectors.amazon.wire import ChangeNotification, Head
from crossdock.domain.events import Event, LaterSeen, SettlementSeen, SignalSeen
from crossdock.kit.levels import level_of
from crossdock.kit.manifest import Untranslatable

T = TypeVar("T")
_change = msgspec.json.Decoder(ChangeNotification).decode
_head = msgspec.json.Decoder(Head).decode


def translate(connection: str, topic: str, body: bytes) -> list[Event]:
    """Canonical events of one message; raises ``Untranslatable`` naming the field that is off.

    Whether an order is taken was decided when it came (``standing``), and its topic says so.
    """
    if topic == ORDER:
        return mapping.events_of(connection, mapping.parse_order(body))
    if topic == ORDER_LATER:
        return [LaterSeen(connection, _decoded(_head, body).order_id)]
    if topic in (CHANGE, CHANGE_LATER):
        order_id = _decoded(_change, body).payload.order_change_notification.amazon_order_id
        if not order_id:
            raise Untranslatable("amazon.body_unreadable", "The notification names no order.", "AmazonOrderId")
        if topic == CHANGE_LATER:
            return [LaterSeen(connection, order_id)]
        return [SignalSeen(connection, "order", order_id, sha256(body).hexdigest()[:16])]
    if topic in (SETTLEMENT, SETTLEMENT_OF_OURS):
        whole = topic == SETTLEMENT
        return [SettlementSeen(settlement_mapping.to_settlement(connection, body, books_amazons=whole))]
    if topic == LEVEL:
        return [level_of(connection, body)]
    if topic in TOPICS:
        return []
    raise Untranslatable("amazon.topic_unknown", f"No mapping for the topic {topic!r}.")


def _decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise mapping.untranslatable(error) from error
