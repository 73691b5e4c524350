"""What enters from Amazon and what each is to us: manifest, polls and translating agree by it."""

from typing import Final

ORDER: Final = "order"  # listed by a search, or read one by one for a backfill
ORDER_IGNORED: Final = "order/ignored"
ORDER_LATER: Final = "order/later"
CHANGE: Final = "ORDER_CHANGE"
CHANGE_LATER: Final = "ORDER_CHANGE/later"
CHANGE_IGNORED: Final = "ORDER_CHANGE/ignored"
OTHER: Final = "other"
LEVEL: Final = "level"
SETTLEMENT: Final = "settlement"
SETTLEMENT_OF_OURS: Final = "settlement/merchant"  # orders that Amazon fulfils are left alone

TOPICS: Final[dict[str, str]] = {
    ORDER: "order_seen",
    ORDER_IGNORED: "ignored: pending, or fulfilled by Amazon; a change of it comes again",
    ORDER_LATER: "later_seen",
    CHANGE: "signal",
    CHANGE_LATER: "later_seen",
    CHANGE_IGNORED: "ignored: the order is pending, or fulfilled by Amazon",
    SETTLEMENT: "settlement_seen",
    SETTLEMENT_OF_OURS: "settlement_seen",
    LEVEL: "level_seen",
    OTHER: "ignored: a notification of another type; this queue is for ORDER_CHANGE",
}
