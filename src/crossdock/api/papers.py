"""What an order's aftermath is made of, for people: rows of goods and money, and documents asked of other systems."""

from decimal import Decimal

import msgspec

from crossdock.domain.process import ANNOUNCE, APPLY, CREDIT, DEPOSIT, PAY, PAYMENT, POST_BACK, PUSH, RECALL, TELL_BACK
from crossdock.domain.state import OrderState

_TITLES = {
    CREDIT: "Credit memo",
    PAY: "Repayment",
    PAYMENT: "Payment",
    DEPOSIT: "Deposit",
    APPLY: "Deposit applied",
    PUSH: "Paid back in the channel",
    ANNOUNCE: "Announced to the warehouse",
    RECALL: "Called off at the warehouse",
    POST_BACK: "Receipt in the ERP",
    TELL_BACK: "Told to the channel",
}


class Given(msgspec.Struct, frozen=True):
    """One row of a refund or a return. Amounts are the shop's side."""

    what: str
    quantity: str = ""
    net: Decimal | None = None
    tax: Decimal | None = None
    became: str = ""  # of goods: back into stock, not put back, never left


class Paper(msgspec.Struct, frozen=True):
    """A document that was asked of another system: ``status`` open, done, failed, skipped."""

    title: str
    target: str
    status: str
    refs: tuple[str, ...] = ()


def title_of(state: OrderState, line_id: str) -> str:
    """The product of a line; its id where the order does not have it."""
    lines = state.order.lines if state.order is not None else ()
    return next((line.title for line in lines if line.id == line_id), line_id)


def papers_of(state: OrderState, steps: tuple[str, ...], subject: str | None = None) -> tuple[Paper, ...]:
    """The documents of some steps, of one subject (and what is below it) or of all."""
    return tuple(
        Paper(_TITLES[intent.step], intent.target, intent.status, tuple(intent.refs.values()))
        for intent in state.commands.values()
        if intent.step in steps and (subject is None or f"{intent.subject}/".startswith(f"{subject}/"))
    )
