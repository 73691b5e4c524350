"""Whether an order, as Amazon shows it now, is something to do: decided before anything is mapped.

A view that is not taken is kept as a message with its reason and leads to nothing, but for one of after goods had left:
it is for an order that is here, which only its stream knows.
"""

from collections.abc import Mapping
from typing import Any

from crossdock.connectors.amazon.wire import ChangeSummary, Fulfillment

# Why a view of this status is not an order for us. What is not listed is taken.
IGNORED_STATUSES = {
    "PENDING": "not paid yet; it changes again when it is",
    "PENDING_AVAILABILITY": "a pre-order that is not paid yet",
    "PARTIALLY_SHIPPED": "on its way: Crossdock knows what it shipped itself",
    "SHIPPED": "shipped: Crossdock knows what it shipped itself",
    "UNFULFILLABLE": "Amazon cannot fulfil it",
}
# Views that say nothing of orders that were never ours, and of ours what was cancelled of them after goods had left.
LATER_STATUSES = ("PARTIALLY_SHIPPED", "SHIPPED")
AMAZON, MERCHANT = "AMAZON", "MERCHANT"
# The notifications' spelling, where it differs by more than case and underscores.
_SPELT = {"Pending": "PENDING", "PendingAvailability": "PENDING_AVAILABILITY", "PartiallyShipped": "PARTIALLY_SHIPPED"}
_SPELT |= {"Shipped": "SHIPPED", "Unfulfillable": "UNFULFILLABLE", "InvoiceUnconfirmed": "PENDING"}


def books_amazons(settings: Mapping[str, Any]) -> bool:
    """Whether orders that Amazon fulfils from its own stock are booked (setting ``amazon_fulfilled``)."""
    return str(settings.get("amazon_fulfilled") or "ignore") == "book"


def ignored(fulfillment: Fulfillment | None, *, book_amazons: bool, asked: bool = False) -> str | None:
    """Why the order is left alone, or ``None``: it is taken.

    ``asked``: a person named this order in a backfill. One that was shipped elsewhere is then taken for the books.
    """
    if fulfillment is None:
        return None  # the mapping says which field is missing
    status = fulfillment.fulfillment_status
    if fulfillment.fulfilled_by == AMAZON:
        if not book_amazons:
            return "fulfilled by Amazon"
        if status in ("SHIPPED", "CANCELLED"):
            return None
        return IGNORED_STATUSES.get(status, "fulfilled by Amazon, not shipped yet")
    if asked and status == "SHIPPED":
        return None
    return IGNORED_STATUSES.get(status)


def later(fulfillment: Fulfillment | None) -> bool:
    """Whether goods of it have left that Amazon did not ship: it is ignored only where the order is not here."""
    if fulfillment is None:
        return False
    return fulfillment.fulfilled_by == MERCHANT and fulfillment.fulfillment_status in LATER_STATUSES


def of_change(summary: ChangeSummary) -> Fulfillment:
    """How far the order is that a notification tells of, in the words of the Orders API."""
    by = AMAZON if summary.fulfillment_type == "AFN" else MERCHANT
    status = _SPELT.get(summary.order_status, summary.order_status.upper())
    return Fulfillment("CANCELLED" if status == "CANCELED" else status, by)


def ignored_change(summary: ChangeSummary, *, book_amazons: bool) -> str | None:
    """The same for what a notification tells; saves a read for what would not be taken."""
    return ignored(of_change(summary), book_amazons=book_amazons)
