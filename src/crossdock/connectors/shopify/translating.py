"""A stored message to canonical events, by its topic."""

from hashlib import sha256

import msgspec

from crossdock.connectors.shopify import mapping, payout_mapping, polls, privacy, returns_poll, tracking, webhook
from crossdock.connectors.shopify.topics import (
    HANDLING,
    IGNORED,
    ORDER,
    PARCEL,
    POLLED_LEVEL,
    POLLED_ORDER,
    POLLED_PAYOUT,
    POLLED_RETURN,
    PRIVACY,
    SIGNAL_FULFILMENT_ORDER,
    SIGNAL_RETURN,
)
from crossdock.domain.events import Event, OrderSeen, RefundSeen, SettlementSeen, SignalSeen
from crossdock.kit.levels import level_of
from crossdock.kit.manifest import Untranslatable


def translate(connection: str, topic: str, body: bytes) -> list[Event]:
    """Canonical events of one message; raises ``Untranslatable`` naming the field that is off."""
    handling = SIGNAL_RETURN if topic == POLLED_RETURN else HANDLING.get(topic)
    if handling == ORDER:
        order = mapping.parse_order(body)
        # Refunds first: the view beside them wants less, and they say why.
        refunds = [RefundSeen(refund, connection) for refund in mapping.to_refunds(order)]
        return [*refunds, OrderSeen(mapping.to_order(connection, order))]
    if topic == POLLED_PAYOUT:
        return [SettlementSeen(payout_mapping.to_settlement(connection, payout_mapping.parse_payout(body)))]
    if handling == IGNORED:
        return []
    if topic == POLLED_LEVEL:
        return [level_of(connection, body)]
    if handling is None and topic != POLLED_ORDER:
        raise Untranslatable(
            "shopify.topic_unknown", f"No mapping for the topic {topic!r}.", hint="Remove the subscription."
        )
    try:
        if handling == SIGNAL_FULFILMENT_ORDER:
            # no content, as of a return: the body tells no time, so that a second hold, or a second unit that will not
            # come, looks like the first and must be read too
            return [SignalSeen(connection, "fulfillment_order", webhook.fulfilment_order_id(body))]
        if handling == PRIVACY:
            return [privacy.asked_of(connection, topic, body)]
        if handling == PARCEL:
            return list(tracking.parcels_of(connection, body))
        if handling == SIGNAL_RETURN:
            again_s = 0.0 if topic == POLLED_RETURN else returns_poll.LOOK_AGAIN_S
            return [SignalSeen(connection, "return", webhook.order_id_of(body), again_s=again_s)]
        content = polls.content_of(body) if topic == POLLED_ORDER else sha256(body).hexdigest()[:16]
        return [SignalSeen(connection, "order", webhook.order_id_of(body), content)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise mapping.untranslatable(error) from error
