"""Which documents the ERP is to have of a refund, by how the order is billed and paid there: a table.

``settle`` opens what the table says, once for each refund and for ever. Units that never left are taken off the sales
order by the edit that the channel shows beside the refund (see ``rulings.py``), so the bill is less and no document
credits it.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from crossdock.domain import depositing
from crossdock.domain.account import ADVANCE, Account, account_of, all_billed, called_off
from crossdock.domain.commands import CreditLine, CreditRefund, PushRefund
from crossdock.domain.decision import Policy
from crossdock.domain.depositing import repayment
from crossdock.domain.draft import Draft
from crossdock.domain.funds import used_for
from crossdock.domain.measures import in_goods
from crossdock.domain.money import ZERO
from crossdock.domain.money_entries import RefundPaid
from crossdock.domain.order import Order, TaxLine
from crossdock.domain.parts import exchanged, set_off
from crossdock.domain.posting import moved_day
from crossdock.domain.problems import problem
from crossdock.domain.process import CREDIT, PAY, PUSH
from crossdock.domain.refund import Credit, Part, Refund, RefundedCharge, RefundedLine, Restock, gross_of, paid_back
from crossdock.domain.restocking import shelved
from crossdock.domain.shares import Share, shares
from crossdock.domain.state import OrderState, Refunded


class Billing(StrEnum):
    """How the ERP has the order and its money."""

    NOT_INVOICED = "not_invoiced"
    OPEN = "invoiced_unpaid"
    PAID = "invoiced_paid"
    DEPOSIT = "prepaid_deposit"
    CALLED_OFF = "prepaid_called_off"


class Document(StrEnum):
    """What the ERP is to have of it."""

    NOTHING = "nothing"
    LATER = "later"
    CREDIT = "credit"
    CREDIT_AND_PAY = "credit_and_pay"
    PAY = "pay"


# For people. Shown in the reference.
MEANINGS: Mapping[Document, str] = {
    Document.NOTHING: "nothing: the sales order is amended, and the bill is less by it",
    Document.LATER: "nothing yet: it is credited when the ERP has billed the order",
    Document.CREDIT: "a credit memo, set off against the invoice (`refund.credit`)",
    Document.CREDIT_AND_PAY: "a credit memo (`refund.credit`), paid out by a customer refund (`refund.pay`); "
    "both when the ERP has billed the order",
    Document.PAY: "a customer refund out of the deposit (`refund.pay`)",
}

_CREDITED = {Share.UNITS_OFF: Document.NOTHING}
TABLE: Mapping[Billing, Mapping[Share, Document]] = {
    Billing.NOT_INVOICED: {**dict.fromkeys(Share, Document.LATER), **_CREDITED},
    Billing.OPEN: {**dict.fromkeys(Share, Document.CREDIT), **_CREDITED},
    Billing.PAID: {**dict.fromkeys(Share, Document.CREDIT_AND_PAY), **_CREDITED},
    Billing.DEPOSIT: {**dict.fromkeys(Share, Document.CREDIT_AND_PAY), Share.UNITS_OFF: Document.PAY},
    Billing.CALLED_OFF: dict.fromkeys(Share, Document.PAY),
}


def settle(d: Draft, policy: Policy) -> None:
    """Open what the ERP, or the channel, is to have of every refund and credit that is known."""
    if not (d.state.refunds or d.state.credits):
        return
    for known in list(d.state.refunds.values()):
        if known.refused is None and not known.echo and not known.by_hand:
            _refund(d, policy, known)
    for id_, credit in d.state.credits.items():
        if not credit.ours and pays_back(d.state, policy, credit.source, credit.credit):
            push = PushRefund(d.order.external_id, credit.credit, policy.notify_customer)
            d.send(PUSH, d.order.channel, push, id_)


def pays_back(state: OrderState, policy: Policy, source: str, credit: Credit) -> bool:
    """Whether a credit memo that people made there is paid back in the channel by itself. One that takes a whole bill
    back is a person's: as like as not another bill follows, and the customer owes what they paid."""
    return policy.push_refunds and source == (state.erp or policy.erp) and not credit.voids


def billing(state: OrderState, policy: Policy) -> Billing:
    """How the order stands in the ERP. A deposit is one before the invoice and after it."""
    if policy.payments == ADVANCE and called_off(state):
        return Billing.CALLED_OFF
    if policy.payments in ("deposit", ADVANCE):
        return Billing.DEPOSIT
    if not all_billed(state):
        return Billing.NOT_INVOICED
    return Billing.PAID if policy.payments in ("paid", "payment") else Billing.OPEN


def _standing(state: OrderState, policy: Policy, refund: Refund) -> Billing:
    """For one refund: where each capture is posted, a refund that gives no money says that none was taken for it."""
    posted = policy.payments in ("payment", ADVANCE) and all_billed(state)
    return Billing.OPEN if posted and not refund.gives_money else billing(state, policy)


def _refund(d: Draft, policy: Policy, known: Refunded) -> None:
    account, table = account_of(d, policy), TABLE[_standing(d.state, policy, known.refund)]
    if account is None:
        return
    asked = [(table[share], parts) for share, parts in shares(known).items()]
    refunded = [part for document, parts in asked if document is Document.PAY for part in parts]
    deposit = min(gross_of(refunded, policy.basis), paid_back(known.refund, policy.basis))
    if deposit > ZERO:
        _out_of_deposit(d, account, policy, known.refund, deposit)
    owed = [part for document, parts in asked if document not in (Document.PAY, Document.NOTHING) for part in parts]
    if not owed:
        return
    if not all_billed(d.state):
        _unbilled(d, known.refund)
    elif (gross := gross_of(owed, policy.basis)) < ZERO:
        _ask(d, "refund.keeps_money", known.refund, f"{-gross:f} more is kept back than is credited")
    else:
        pays = any(document is Document.CREDIT_AND_PAY for document, _ in asked)
        money = _paid_out(d, policy, known.refund) - max(deposit, used_for(d.state.funds, refund=known.refund.id))
        _credit(d, account, policy, known.refund, owed, money if pays else None)


