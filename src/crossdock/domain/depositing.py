"""Captures in advance: each is a deposit on the sales order, applied to the invoices as they are made.

Where the route says ``payments: advance``. The channel is asked what it took as soon as the order is booked, and our
own invoice waits for its answer. A capture that becomes known when the order is billed whole is a payment. Either is
made of the whole capture, so that deposits and payments together are what the channel took, to the cent.
"""

from collections.abc import Iterator
from decimal import Decimal

from crossdock.domain.account import ADVANCE, Account, all_billed, called_off
from crossdock.domain.captures import EXCEEDS, TAKEN, ask, surplus, tell_surplus
from crossdock.domain.commands import Applied, ApplyDeposit, Drawn, PayRefund, PostDeposit, PostPayment
from crossdock.domain.decision import Policy
from crossdock.domain.draft import Draft
from crossdock.domain.fulfilment import Invoice
from crossdock.domain.funds import DEPOSITED, PAID, FundOpened, FundUsed, SurplusSeen, Use, used_for
from crossdock.domain.money import ZERO
from crossdock.domain.order import Capture
from crossdock.domain.posting import moved_day
from crossdock.domain.problems import problem
from crossdock.domain.process import APPLY, DEPOSIT, PAY, PAYMENT
from crossdock.domain.refund import Refund
from crossdock.domain.state import OrderState

SHORT = "refund.exceeds_deposit"


def settle(d: Draft, policy: Policy, account: Account) -> None:
    """Ask what was taken, open a document of every capture, and apply what was deposited to what is billed."""
    if not called_off(d.state):
        ask(d)
        _open(d, policy, account)
        _apply(d, policy, account)
    _compare(d, policy)


def awaits(state: OrderState, policy: Policy) -> bool:
    """Whether money may have been taken that is not known yet: then the order is not billed by us."""
    return policy.payments == ADVANCE and state.axes.payment in TAKEN and not state.payments_read


def _open(d: Draft, policy: Policy, account: Account) -> None:
    for capture in list(_unopened(d.state, policy)):
        if all_billed(d.state):
            _pay(d, policy, account, capture)
        else:
            d.note(FundOpened(capture.id, DEPOSITED, capture.amount.on(policy.basis), d.now))
            d.send(DEPOSIT, account.erp, _deposit(d, policy, account, capture), capture.id)


def _unopened(state: OrderState, policy: Policy) -> Iterator[Capture]:
    """The captures that the ERP is to have and was not asked for yet."""
    for capture in state.captures.values():
        # One may have been posted when the route still said ``payment``.
        known = capture.id in state.funds or state.command_of(PAYMENT, capture.id) is not None
        if not known and capture.amount.on(policy.basis) > ZERO:
            yield capture


def _deposit(d: Draft, policy: Policy, account: Account, capture: Capture) -> PostDeposit:
    return PostDeposit(
        order_key=d.order.key,
        erp_ref=account.ref,
        payment_id=capture.id,
        paid_at=capture.captured_at,
        source=d.order.channel,
        gateway=capture.gateway,
        currency=account.currency,
        customer_ref=account.customer,
        amount=capture.amount.on(policy.basis),
        gift_card=capture.gift_card,
        posted_on=moved_day(policy, capture.captured_at),
    )


def _pay(d: Draft, policy: Policy, account: Account, capture: Capture) -> None:
    """The whole capture; what no invoice has open stays on the customer's account."""
    amount = capture.amount.on(policy.basis)
    applied = take(open_invoices(d.state), amount)
    d.note(FundOpened(capture.id, PAID, amount, d.now))
    for one in applied:
        d.note(FundUsed(capture.id, Use(one.amount, invoice=one.invoice), d.now))
    d.send(PAYMENT, account.erp, payment_of(d, policy, account, capture, applied, amount), capture.id)


def payment_of(
    d: Draft,
    policy: Policy,
    account: Account,
    capture: Capture,
    applied: tuple[Applied, ...],
    amount: Decimal | None = None,
) -> PostPayment:
    """The payment that a capture is; ``amount``: None for what of it is applied."""
    return PostPayment(
        order_key=d.order.key,
        erp_ref=account.ref,
        payment_id=capture.id,
        paid_at=capture.captured_at,
        source=d.order.channel,
        gateway=capture.gateway,
        currency=account.currency,
        customer_ref=account.customer,
        amount=sum((one.amount for one in applied), ZERO) if amount is None else amount,
        apply=applied,
        gift_card=capture.gift_card,
        posted_on=moved_day(policy, capture.captured_at),
    )


def open_invoices(state: OrderState) -> dict[str, Decimal]:
    """What no fund settles of each invoice, by the ERP's id."""
    return {ref: each.invoice.total - used_for(state.funds, invoice=ref) for ref, each in state.invoices.items()}


def take(open_: dict[str, Decimal], amount: Decimal) -> tuple[Applied, ...]:
    """Settle invoices with an amount; ``open_`` is less by it afterwards."""
    applied = []
    for ref, left in open_.items():
        part = min(left, amount)
        if part > ZERO:
            applied.append(Applied(ref, part))
            open_[ref], amount = left - part, amount - part
    return tuple(applied)


