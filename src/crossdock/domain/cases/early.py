"""What came before its order is kept, and applied when the order comes."""

from datetime import timedelta

from crossdock.domain import entries as e
from crossdock.domain.cases import return_seen as returns
from crossdock.domain.cases.allocations_seen import allocations_seen
from crossdock.domain.cases.credit_seen import credit_seen
from crossdock.domain.cases.invoice_seen import invoice_seen
from crossdock.domain.cases.parcel_seen import parcel_seen
from crossdock.domain.cases.refund_seen import fit_again, refund_seen
from crossdock.domain.cases.release_seen import release_seen
from crossdock.domain.cases.return_received import return_received
from crossdock.domain.cases.shipment_seen import shipment_seen
from crossdock.domain.draft import Draft
from crossdock.domain.entries import Early
from crossdock.domain.events import (
    AllocationsSeen,
    CreditSeen,
    InvoiceSeen,
    ParcelSeen,
    RefundSeen,
    ReleaseSeen,
    ReturnReceived,
    ReturnSeen,
    ShipmentSeen,
)
from crossdock.domain.holding import let_go
from crossdock.domain.summary import MISSING

WAIT = timedelta(days=7)


def keep(d: Draft, event: Early) -> None:
    """Keep an event for the order that is still to come, or to be taken in; the same event once.

    A warehouse ships, and an ERP bills, for others too: after a week the order counts as none of ours. What is kept is
    applied all the same should it come.
    """
    if event in d.state.early:
        return
    d.note(e.EventKept(event, d.now))
    missing = d.state.order is None and not isinstance(event, ParcelSeen)  # a carrier alone is not waited for
    if missing and MISSING not in d.state.timers:
        d.timer(MISSING, d.now + WAIT)


def apply_early(d: Draft, early: tuple[Early, ...]) -> None:
    for event in early:
        apply_one(d, event)


def apply_one(d: Draft, event: Early) -> None:
    """Note what an event of a known order means."""
    if isinstance(event, ShipmentSeen):
        shipment_seen(d, event)
        fit_again(d)
        returns.compare(d)
    elif isinstance(event, ParcelSeen):
        parcel_seen(d, event)
    elif isinstance(event, ReleaseSeen):
        release_seen(d, event)
    elif isinstance(event, InvoiceSeen):
        invoice_seen(d, event)
    elif isinstance(event, AllocationsSeen):
        allocations_seen(d, event)
        let_go(d)
    elif isinstance(event, ReturnSeen):
        returns.return_seen(d, event)
    elif isinstance(event, ReturnReceived):
        return_received(d, event)
    elif isinstance(event, RefundSeen):
        refund_seen(d, event)
    elif isinstance(event, CreditSeen):
        credit_seen(d, event)
        fit_again(d)
