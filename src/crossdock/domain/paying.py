"""What passes between channel and ERP about a bill: captures as payments, and the invoices shown in the channel.

Captures become payments applied to the invoices where the route says ``payments: payment``.

Asked for when the order is billed whole, once for each payment status from then on: the channel's own list of its
transactions is believed, whatever webhooks were lost. What was taken for units that were never billed went back with
them, so no more is posted than was billed.
"""

from decimal import Decimal

from crossdock.domain import entries as e
from crossdock.domain.commands import Applied, PostPayment, PublishInvoice
from crossdock.domain.decision import Policy, StreamRef, Tell
from crossdock.domain.draft import Draft
from crossdock.domain.events import PaymentsSeen, SignalSeen
from crossdock.domain.evolve import billed
from crossdock.domain.money import ZERO
from crossdock.domain.posting import moved_day
from crossdock.domain.problems import problem
from crossdock.domain.process import PAYMENT, PUBLISH
from crossdock.domain.refund import paid_back
from crossdock.domain.refunding import Account, account_of, all_billed

KIND = "payments"  # what the channel is asked to read
_EXCEEDS = "payment/exceeds"
_TAKEN = frozenset({"partially_paid", "paid", "partially_refunded", "refunded"})  # something was captured


def publish_invoices(d: Draft, policy: Policy) -> None:
    """Let the channel show every invoice that the ERP made, ours or its people's, where the route says so."""
    if not policy.publish_invoices:
        return
    for id_, each in d.state.invoices.items():
        d.send(PUBLISH, d.order.channel, PublishInvoice(d.order.external_id, each.invoice), id_)


def payments_seen(d: Draft, event: PaymentsSeen) -> None:
    """Take the captures that are not known yet; a capture is never changed.

    More than the bill and what went back again is somebody's money: a person finds out whose, once.
    """
    fresh = [capture for capture in event.captures if capture.id not in d.state.captures]
    for capture in fresh:
        d.note(e.PaymentTaken(capture, event.source, d.now))
        d.refer(event.source, "payment", capture.id)
    policy = d.policy
    if fresh and policy is not None and policy.payments == "payment" and (over := _over(d, policy)) > ZERO:
        title = f"The channel took {over:f} more than was billed and paid back"
        d.open(problem("payment.exceeds_bill", _EXCEEDS, title, d.order.channel, {"over": f"{over:f}"}), PAYMENT)


def settle(d: Draft, policy: Policy) -> None:
    """Ask what was taken, and open a payment for every capture that is known, once for ever."""
    if policy.payments != "payment" or not all_billed(d.state):
        return
    account = account_of(d, policy)
    if account is None:
        return
    _ask(d)
    _post(d, policy, account)
    if _over(d, policy) <= ZERO:
        d.settle(_EXCEEDS)


def _ask(d: Draft) -> None:
    status = d.state.axes.payment
    content = f"{KIND}/{status}"
    if status not in _TAKEN or d.state.payments_asked == content:
        return
    d.note(e.PaymentsAsked(content, d.now))
    order = d.order
    to = StreamRef("signal", f"{order.channel}:{KIND}:{order.external_id}")
    d.decision.tells.append(Tell(to, SignalSeen(order.channel, KIND, order.external_id, content)))


def _post(d: Draft, policy: Policy, account: Account) -> None:
    """Each capture settles what the ones before it left of the invoices, in the order in which both became known."""
    open_: dict[str, Decimal] = {ref: each.invoice.total for ref, each in d.state.invoices.items()}
    for capture in list(d.state.captures.values()):
        applied = _take(open_, capture.amount.on(policy.basis))
        if not applied:
            continue
        payload = PostPayment(
            order_key=d.order.key,
            erp_ref=account.ref,
            payment_id=capture.id,
            paid_at=capture.captured_at,
            source=d.order.channel,
            gateway=capture.gateway,
            currency=account.currency,
            customer_ref=account.customer,
            amount=sum((one.amount for one in applied), ZERO),
            apply=applied,
            gift_card=capture.gift_card,
            posted_on=moved_day(policy, capture.captured_at),
        )
        d.send(PAYMENT, account.erp, payload, capture.id)


def _take(open_: dict[str, Decimal], amount: Decimal) -> tuple[Applied, ...]:
    """Settle invoices with an amount; ``open_`` is less by it afterwards."""
    applied = []
    for ref, left in open_.items():
        part = min(left, amount)
        if part > ZERO:
            applied.append(Applied(ref, part))
            open_[ref], amount = left - part, amount - part
    return tuple(applied)


def _over(d: Draft, policy: Policy) -> Decimal:
    taken = sum((one.amount.on(policy.basis) for one in d.state.captures.values()), ZERO)
    back = sum((paid_back(refund, policy.basis) for refund in d.state.refunded()), ZERO)
    return taken - billed(d.state) - back
