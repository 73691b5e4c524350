"""The order process as data: the ordered list of steps that the console shows with ticks, times and reasons."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from crossdock.domain.decision import Policy
from crossdock.domain.order import Order
from crossdock.domain.state import OrderState, shippable

ASK = "ask a person"
CHECK, WAIT, COMMAND, END = "check", "wait", "command", "end"
# Steps with several commands.
PER_SHIPMENT, PER_REFUND, PER_PAYMENT, PER_INVOICE = "per_shipment", "per_refund", "per_payment", "per_invoice"
PER_RETURN = "per_return"

Skips = Callable[[OrderState, Order, Policy], str | None]


def _always(state: OrderState, order: Order, policy: Policy) -> str | None:
    return None


def _released(state: OrderState, order: Order, policy: Policy) -> str | None:
    if not shippable(order):
        return "nothing to ship"
    return None if policy.warehouse or state.warehouse else "the route has no warehouse"


def _shipped(state: OrderState, order: Order, policy: Policy) -> str | None:
    return None if state.shipments else _released(state, order, policy)


class ProcessStep(msgspec.Struct, frozen=True):
    """One step. ``skips`` gives the reason why it does not apply, or None when it does."""

    name: str
    title: str
    kind: str  # check, wait, command, per_shipment, per_refund, per_payment, per_invoice, per_return, end
    means: str  # what it means that it is done
    skips: Skips = _always
    purpose: str | None = None  # the command it opens
    undo: str | None = None  # the command that takes it back, or "ask a person"


PROCESS: tuple[ProcessStep, ...] = (
    ProcessStep("validate.customer", "Validate customer", CHECK, "The buyer is a customer of the ERP"),
    ProcessStep("validate.products", "Validate products", CHECK, "Every product is an active item of the ERP"),
    ProcessStep("prove.totals", "Prove totals", CHECK, "All parts come to the channel's total, to the cent"),
    ProcessStep("confirm.payment", "Confirm payment", CHECK, "The money is as far as the route asks for"),
    ProcessStep("screen.holds", "Screen for holds", CHECK, "No rule holds the order"),
    ProcessStep("edit.window", "Wait the edit window", WAIT, "The customer's time for changes is over"),
    ProcessStep(
        "order.book",
        "Book in ERP",
        COMMAND,
        "The ERP has the sales order",
        purpose="order.book",
        undo="booking.close",
    ),
    ProcessStep(
        "order.release",
        "Release to warehouse",
        COMMAND,
        "The warehouse may pick and ship",
        _released,
        "order.release",
        "release.cancel",
    ),
    ProcessStep("take.shipments", "Take shipments", WAIT, "Everything that ships has left", _shipped, undo=ASK),
    ProcessStep(
        "shipment.post",
        "Post shipments in ERP",
        PER_SHIPMENT,
        "The ERP has every shipment",
        _shipped,
        "shipment.post",
        ASK,
    ),
    ProcessStep(
        "fulfilment.push",
        "Push fulfilments to channel",
        PER_SHIPMENT,
        "The customer can see every shipment",
        _shipped,
        "fulfilment.push",
        ASK,
    ),
    ProcessStep("invoice", "Invoice", COMMAND, "The ERP has billed the order", purpose="invoice.make", undo=ASK),
    ProcessStep("done", "Done", END, "Nothing is left to do"),
)

# What takes the process back after a cancellation, in this order.
UNDO: tuple[ProcessStep, ...] = (
    ProcessStep(
        "release.cancel",
        "Stop the warehouse",
        COMMAND,
        "The warehouse will not ship",
        purpose="release.cancel",
        undo=ASK,
    ),
    ProcessStep(
        "booking.close",
        "Close the sales order",
        COMMAND,
        "The ERP's sales order is closed",
        purpose="booking.close",
        undo=ASK,
    ),
)

# What an edit or a refund may ask for beside the process. Shown where it was asked for.
AMEND, CREDIT, PAY, PUSH = "booking.amend", "refund.credit", "refund.pay", "refund.push"
PAYMENT, PUBLISH = "payment.post", "invoice.publish"
DEPOSIT, APPLY = "deposit.post", "deposit.apply"
TRACK, REPLACE = "tracking.push", "tracking.replace"
ANNOUNCE, RECALL, POST_BACK, TELL_BACK = "return.announce", "return.recall", "return.post", "return.push"
ASIDE: tuple[ProcessStep, ...] = (
    ProcessStep(
        AMEND,
        "Amend the sales order",
        COMMAND,
        "The ERP's sales order is what the channel shows",
        purpose=AMEND,
        undo=ASK,
    ),
    ProcessStep(
        DEPOSIT,
        "Record deposits in ERP",
        PER_PAYMENT,
        "The ERP has every payment in advance as a deposit on the sales order",
        purpose=DEPOSIT,
        undo=ASK,
    ),
    ProcessStep(
        APPLY,
        "Apply deposits in ERP",
        PER_PAYMENT,
        "The deposits settle the invoices",
        purpose=APPLY,
        undo=ASK,
    ),
    ProcessStep(
        PAYMENT,
        "Post payments in ERP",
        PER_PAYMENT,
        "The ERP has every payment that the channel took, applied to the invoice",
        purpose=PAYMENT,
        undo=ASK,
    ),
    ProcessStep(
        PUBLISH,
        "Show invoices in channel",
        PER_INVOICE,
        "The channel shows every invoice of the ERP",
        purpose=PUBLISH,
        undo=ASK,
    ),
    ProcessStep(
        TRACK,
        "Tell the channel where parcels are",
        PER_SHIPMENT,
        "The customer can see how far every parcel is",
        purpose=TRACK,
        undo=ASK,
    ),
    ProcessStep(
        REPLACE,
        "Tell the channel of new labels",
        PER_SHIPMENT,
        "The channel shows the tracking numbers that are on the parcels",
        purpose=REPLACE,
        undo=ASK,
    ),
    ProcessStep(
        ANNOUNCE,
        "Announce returns to warehouse",
        PER_RETURN,
        "The warehouse expects every authorised return",
        purpose=ANNOUNCE,
        undo=RECALL,
    ),
    ProcessStep(
        RECALL,
        "Call announced returns off",
        PER_RETURN,
        "The warehouse expects no return that was called off",
        purpose=RECALL,
        undo=ASK,
    ),
    ProcessStep(
        POST_BACK,
        "Post received goods in ERP",
        PER_RETURN,
        "The ERP has what came back, in stock or written off",
        purpose=POST_BACK,
        undo=ASK,
    ),
    ProcessStep(
        TELL_BACK,
        "Tell the channel what came back",
        PER_RETURN,
        "The channel knows what the warehouse received",
        purpose=TELL_BACK,
        undo=ASK,
    ),
    ProcessStep(
        CREDIT,
        "Credit refunds in ERP",
        PER_REFUND,
        "The ERP has a credit memo of every refund",
        purpose=CREDIT,
        undo=ASK,
    ),
    ProcessStep(PAY, "Record repayments in ERP", PER_REFUND, "The ERP knows what was paid back", purpose=PAY, undo=ASK),
    ProcessStep(
        PUSH, "Pay back in channel", PER_REFUND, "The customer has what the ERP credited", purpose=PUSH, undo=ASK
    ),
)

STEPS = {step.name: step for step in (*PROCESS, *UNDO, *ASIDE)}
_BY_PART = (PER_REFUND, PER_PAYMENT, PER_INVOICE)  # what goes on when the order has ended
MANY = frozenset(name for name, step in STEPS.items() if step.kind in (PER_SHIPMENT, PER_RETURN, *_BY_PART))
REFUNDING = frozenset(step.name for step in ASIDE if step.kind in _BY_PART)
# What may still be opened, fail and be skipped after the order ended.
AFTERWARDS = REFUNDING | {TRACK, REPLACE} | frozenset(step.name for step in ASIDE if step.kind == PER_RETURN)
CHECKS: tuple[str, ...] = tuple(step.name for step in PROCESS if step.kind == CHECK)


class StepView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step of one order for people."""

    name: str
    title: str
    status: str
    means: str
    at: datetime | None = None
    reason: str | None = None


def progress(state: OrderState) -> list[StepView]:
    """The process of one order, step by step, with what was asked for aside and what takes it back."""
    undo = UNDO if state.cancel is not None and state.cancel.way == "undo" else ()
    found = []
    for step in (*PROCESS, *(aside for aside in ASIDE if aside.name in state.steps), *undo):
        now = state.steps.get(step.name)
        status = "pending" if now is None else now.status
        found.append(
            StepView(step.name, step.title, status, step.means, now.at if now else None, now.reason if now else None)
        )
    return found + _refunding(state)


def _refunding(state: OrderState) -> list[StepView]:
    """What was opened for invoices, payments, refunds, returns and parcels, summed up: one command for each."""
    found = []
    for step in ASIDE:
        intents = [intent for intent in state.commands.values() if intent.step == step.name]
        if step.kind in (PER_SHIPMENT, PER_RETURN, *_BY_PART) and intents:
            statuses = {intent.status for intent in intents}
            status = "failed" if "failed" in statuses else "running" if "open" in statuses else "done"
            at = max(intent.at for intent in intents)
            count = sum(intent.status in ("done", "skipped") for intent in intents)
            found.append(StepView(step.name, step.title, status, step.means, at, f"{count} of {len(intents)}"))
    return found
