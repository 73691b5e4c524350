"""What a connector tells reconciliation: thin views of orders, by window or by key. Reading only."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

OPEN, CANCELLED, CLOSED, BILLED = "open", "cancelled", "closed", "billed"
STATUSES = (OPEN, CANCELLED, CLOSED, BILLED)
NONE, PART, WHOLE = "none", "part", "whole"


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One order as one system lists it: enough to compare, no person in it. What is None, the system did not tell."""

    key: str  # the order's key: how every system's view of one order is found
    external_id: str  # the system's own id
    number: str  # what its people call it
    status: str  # open, cancelled, closed (ended there without being billed), billed
    total: Decimal | None  # in ``currency``; a channel's own, or what the ERP's documents come to
    currency: str
    changed_at: datetime
    placed_at: datetime | None = None
    presentment_total: Decimal | None = None  # a channel that shows customers another currency
    presentment_currency: str | None = None
    quantity: Decimal | None = None  # units of goods that are still wanted
    shipped: Decimal | None = None  # units of goods that have left
    fulfilment: str | None = None  # none, part, whole: a channel that tells no count
    invoiced: Decimal | None = None  # what all invoices of the order come to; 0 where there are none
    left_alone: str | None = None  # why the order is not taken as it stands: nobody else need have it


class Window(msgspec.Struct, frozen=True):
    """From ``since`` (included) to ``until`` (not included). ``by``: changed, or placed."""

    since: datetime
    until: datetime
    by: str = "changed"


class ListPage(msgspec.Struct, frozen=True):
    """``keys`` name orders whose view the list does not hold: they are asked for. ``cursor=None``: the last page."""

    views: tuple[Listed, ...] = ()
    keys: tuple[str, ...] = ()
    cursor: str | None = None


class Listing(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a system lists orders. Both functions raise what the connector's polls raise, and never write."""

    # (client, window, cursor or None) -> ListPage; may list an order twice, may not leave one out
    pages: Callable[[Any, Window, str | None], Awaitable[ListPage]]
    # (client, keys) -> views of those that the system has; what is missing in the answer is not there
    named: Callable[[Any, Sequence[str]], Awaitable[tuple[Listed, ...]]]
    lag_s: float  # how long after a write a list or a search may not show it
    most: int = 100  # keys that one question may name
    cost: int = 1  # what one question takes from the account's bucket
    # client -> seconds in which the vendor, by its own meter, restores what the last question took; 0: it tells none
    load: Callable[[Any], float] | None = None
    reach_days: int | None = None  # older orders are not shown: their absence says nothing
    signal: str | None = None  # the kind of thing a read-back of an order names; None: it cannot be read back
    every_s: float = 0.0  # what changed is asked for no more often: questions that are dear
    # It never lets go of an order: one that no list tells as changed is as it was, and is not asked for in turn.
    keeps: bool = False
    from_start: bool = False  # what changed before the first round is somebody else's, and left alone
