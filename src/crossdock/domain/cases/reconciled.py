"""Reconciliation found that other systems tell another story of the order: a person is told, once for each story."""

from crossdock.domain import entries as e
from crossdock.domain.draft import Draft
from crossdock.domain.events import Reconciled
from crossdock.domain.problems import problem
from crossdock.domain.reconciling import DIFFERENCES, PREFIX, Difference

BOOK = "order.book"
MISSING = f"{PREFIX}missing_in_erp"
_STEPS = {
    "missing_in_channel": "done",
    "cancelled_here_only": "done",
    "shipment_not_shown": "fulfilment.push",
    "shipment_missing_in_erp": "shipment.post",
    "invoiced_amount_differs": "invoice",
}


def reconciled(d: Draft, event: Reconciled) -> None:
    """Open a problem for each difference, settle those that are no more. The order itself stays as it is."""
    if d.state.order is None or d.state.ended == "ignored":
        d.ignore("reconciled", "there is no order to compare")
        return
    for kind in event.settled:
        d.settle(f"{PREFIX}{kind}", "crossdock", "all sides agree again")
    for difference in event.found:
        _open(d, difference)


def _open(d: Draft, found: Difference) -> None:
    kind = DIFFERENCES[found.kind]
    title = f"{kind.says}: expected {found.expected}, found {found.found}"
    facts = {"expected": found.expected, "found": found.found, "cause": found.cause}
    target = d.state.erp or d.order.channel
    opened = problem(f"reconcile.{found.kind}", f"{PREFIX}{found.kind}", title, target, facts)
    d.open(opened, _STEPS.get(found.kind, BOOK))


def book_again(d: Draft, actor: str, reason: str) -> str | None:
    """Send the booking again under its key: for a sales order that the ERP has no more. Why not, where it may not be.

    The ERP made the first one under the same external id: should it be there after all, it is found and not doubled.
    """
    known = d.state.command_of(BOOK)
    if known is None or known[1].status != "done":
        return "the order is not booked: there is nothing to be sent again"
    if d.state.cancel is not None or d.state.ended is not None:
        return "the order has ended: restore the sales order in the ERP, then resolve"
    if any(d.state.taken()) or d.state.invoices:
        return "goods have left or it is billed: restore the sales order and what hangs on it in the ERP, then resolve"
    d.note(e.CommandRetried(known[0], actor, d.now))
    d.settle(MISSING, actor, reason)
    d.decision.again.append(known[0])
    return None
