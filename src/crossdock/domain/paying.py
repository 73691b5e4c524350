"""What passes between channel and ERP about a bill: captures as payments, and the invoices shown in the channel.

Captures become payments applied to the invoices where the route says ``payments: payment``; with ``advance`` they are
deposits before that (see ``depositing.py``). They are asked for when the order is billed whole, and again when others
may be there. What was taken for units that were never billed went back with them: no more is posted than was billed,
and what is left of a capture is for an invoice that comes later, as a further payment.
"""

from decimal import Decimal

import msgspec

from crossdock.domain import depositing
from crossdock.domain.account import ADVANCE, Account, account_of, all_billed
from crossdock.domain.captures import EXCEEDS, ask, surplus
from crossdock.domain.commands import Applied, PublishInvoice
from crossdock.domain.decision import Policy
from crossdock.domain.depositing import open_invoices, payment_of, take
from crossdock.domain.draft import Draft
from crossdock.domain.funds import APPLIED, Fund, FundOpened, FundUsed, Use, used_for
from crossdock.domain.money import ZERO
from crossdock.domain.order import Capture
from crossdock.domain.process import PAYMENT, PUBLISH
from crossdock.domain.refund import gross_of, paid_back
from crossdock.domain.shares import Share, shares
from crossdock.domain.state import OrderState


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
    kept = _kept(d.state, policy)
    for capture in list(d.state.captures.values()):
        fund, whole = d.state.funds.get(capture.id), capture.amount.on(policy.basis)
        if fund is None and d.state.command_of(PAYMENT, capture.id) is not None:
            kept -= sum((one.amount for one in take(open_, whole)), ZERO)  # sent before it was noted what for
            continue
        if fund is not None and fund.kind != APPLIED:
            continue  # recorded whole when the route still said ``advance``
        used = _used(fund)
        applied = take(open_, min(whole - used, kept))
        if applied:
            kept -= sum((one.amount for one in applied), ZERO)
            _send(d, policy, account, capture, applied)


def _send(d: Draft, policy: Policy, account: Account, capture: Capture, applied: tuple[Applied, ...]) -> None:
    if capture.id not in d.state.funds:
        d.note(FundOpened(capture.id, APPLIED, capture.amount.on(policy.basis), d.now))
    for one in applied:
        d.note(FundUsed(capture.id, Use(one.amount, invoice=one.invoice), d.now))
    nth, subject = 1, capture.id
    while d.state.command_of(PAYMENT, subject) is not None:
        nth, subject = nth + 1, f"{capture.id}/{nth + 1}"
    payload = msgspec.structs.replace(payment_of(d, policy, account, capture, applied), nth=nth)
    d.send(PAYMENT, account.erp, payload, subject)


def _used(fund: Fund | None) -> Decimal:
    return ZERO if fund is None else fund.amount - fund.rest


def _kept(state: OrderState, policy: Policy) -> Decimal:
    """What was taken and not yet given out, less what went back for units that were never billed."""
    taken = sum((one.amount.on(policy.basis) for one in state.captures.values()), ZERO)
    posted = sum((_used(fund) if fund.kind == APPLIED else fund.amount for fund in state.funds.values()), ZERO)
    back = ZERO
    for known in state.refunds.values():
        if known.refused is None:
            off = gross_of(shares(known).get(Share.UNITS_OFF, ()), policy.basis)
            drawn = used_for(state.funds, refund=known.refund.id)  # out of what was recorded whole
            back += max(min(off, paid_back(known.refund, policy.basis)) - drawn, ZERO)
    return taken - posted - back
