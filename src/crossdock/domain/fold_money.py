"""The fold of what tells of money: bills, captures, refunds, credits, settlements."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.domain import entries as e
from crossdock.domain.fold_returns import goods_came_back
from crossdock.domain.funds import Fund, FundOpened, FundUsed, PaymentsRead, SurplusSeen
from crossdock.domain.money import ZERO, Amount
from crossdock.domain.order import Order
from crossdock.domain.shares import credited
from crossdock.domain.standing import standing
from crossdock.domain.state import Billed, Credited, OrderState, Refunded, climb

_replace = msgspec.structs.replace


def _invoice_taken(state: OrderState, entry: e.InvoiceTaken) -> None:
    state.invoices[entry.invoice.id] = Billed(entry.invoice, entry.source)
    climb(state, "financial", "invoiced" if billed_whole(state) else "partly_invoiced")


def billed(state: OrderState) -> Decimal:
    """What all invoices come to."""
    return sum((each.invoice.total for each in state.invoices.values()), ZERO)


def owed(order: Order, state: OrderState) -> Amount:
    """What the order comes to without the units that were cancelled before they left."""
    return standing(order, state.refunded()).totals.total


def billed_whole(state: OrderState) -> bool:
    """Whether the invoices come to what the order now comes to, on either side that may be booked."""
    if state.order is None or not state.invoices:
        return False
    total = owed(state.order, state)
    sum_ = billed(state)
    return sum_ in (total.shop, total.on("presentment"))


def _refund_taken(state: OrderState, entry: e.RefundTaken) -> None:
    state.refunds[entry.refund.id] = Refunded(entry.refund, entry.source, entry.at, entry.billed, entry.echo)
    goods_came_back(state)


def _refund_refused(state: OrderState, entry: e.RefundRefused) -> None:
    state.refunds[entry.refund.id] = Refunded(entry.refund, entry.source, entry.at, refused=entry.reason)


def _credit_taken(state: OrderState, entry: e.CreditTaken) -> None:
    state.credits[entry.credit.id] = Credited(entry.credit, entry.source, entry.at, entry.ours)
    if not entry.ours:
        credited_further(state)


def _payments_asked(state: OrderState, entry: e.PaymentsAsked) -> None:
    state.payments_asked = entry.content
    state.payments_nth = entry.nth or state.payments_nth


def _payment_taken(state: OrderState, entry: e.PaymentTaken) -> None:
    state.captures[entry.capture.id] = entry.capture


def _payments_read(state: OrderState, entry: PaymentsRead) -> None:
    state.payments_read = True


def _fund_opened(state: OrderState, entry: FundOpened) -> None:
    state.funds[entry.payment] = Fund(entry.amount, entry.kind, entry.at)


def _fund_used(state: OrderState, entry: FundUsed) -> None:
    fund = state.funds[entry.payment]
    state.funds[entry.payment] = _replace(fund, uses=(*fund.uses, entry.use))


def _surplus_seen(state: OrderState, entry: SurplusSeen) -> None:
    state.surplus = entry.amount


def credited_further(state: OrderState) -> None:
    """Climb the axis as far as what was billed is credited."""
    sums = [credited(state, basis) for basis in ("shop", "presentment")]
    bills = billed(state)
    climb(state, "financial", "credited" if bills and bills in sums else "partly_credited")


def _refund_paid(state: OrderState, entry: e.RefundPaid) -> None:
    before = state.paid_out.get(entry.refund, ZERO)
    state.paid_out = {**state.paid_out, entry.refund: before + entry.amount}


def _settlement_asked(state: OrderState, entry: e.SettlementAsked) -> None:
    state.settlements = (*state.settlements, entry.settlement)


def _settlements_told(state: OrderState, entry: e.SettlementsTold) -> None:
    state.told = entry.refunds


MONEY_FOLDS: Mapping[type, Callable[[OrderState, Any], None]] = {
    e.InvoiceTaken: _invoice_taken,
    e.RefundTaken: _refund_taken,
    e.RefundRefused: _refund_refused,
    e.CreditTaken: _credit_taken,
    e.PaymentsAsked: _payments_asked,
    e.PaymentTaken: _payment_taken,
    PaymentsRead: _payments_read,
    FundOpened: _fund_opened,
    FundUsed: _fund_used,
    SurplusSeen: _surplus_seen,
    e.RefundPaid: _refund_paid,
    e.SettlementAsked: _settlement_asked,
    e.SettlementsTold: _settlements_told,
}
