"""The ERP billed the order, by our command or by its own people."""

from crossdock.domain import entries as e
from crossdock.domain.draft import Draft
from crossdock.domain.events import InvoiceSeen
from crossdock.domain.evolve import billed
from crossdock.domain.problems import problem


def invoice_seen(d: Draft, event: InvoiceSeen) -> None:
    """Take an invoice once; bills that come to more than the order are finance's to look at."""
    invoice = event.invoice
    known = d.state.invoices.get(invoice.id)
    if known is not None and known.invoice == invoice:
        return
    d.note(e.InvoiceTaken(invoice, event.source, d.now))
    d.refer(event.source, "invoice", invoice.id)
    if invoice.number != invoice.id:
        d.refer(event.source, "invoice", invoice.number)
    _compare(d, event.source)


def _compare(d: Draft, source: str) -> None:
    total = d.order.totals.total
    policy = d.policy
    owed = total.on(policy.basis) if policy is not None else max(total.shop, total.on("presentment"))
    sum_ = billed(d.state)
    if sum_ > owed:
        facts = {"billed": f"{sum_:f}", "owed": f"{owed:f}"}
        title = f"{source} billed more than the order comes to"
        d.open(problem("invoice.total_differs", "invoice.total", title, source, facts), "invoice")
    else:
        d.settle("invoice.total")
