"""Which webhook topics are taken and what each is to us: manifest, intake and subscription watchdog agree by it."""

from collections.abc import Mapping
from typing import Final, Literal

ORDER: Final = "order_seen"
SIGNAL_FULFILMENT_ORDER: Final = "signal: fulfillment_order"
SIGNAL_ORDER: Final = "signal: order"
SIGNAL_RETURN: Final = "signal: return"
PARCEL: Final = "parcel_seen"
PRIVACY: Final = "privacy_asked"
IGNORED: Final = "ignored"

_ORDERS = ("create", "updated", "cancelled", "paid", "edited")
_FULFILMENT_ORDERS = (
    "order_routing_complete",
    "moved",
    "split",
    "merged",
    "placed_on_hold",
    "hold_released",
    "cancelled",
    "rescheduled",
    "scheduled_fulfillment_order_ready",
)
_RETURNS = ("request", "approve", "update", "process", "close", "reopen", "cancel", "decline")
IGNORED_BECAUSE: Final = {
    "fulfillments/create": "our own fulfilment, or one made in the shop: fulfilment orders tell what remains",
    "fulfillments/update": "how far parcels are is told by fulfillment_events/create",
    "app/uninstalled": "the next call is refused and pauses the connection",
}

# Told to every app of the App Store, which is to do it within 30 days. Their addresses are set with the app: they are
# no topics of subscriptions. Source: shopify.dev "privacy law compliance", read 2026-11.
PRIVACY_REQUESTS: Final[Mapping[str, Literal["data_request", "redact", "shop_redact"]]] = {
    "customers/data_request": "data_request",
    "customers/redact": "redact",
    "shop/redact": "shop_redact",
}
PRIVACY_DAYS: Final = 30

# orders/edited carries only the delta of lines: the order itself is read back.
HANDLING: Final[dict[str, str]] = {
    **{f"orders/{name}": ORDER for name in _ORDERS if name != "edited"},
    "orders/edited": SIGNAL_ORDER,
    **{f"fulfillment_orders/{name}": SIGNAL_FULFILMENT_ORDER for name in _FULFILMENT_ORDERS},
    **{f"returns/{name}": SIGNAL_RETURN for name in _RETURNS},
    "fulfillment_events/create": PARCEL,
    "refunds/create": SIGNAL_ORDER,
    "order_transactions/create": SIGNAL_ORDER,
    **dict.fromkeys(PRIVACY_REQUESTS, PRIVACY),
    **dict.fromkeys(IGNORED_BECAUSE, IGNORED),
}

_BECOMES: Final = {ORDER: ORDER, PARCEL: PARCEL, PRIVACY: PRIVACY}
MANIFEST_TOPICS: Final[dict[str, str]] = {
    topic: f"ignored: {IGNORED_BECAUSE[topic]}" if handling == IGNORED else _BECOMES.get(handling, "signal")
    for topic, handling in HANDLING.items()
}

# What the watchdog keeps subscribed: the topics that carry or point at something, in the enum's spelling.
SUBSCRIBED: Final[tuple[str, ...]] = tuple(
    topic.replace("/", "_").upper() for topic, handling in HANDLING.items() if handling not in (IGNORED, PRIVACY)
)

# What an app may subscribe only with one of these scopes. Source: the topics' own descriptions, API 2026-10.
SCOPED: Final[dict[str, tuple[str, ...]]] = {
    **{topic: ("read_returns", "write_returns") for topic in SUBSCRIBED if topic.startswith("RETURNS_")},
    "FULFILLMENT_EVENTS_CREATE": ("read_fulfillments", "write_fulfillments"),
}

POLLED_ORDER: Final = "poll/order"
POLLED_RETURN: Final = "poll/return"
POLLED_PAYOUT: Final = "poll/payout"
POLLED_LEVEL: Final = "poll/level"