def _apply(d: Draft, policy: Policy, account: Account) -> None:
    """Each invoice takes what the deposits that stand have left, the oldest first."""
    for each in list(d.state.invoices.values()):
        invoice = each.invoice
        for id_, ref in _standing(d.state).items():
            fund = d.state.funds[id_]
            part = min(open_invoices(d.state)[invoice.id], fund.rest)
            nth = 1 + sum(use.invoice == invoice.id for use in fund.uses)  # the ERP's people may raise an invoice
            if part > ZERO and invoice.currency == account.currency:
                d.note(FundUsed(id_, Use(part, invoice=invoice.id), d.now))
                payload = _application(d, policy, account, id_, ref, invoice, part, nth)
                d.send(APPLY, account.erp, payload, f"{id_}/{invoice.id}" + (f"/{nth}" if nth > 1 else ""))


def _application(
    d: Draft, policy: Policy, account: Account, payment_id: str, ref: str, invoice: Invoice, amount: Decimal, nth: int
) -> ApplyDeposit:
    at = max(d.state.captures[payment_id].captured_at, invoice.invoiced_at)
    return ApplyDeposit(
        order_key=d.order.key,
        erp_ref=account.ref,
        payment_id=payment_id,
        deposit_ref=ref,
        invoice=invoice.id,
        amount=amount,
        applied_at=at,
        posted_on=moved_day(policy, at),
        nth=nth,
    )


def _standing(state: OrderState) -> dict[str, str]:
    """The deposits that the ERP has: capture -> the ERP's id, empty where a person did not say."""
    found = {}
    for id_, fund in state.funds.items():
        sent = state.command_of(DEPOSIT, id_) if fund.kind == DEPOSITED else None
        if sent is not None and sent[1].status == "done":
            found[id_] = sent[1].refs.get("customerDeposit", "")
    return found


def draw(d: Draft, policy: Policy, account: Account, refund: Refund, amount: Decimal) -> None:
    """Record what went back out of the deposits, once they stand; a person is asked where they do not have as much."""
    state = d.state
    due = amount - used_for(state.funds, refund=refund.id)
    if due <= ZERO or _unsettled(state, policy) or (called_off(state) and not state.funds):
        return
    standing = _standing(state)
    rest = {id_: state.funds[id_].rest for id_ in standing}
    key, known = f"refund/{refund.id}", state.problems.get(f"refund/{refund.id}")
    if sum(rest.values(), ZERO) < due:
        title = f"The refund gives {due:f} back, the deposits have {sum(rest.values(), ZERO):f} left"
        d.open(problem(SHORT, key, title, d.order.channel, {"refund": refund.id}), PAY)
        return
    if known is not None and known.code == SHORT:
        d.settle(key)
    nth = 1 + sum(1 for one in state.commands.values() if (one.subject or "").startswith(f"{refund.id}/deposit"))
    drawn = tuple(Drawn(one.invoice, standing[one.invoice], one.amount) for one in take(rest, due))
    for one in drawn:
        d.note(FundUsed(one.payment_id, Use(one.amount, refund=refund.id), d.now))
    payload = repayment(d, policy, account, refund, due, drawn=drawn, nth=nth)
    d.send(PAY, account.erp, payload, f"{refund.id}/deposit" + (f"-{nth}" if nth > 1 else ""))


def repayment(
    d: Draft,
    policy: Policy,
    account: Account,
    refund: Refund,
    amount: Decimal,
    credit_ref: str | None = None,
    drawn: tuple[Drawn, ...] = (),
    nth: int = 1,
) -> PayRefund:
    """What went back with a refund: out of its credit memo, or, without one, out of deposits."""
    return PayRefund(
        order_key=d.order.key,
        erp_ref=account.ref,
        refund_id=refund.id,
        refunded_at=refund.refunded_at,
        currency=account.currency,
        customer_ref=account.customer,
        amount=amount,
        credit_ref=credit_ref,
        posted_on=moved_day(policy, refund.refunded_at),
        drawn=drawn,
        nth=nth,
    )


def _unsettled(state: OrderState, policy: Policy) -> bool:
    """Whether what stands of the deposits is still to be told: by the channel, by the ERP, or by a person."""
    if not called_off(state) and (awaits(state, policy) or any(_unopened(state, policy))):
        return True
    sent = [state.command_of(DEPOSIT, id_) for id_, fund in state.funds.items() if fund.kind == DEPOSITED]
    return any(one is not None and one[1].status in ("open", "failed") for one in sent)


def _compare(d: Draft, policy: Policy) -> None:
    """Money that neither the bill nor a refund explains is somebody's: told once for each sum."""
    state = d.state
    if not all_billed(state) and not (called_off(state) and state.ended is not None):
        return
    over = max(surplus(state, policy), ZERO)
    if over == state.surplus:
        return
    d.note(SurplusSeen(over, d.now))
    if over > ZERO:
        tell_surplus(d, over)
    else:
        d.settle(EXCEEDS)
