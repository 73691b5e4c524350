"""Every problem an order can have: stable code, class, owner and what to do. The console and the docs read this."""

from collections.abc import Mapping
from typing import Any

import msgspec

from crossdock.domain.decision import Problem
from crossdock.domain.hold import Hold
from crossdock.domain.outcome import Conflict, Misconfigured, OutcomeUnknown, Rejected, RetryLater
from crossdock.domain.reconciling import DIFFERENCES


class Kind(msgspec.Struct, frozen=True):
    """``klass``: data, mapping, match, rejected, unknown_outcome, conflict, exhausted, hold, promise, privacy, bug."""

    klass: str
    owner: str
    hint: str


CATALOGUE: Mapping[str, Kind] = {
    "route.missing": Kind("mapping", "integration", "Add a route for this channel to crossdock.yaml, then retry."),
    "customer.unknown": Kind(
        "mapping",
        "customer_service",
        "Create the customer in the ERP, or set guest_customer on the route. The order goes on when it is read.",
    ),
    "customer.doubtful": Kind(
        "match",
        "customer_service",
        "Compare the buyer with the candidates in the ERP; link the right one, or make a customer there and link it.",
    ),
    "customer.no_email": Kind(
        "mapping", "customer_service", "Add an e-mail to the order in the channel, or set guest_customer on the route."
    ),
    "customer.inactive": Kind("data", "customer_service", "Make the customer active in the ERP, then retry."),
    "product.no_sku": Kind(
        "data", "catalogue", "Give the product a SKU in the channel; the next view of the order has it."
    ),
    "product.unknown": Kind(
        "mapping",
        "catalogue",
        "Create the item in the ERP or correct the SKU in the channel. The order goes on when it is read.",
    ),
    "product.unit": Kind(
        "mapping",
        "catalogue",
        "Enter the unit in the ERP, have units read (read_units on the connection), or correct the order; then retry.",
    ),
    "product.inactive": Kind(
        "data", "catalogue", "Make the item active in the ERP or replace it on the order, then retry."
    ),
    "totals.unbalanced": Kind(
        "data",
        "finance",
        "Compare the money proof with the channel's order; correct it there, or skip the proof with a reason.",
    ),
    "totals.rounding": Kind(
        "data",
        "finance",
        "The declared rounding is above rounding_ceiling: raise the ceiling on the route or skip the proof.",
    ),
    "payment.reversed": Kind(
        "data",
        "finance",
        "The money went back before booking: cancel the order, or skip the payment step with a reason.",
    ),
    "payment.exceeds_bill": Kind(
        "data",
        "finance",
        "The channel took more than the ERP billed and what was paid back: find what the rest is for, then resolve.",
    ),
    "order.nothing_left": Kind(
        "data",
        "customer_service",
        "Cancel the order here or in the channel. What is kept all the same, as for shipping, is invoiced in the ERP.",
    ),
    "order.held": Kind("hold", "operations", "Look at what the rule saw; release the hold with a reason, or cancel."),
    "order.edited_after_booking": Kind(
        "conflict",
        "customer_service",
        "Make the change in the ERP and the warehouse, then resolve; the newer view is then in force.",
    ),
    "order.edited_after_shipment": Kind(
        "conflict",
        "customer_service",
        "Goods have left: agree a return, a refund or a new order with the customer, then resolve. Added lines become "
        "an order of their own by themselves; where they did not, the facts say why.",
    ),
    "order.edited_after_invoice": Kind(
        "conflict",
        "finance",
        "The order is billed: agree a refund or a new order with the customer, then resolve. Added lines become an "
        "order of their own by themselves; where they did not, the facts say why.",
    ),
    "order.cancelled_after_shipment": Kind(
        "conflict",
        "customer_service",
        "Goods have left: stop the rest in the warehouse and agree a return with the customer, then resolve.",
    ),
    "order.cancelled_after_invoice": Kind(
        "conflict",
        "finance",
        "The order is billed: see that its refund is credited, close the sales order in the ERP, then resolve.",
    ),
    "order.shipped_after_cancel": Kind(
        "conflict",
        "customer_service",
        "Goods left although the order is cancelled: call them back or agree with the customer.",
    ),
    "shipment.unknown_line": Kind(
        "data",
        "warehouse",
        "The shipment names a line or SKU that the order does not have: correct it in the warehouse.",
    ),
    "shipment.exceeds_order": Kind(
        "data",
        "warehouse",
        "More left than was ordered: count with the warehouse, then resolve. It is neither posted nor pushed.",
    ),
    "shipment.not_positive": Kind(
        "data", "warehouse", "A shipped quantity is zero or negative: correct it in the warehouse."
    ),
    "shipment.splits_unit": Kind(
        "data",
        "warehouse",
        "A case left in parts: tell the channel's people what left, then resolve. The ERP has it already.",
    ),
    "shipment.changed": Kind(
        "conflict",
        "warehouse",
        "The warehouse changed a shipment that is already taken: correct the ERP and the channel by hand.",
    ),
    "shipment.duplicate_tracking": Kind(
        "data",
        "warehouse",
        "Same tracking number and same lines as another shipment: tell the warehouse, then resolve.",
    ),
    "parcel.exception": Kind(
        "data",
        "customer_service",
        "Ask the carrier what is wrong (address, damage, loss) and tell the customer. It settles when it is delivered.",
    ),
    "parcel.returned": Kind(
        "data",
        "customer_service",
        "Agree with the customer: send it again, or refund it in the channel when it is back in stock. Then resolve.",
    ),
    "release.cancelled_there": Kind(
        "conflict",
        "warehouse",
        "The warehouse cancelled what we released: release it again there, or cancel the order.",
    ),
    "refund.unbalanced": Kind(
        "data",
        "finance",
        "The refund's parts do not come to what was paid: compare it with the channel, credit it in the ERP, resolve.",
    ),
    "refund.unknown_line": Kind(
        "data",
        "finance",
        "The refund names a line that the order does not have: credit it in the ERP by hand, resolve.",
    ),
    "refund.exceeds_order": Kind(
        "data",
        "finance",
        "More was refunded than was sold: compare it with the channel, credit what is right in the ERP, resolve.",
    ),
    "refund.changed": Kind(
        "conflict",
        "finance",
        "The channel changed a refund that is taken already: compare it with the ERP's credit memo, then resolve.",
    ),
    "refund.keeps_money": Kind(
        "data", "finance", "More was kept back than is credited: bill the difference in the ERP, then resolve."
    ),
    "refund.not_billed": Kind(
        "conflict",
        "finance",
        "The ERP has no invoice to credit: bill the order there, or settle the refund there by hand, then resolve.",
    ),
    "refund.exceeds_deposit": Kind(
        "data",
        "finance",
        "The deposits do not have what went back: pay it back in the ERP by hand, then resolve.",
    ),
    "refund.unknown_credit": Kind(
        "data",
        "finance",
        "Find in the ERP which order's credit memo it paid back, and whether it stands, then resolve.",
    ),
    "refund.made_in_erp": Kind(
        "data",
        "finance",
        "The ERP's people made a credit memo: pay it back in the channel, resolve; or set push_refunds on the route.",
    ),
    "return.exceeds_shipped": Kind(
        "data",
        "warehouse",
        "More came back than had left: count with the warehouse. It is looked at again when a shipment is told.",
    ),
    "return.unauthorised": Kind(
        "data",
        "warehouse",
        "More came back than was authorised: authorise it in the channel, or post and credit it by hand, then resolve.",
    ),
    "return.unknown_line": Kind(
        "data",
        "warehouse",
        "Goods came back that the order does not have: find whose they are, post them in the ERP by hand, resolve.",
    ),
    "return.not_received": Kind(
        "data",
        "customer_service",
        "The money went back, the goods did not come: ask the customer and the warehouse. If they are elsewhere, book "
        "them in the ERP by hand; then resolve. It settles when they come.",
    ),
    "return.stock_differs": Kind(
        "conflict",
        "finance",
        "The ERP was told otherwise than the warehouse now says: correct its stock by hand, then resolve.",
    ),
    "settlement.unbalanced": Kind(
        "data",
        "finance",
        "Compare the settlement's lines with the channel's statement; enter it in the ERP by hand, then resolve.",
    ),
    "settlement.unmatched": Kind(
        "data",
        "finance",
        "Find the orders, then retry; or skip the step settlement.match: their lines are posted to suspense.",
    ),
    "settlement.unknown_kind": Kind(
        "mapping",
        "finance",
        "A line of a new kind: skip the step settlement.kinds to post it to suspense, or resolve by hand.",
    ),
    "settlement.period_closed": Kind(
        "hold",
        "finance",
        "Open the period (closed_through on the route) and retry, or set closed_period: next_day.",
    ),
    "settlement.changed": Kind(
        "conflict",
        "finance",
        "The channel tells other amounts than before: compare them with the ERP's document, correct it there, resolve.",
    ),
    "settlement.returned": Kind(
        "conflict",
        "finance",
        "The bank sent the deposit back after it was posted: reverse the ERP's document, then resolve.",
    ),
    "promise.late": Kind(
        "promise",
        "customer_service",
        "Remove what delays it, or tell the customer and resolve. In time again, it settles itself.",
    ),
    "privacy.data_request": Kind(
        "privacy",
        "customer_service",
        "Collect what is kept of the customer and give it to the shop's owner by the day named (docs: security, "
        "privacy requests), then resolve.",
    ),
    "privacy.redact": Kind(
        "privacy",
        "customer_service",
        "Erase the customer's data here and in the systems behind by the day named, unless a law has you keep it "
        "(docs: security, privacy requests), then resolve.",
    ),
    "privacy.shop_redact": Kind(
        "privacy",
        "operations",
        "The app was uninstalled: take the connection out and erase what came from the shop by the day named, unless a "
        "law has you keep it (docs: security, privacy requests), then resolve.",
    ),
    "invoice.total_differs": Kind(
        "data",
        "finance",
        "The invoices do not come to the order's total: compare them with the money proof, correct in the ERP.",
    ),
    # What reconciliation found and no repair of ours may touch.
    **{f"reconcile.{name}": Kind("conflict", kind.owner, kind.hint) for name, kind in DIFFERENCES.items()},
}

