"""What passes between channel and ERP about a bill: captures as payments, and the invoices shown in the channel.

Captures become payments applied to the invoices where the route says ``payments: payment``; with ``advance`` they are
deposits before that (see ``depositing.py``). They are asked for when the order is billed whole, and again when others
may be there. What was taken for units that were never billed went back with them: no more is posted than was billed.
"""

from crossdock.domain import depositing
from crossdock.domain.account import ADVANCE, Account, account_of, all_billed
from crossdock.domain.captures import EXCEEDS, ask, surplus
from crossdock.domain.commands import PublishInvoice
from crossdock.domain.decision import Policy
from crossdock.domain.depositing import open_invoices, payment_of, take
from crossdock.domain.draft import Draft
from crossdock.domain.money import ZERO
from crossdock.domain.process import PAYMENT, PUBLISH


def publish_invoices(d: Draft, policy: Policy) -> None:
    """Let the channel show every invoice that the ERP made, ours or its people's, where the route says so."""
    if not policy.publish_invoices:
        return
    for id_, each in d.state.invoices.items():
        d.send(PUBLISH, d.order.channel, PublishInvoice(d.order.external_id, each.invoice), id_)


def settle(d: Draft, policy: Policy) -> None:
    """Ask what was taken, and open what the ERP is to have of every capture that is known, once for ever."""
    account = account_of(d, policy)
    if account is None:
        return
    if policy.payments == ADVANCE:
        depositing.settle(d, policy, account)
    elif policy.payments == "payment" and all_billed(d.state):
        ask(d)
        _post(d, policy, account)
        if surplus(d.state, policy) <= ZERO:
            d.settle(EXCEEDS)


def _post(d: Draft, policy: Policy, account: Account) -> None:
    """Each capture settles what the ones before it left of the invoices, in the order in which both became known."""
    open_ = open_invoices(d.state)
    for capture in list(d.state.captures.values()):
        if capture.id in d.state.funds:
            continue  # recorded when the route still said ``advance``
        applied = take(open_, capture.amount.on(policy.basis))
        if applied:
            d.send(PAYMENT, account.erp, payment_of(d, policy, account, capture, applied), capture.id)