def _out_of_deposit(d: Draft, account: Account, policy: Policy, refund: Refund, amount: Decimal) -> None:
    if policy.payments == ADVANCE:
        depositing.draw(d, policy, account, refund, amount)
    else:
        d.send(PAY, account.erp, repayment(d, policy, account, refund, amount), f"{refund.id}/deposit")


def _credit(
    d: Draft, account: Account, policy: Policy, refund: Refund, owed: list[Part], money: Decimal | None
) -> None:
    """``money``: what went back of it otherwise than out of deposits; None where the credit is set off."""
    waited = d.state.problems.get(f"refund/{refund.id}")
    if waited is not None and waited.code == "refund.not_billed":
        d.settle(f"refund/{refund.id}")
    payload = CreditRefund(
        order_key=d.order.key,
        erp_ref=account.ref,
        refund_id=refund.id,
        refunded_at=refund.refunded_at,
        currency=account.currency,
        customer_ref=account.customer,
        lines=tuple(_line(d.order, part, policy.basis) for part in shelved(d, policy, refund, owed)),
        item_refs=d.state.item_refs,
        apply_to=tuple(d.state.invoices) if money is None else (),
        posted_on=moved_day(policy, refund.refunded_at),
    )
    d.send(CREDIT, account.erp, payload, refund.id)
    sent = d.state.command_of(CREDIT, refund.id)
    if sent is not None and sent[1].status == "done":
        ref = sent[1].refs.get("creditMemo", "")
        _pay_out(d, account, policy, refund, min(payload.total, money or ZERO), ref)


def _pay_out(d: Draft, account: Account, policy: Policy, refund: Refund, whole: Decimal, ref: str) -> None:
    """What of it is not paid out yet: more is where a part is opened afterwards, for which the refund pays too."""
    before = d.state.paid_out.get(refund.id)
    if whole <= (before or ZERO) or (before is None and d.state.command_of(PAY, refund.id) is not None):
        return  # the latter was sent before it was noted how much
    nth, subject = 1, refund.id
    while d.state.command_of(PAY, subject) is not None:
        nth, subject = nth + 1, f"{refund.id}/{nth + 1}"
    amount = whole - (before or ZERO)
    if policy.payments == "paid":  # elsewhere what is paid out of a credit memo never grows
        d.note(RefundPaid(refund.id, amount, d.now))
    d.send(PAY, account.erp, repayment(d, policy, account, refund, amount, ref, nth=nth), subject)


def _paid_out(d: Draft, policy: Policy, refund: Refund) -> Decimal:
    """What the customer got; and, where invoices count as paid as they are made, what of it pays for an exchange: the
    exchange order's invoice counts it as paid in. What other refunds were given out for pays for nothing again."""
    money, state, basis = paid_back(refund, policy.basis), d.state, policy.basis
    if policy.payments != "paid":
        return money
    others = [one for one in state.refunded() if one.id != refund.id]
    given = sum((max(state.paid_out.get(one.id, ZERO) - paid_back(one, basis), ZERO) for one in others), ZERO)
    return money + max(min(set_off(state, basis).get(refund.id, ZERO), exchanged(state, basis) - given), ZERO)


def _unbilled(d: Draft, refund: Refund) -> None:
    """Waiting for the bill is the usual case; where none will come, somebody must know."""
    state = d.state
    if state.ended != "cancelled" and state.finished("invoice") and not state.invoices:
        _ask(d, "refund.not_billed", refund, "The refund cannot be credited: the ERP has not billed the order")


def _ask(d: Draft, code: str, refund: Refund, title: str) -> None:
    d.open(problem(code, f"refund/{refund.id}", title, d.order.channel, {"refund": refund.id}), CREDIT)


def _line(order: Order, part: Part, basis: str) -> CreditLine:
    net, tax = part.net.on(basis), part.tax.on(basis)
    if isinstance(part, RefundedLine):
        own = next((line for line in order.lines if line.id == part.line_id), None)
        title, sku = (own.title, own.sku) if own is not None else (part.line_id, part.sku)
        restock = part.restock is not Restock.NONE
        how = _taxed(own.taxes if own is not None else ())
        quantity = part.quantity if own is None else in_goods(own, part.quantity)
        return CreditLine("item", title, quantity, net, tax, part.line_id, sku or part.sku, restock, *how)
    if isinstance(part, RefundedCharge):
        how = _taxed(next((one.taxes for one in order.charges if one.kind is part.kind), ()))
        kind = part.kind.value
        return CreditLine(kind, kind.capitalize(), Decimal(1), net, tax, part.id, None, False, *how)
    return CreditLine("adjustment", part.reason or "Refund", Decimal(1), net, tax)


def _taxed(taxes: tuple[TaxLine, ...]) -> tuple[str | None, Decimal | None, bool]:
    """How the order taxed it: the tax's name, the rate of the seller's own taxes, whether the channel pays it."""
    own = [tax for tax in taxes if not tax.channel_liable]
    rates = [tax.rate for tax in own if tax.amount.shop]  # a tax of nothing counts as none: it was exempted
    rate = None if None in rates else sum((each for each in rates if each is not None), ZERO)
    return taxes[0].title if taxes else None, rate if own else None, bool(taxes) and not own