# How a command can fail: these stand behind the command's purpose, as in "order.book.rejected".
FAILURES: Mapping[str, Kind] = {
    "rejected": Kind("rejected", "operations", "Change what the other system refuses, then retry."),
    "conflict": Kind("conflict", "operations", "Something else is already there: compare both, then resolve or retry."),
    "unknown_outcome": Kind(
        "unknown_outcome",
        "operations",
        "Look in the other system whether it happened; resolve if it did, retry if not.",
    ),
    "exhausted": Kind(
        "exhausted", "operations", "The other system did not take it after all tries: retry when it is well."
    ),
    "misconfigured": Kind("mapping", "integration", "Correct the connection's credentials or settings, then retry."),
}

# What a purpose asks for, in words for a problem's title.
DEEDS: Mapping[str, str] = {
    "order.book": "book the order",
    "booking.amend": "amend the sales order",
    "order.release": "take the order for shipping",
    "release.cancel": "stop the shipping",
    "booking.close": "close the sales order",
    "shipment.post": "record the shipment",
    "fulfilment.push": "show the shipment to the customer",
    "tracking.push": "show how far a parcel is",
    "tracking.replace": "show a parcel's new label",
    "invoice.make": "make the invoice",
    "invoice.publish": "show the invoice",
    "payment.post": "post the payment",
    "refund.credit": "credit the refund",
    "refund.pay": "record the repayment",
    "refund.push": "pay the customer back",
    "deposit.post": "record the deposit",
    "deposit.apply": "apply the deposit",
    "return.announce": "expect the return",
    "return.recall": "call the return off",
    "return.post": "record what came back",
    "return.push": "show what came back",
    "settlement.post": "post the settlement",
    "stock.publish": "show the stock",
    "read_back": "show what a message pointed at",
}

