"""The axes of an order. Each is a chain that is only ever climbed: whatever arrives late cannot pull it down."""

from collections.abc import Mapping

AXES: Mapping[str, tuple[str, ...]] = {
    "intake": ("unseen", "seen", "accepted", "ignored"),
    "payment": ("pending", "authorized", "partially_paid", "paid", "partially_refunded", "refunded", "voided"),
    "booking": ("none", "booking", "booked", "closed"),
    "fulfilment": ("none", "released", "partly_shipped", "shipped"),
    "return": ("none", "requested", "partly_returned", "returned"),
    "financial": ("none", "partly_invoiced", "invoiced", "partly_credited", "credited"),
}

# The warehouse's word for our order. It tells no time, so the furthest word counts. A hold comes after goods are
# allocated as well as before: what is not picked meanwhile is rather shown as held too long than never.
RELEASE = ("accepted", "backordered", "allocated", "on_hold", "picking", "packed", "shipped", "cancelled")

# How far a return is, by whoever tells of it: asked for, allowed, called off, come back.
RETURN = ("requested", "authorised", "cancelled", "received")

# How far a parcel is, by its carrier. A carrier's words come late, twice and out of order: the furthest counts.
PARCEL = ("in_transit", "out_for_delivery", "exception", "delivered", "returned")

# From where to where an axis may move: always up, never down.
TRANSITIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    axis: {status: chain[place + 1 :] for place, status in enumerate(chain)} for axis, chain in AXES.items()
}

_RANKS: Mapping[str, Mapping[str, int]] = {
    axis: {status: place for place, status in enumerate(chain)}
    for axis, chain in (*AXES.items(), ("release", RELEASE), ("return_status", RETURN), ("parcel", PARCEL))
}


def rank(axis: str, status: str) -> int:
    """How far up its axis a status is. Raises ``KeyError`` for a status that the axis does not have."""
    return _RANKS[axis][status]


def up(axis: str, current: str, offered: str) -> str:
    """The higher of two statuses of one axis."""
    ranks = _RANKS[axis]
    return offered if ranks[offered] > ranks[current] else current
