"""What the channel took for an order: asked for when the ERP is to have it, and taken once.

The channel's own list of its transactions is believed, whatever webhooks were lost. It is asked for each payment
status, and for each sum that the channel says it has: a second capture may leave the status as it was.
"""

from decimal import Decimal

from crossdock.domain import entries as e
from crossdock.domain.account import ADVANCE
from crossdock.domain.decision import Policy, StreamRef, Tell
from crossdock.domain.draft import Draft
from crossdock.domain.events import PaymentsSeen, SignalSeen
from crossdock.domain.fold_money import billed
from crossdock.domain.funds import PaymentsRead
from crossdock.domain.money import ZERO, exactly
from crossdock.domain.problems import problem
from crossdock.domain.process import PAYMENT
from crossdock.domain.refund import paid_back
from crossdock.domain.state import OrderState

KIND = "payments"  # what the channel is asked to read
EXCEEDS = "payment/exceeds"
TAKEN = frozenset({"partially_paid", "paid", "partially_refunded", "refunded"})  # something was captured


def payments_seen(d: Draft, event: PaymentsSeen) -> None:
    """Take the captures that are not known yet; a capture is never changed.

    More than the bill and what went back again is somebody's money: a person finds out whose, once.
    """
    fresh = [capture for capture in event.captures if capture.id not in d.state.captures]
    for capture in fresh:
        d.note(e.PaymentTaken(capture, event.source, d.now))
        d.refer(event.source, "payment", capture.id)
    policy = d.policy
    if policy is None:
        return
    if policy.payments == ADVANCE and not d.state.payments_read:
        d.note(PaymentsRead(d.now))
    if fresh and policy.payments == "payment" and (over := surplus(d.state, policy)) > ZERO:
        tell_surplus(d, over)


def surplus(state: OrderState, policy: Policy) -> Decimal:
    """What was taken beyond what is billed and what went back."""
    taken = sum((one.amount.on(policy.basis) for one in state.captures.values()), ZERO)
    back = sum((paid_back(refund, policy.basis) for refund in state.refunded()), ZERO)
    return taken - billed(state) - back


def tell_surplus(d: Draft, over: Decimal) -> None:
    title = f"The channel took {over:f} more than was billed and paid back"
    d.open(problem("payment.exceeds_bill", EXCEEDS, title, d.order.channel, {"over": f"{over:f}"}), PAYMENT)


def ask(d: Draft) -> None:
    """Ask the channel what it took, once for each state of the order in which it may tell something else."""
    state, order = d.state, d.order
    content, by_sum = _seen(state)
    if state.axes.payment not in TAKEN or state.payments_asked == content:
        return
    nth = state.payments_nth + 1 if by_sum else 0
    d.note(e.PaymentsAsked(content, d.now, nth))
    to = StreamRef("signal", f"{order.channel}:{KIND}:{order.external_id}")
    # A signal of equal content is read once, and a sum may come again with other captures in it: the count tells.
    asked = f"{content}/{nth}" if by_sum else content
    d.decision.tells.append(Tell(to, SignalSeen(order.channel, KIND, order.external_id, asked)))


def _seen(state: OrderState) -> tuple[str, bool]:
    """What the channel's list of captures hangs on, and whether it is told by sums.

    Refunds count too: one that equals a capture leaves the sum as it was.
    """
    view, content = state.newest, f"{KIND}/{state.axes.payment}"
    if view is None or view.paid is None:
        return content, False
    return f"{content}/{exactly(view.paid, view.currency)}/{len(state.refunds)}", True
