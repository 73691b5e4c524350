"""The ERP billed the order, by our command or by its own people."""

from crossdock.domain import entries as e
from crossdock.domain.draft import Draft
from crossdock.domain.events import InvoiceSeen
from crossdock.domain.fold_money import billed, owed
from crossdock.domain.fulfilment import Invoice
from crossdock.domain.problems import problem


def invoice_seen(d: Draft, event: InvoiceSeen) -> None:
    """Take an invoice once; bills that come to more, or in the end to less, than the order are finance's to look at."""
    invoice = event.invoice
    known = d.state.invoices.get(invoice.id)
    if known is not None and _alike(known.invoice, invoice):
        return
    d.note(e.InvoiceTaken(invoice, event.source, d.now))
    d.refer(event.source, "invoice", invoice.id)
    if invoice.number != invoice.id:
        d.refer(event.source, "invoice", invoice.number)
    _compare(d, event.source)


def _alike(one: Invoice, other: Invoice) -> bool:
    """The answer to our command tells the tax and a poll does not: it is the same invoice."""
    return (one.number, one.total, one.currency) == (other.number, other.total, other.currency)


def _compare(d: Draft, source: str) -> None:
    total = owed(d.order, d.state)
    policy = d.policy
    due = total.on(policy.basis) if policy is not None else max(total.shop, total.on("presentment"))
    sum_ = billed(d.state)
    currency = d.order.currency_on(policy.basis if policy is not None else "shop")
    if foreign := sorted({each.invoice.currency for each in d.state.invoices.values()} - {currency}):
        facts = {"billed_in": foreign, "owed_in": currency}
        title = f"{source} billed in {', '.join(foreign)}, the order is booked in {currency}"
        d.open(problem("invoice.total_differs", "invoice.total", title, f"{source}:currency", facts), "invoice")
    elif sum_ > due or (sum_ < due and _all_is_billed(d)):
        facts = {"billed": f"{sum_:f}", "owed": f"{due:f}"}
        title = f"{source} billed {'more' if sum_ > due else 'less'} than the order comes to"
        cause = f"{source}:{'more' if sum_ > due else 'less'}"
        d.open(problem("invoice.total_differs", "invoice.total", title, cause, facts), "invoice")
    else:
        d.settle("invoice.total")


def _all_is_billed(d: Draft) -> bool:
    """Our own invoice is made when everything has left: what it leaves out is billed by nobody."""
    made = d.state.command_of("invoice")
    return made is not None and made[1].status == "done" and d.state.cancel is None
