"""Where an order is booked, and how far it is billed. Pure.

What payments, deposits and refunds ask alike.
"""

from typing import NamedTuple

from crossdock.domain.decision import Policy
from crossdock.domain.draft import Draft
from crossdock.domain.fold_money import billed_whole
from crossdock.domain.state import OrderState

ADVANCE = "advance"  # the route's ``payments``: each capture is a deposit on the sales order


class Account(NamedTuple):
    """Where the order is booked."""

    erp: str
    ref: str
    customer: str
    currency: str


def account_of(d: Draft, policy: Policy) -> Account | None:
    """Where the order is booked, once it is."""
    state = d.state
    if state.erp is None or state.erp_ref is None or state.customer_ref is None:
        return None
    return Account(state.erp, state.erp_ref, state.customer_ref, d.order.currency_on(policy.basis))


def all_billed(state: OrderState) -> bool:
    """Whether what is to be billed is. Until then a refund has nothing to be credited against."""
    return bool(state.invoices) and (billed_whole(state) or state.finished("invoice") or state.ended is not None)


def called_off(state: OrderState) -> bool:
    """Whether the sale was taken back before anything of it was billed: nothing will be."""
    undone = state.cancel is not None and state.cancel.way == "undo"
    return not state.invoices and (undone or state.ended == "cancelled")