Failure = Rejected | Conflict | OutcomeUnknown | RetryLater | Misconfigured

_NAMES: Mapping[type, str] = {
    Rejected: "rejected",
    Conflict: "conflict",
    OutcomeUnknown: "unknown_outcome",
    RetryLater: "exhausted",
    Misconfigured: "misconfigured",
}

_TITLES: Mapping[str, str] = {
    "rejected": "{target} refused to {deed}: {code}{field}",
    "conflict": "{target} already has something else where we wanted to {deed}: {code}",
    "unknown_outcome": "It is not known whether {target} did {deed}: {code}",
    "exhausted": "{target} did not {deed} after {tries} tries: {code}",
    "misconfigured": "{target} cannot {deed} with our credentials or settings: {code}",
}


def problem(
    code: str, key: str, title: str, cause: str, facts: dict[str, Any] | None = None, owner: str | None = None
) -> Problem:
    """A problem from the catalogue. ``cause`` completes the fingerprint: equal for equal causes, no order ids in it."""
    kind = CATALOGUE[code]
    return Problem(
        key=key,
        klass=kind.klass,
        code=code,
        title=title,
        hint=kind.hint,
        fingerprint=f"{code}:{cause}",
        owner=owner or kind.owner,
        facts=facts or {},
    )


def failed(key: str, command: str, purpose: str, target: str, outcome: Failure, tries: int) -> Problem:
    """The problem that a command's failure is. ``key`` is the problem's, ``command`` the business key."""
    name = _NAMES[type(outcome)]
    kind = FAILURES[name]
    field = getattr(outcome, "field", None)
    title = _TITLES[name].format(
        target=target,
        deed=DEEDS.get(purpose, purpose),
        code=outcome.code,
        field=f" (field {field})" if field else "",
        tries=tries,
    )
    facts: dict[str, Any] = {"command": command, "code": outcome.code, "detail": outcome.detail, "tries": tries}
    if field:
        facts["field"] = field
    if isinstance(outcome, Conflict) and outcome.refs:
        facts["refs"] = outcome.refs
    if isinstance(outcome, Conflict):
        facts |= outcome.facts
    return Problem(
        key=key,
        klass=kind.klass,
        code=f"{purpose}.{name}",
        title=title,
        hint=getattr(outcome, "hint", None) or kind.hint,
        fingerprint=f"{purpose}.{name}:{target}:{outcome.code}:{field or ''}",
        owner=kind.owner,
        facts=facts,
    )


def held(hold: Hold) -> Problem:
    """The problem that a hold is while it stands: its facts are what people decide by."""
    title = f"Held by rule {hold.rule}: {hold.reason}"
    if hold.escalated_at is not None:
        title += " (nobody has looked in time)"
    seen_at = (hold.seen_at or hold.at).isoformat()
    facts = {"rule": hold.rule, "when": hold.when, "saw": hold.saw, "seen_at": seen_at}
    if hold.release_by:
        facts["release_by"] = list(hold.release_by)
    return problem("order.held", f"hold/{hold.rule}", title, hold.rule, facts, hold.owner)
