"""A person acted. Whatever comes of it is kept with its reason.

``args`` by action (all optional unless said): retry ``problem`` or ``step``; release_hold ``rule``, ``seen_at``; hold
``rule`` (required); link ``customer_ref`` (required); merge ``prefer``, ``seen`` (required); resolve ``problem``
(required), ``refs`` (what a person made in the target, type -> id); skip ``step`` (required), ``shipment``,
``customer_ref``; cancel none.
"""

from collections.abc import Callable, Mapping

from crossdock.domain import entries as e
from crossdock.domain.advance import EDITED, advance
from crossdock.domain.cases.balance import balance
from crossdock.domain.cases.cancel import CANCEL, cancel, settle_by_hand
from crossdock.domain.cases.command_settled import done, problem_key
from crossdock.domain.cases.holds import hold_again, refusal, release_asked
from crossdock.domain.cases.linked import link
from crossdock.domain.cases.merged import merge_as
from crossdock.domain.cases.order_seen import check, not_ours, take_in
from crossdock.domain.cases.reconciled import MISSING, book_again
from crossdock.domain.cases.refund_seen import fit_again
from crossdock.domain.cases.shipment_seen import shipment_seen
from crossdock.domain.draft import Draft
from crossdock.domain.events import OperatorActed, ShipmentSeen
from crossdock.domain.holding import release
from crossdock.domain.measures import unmeasured
from crossdock.domain.order import Order
from crossdock.domain.posting import first_open
from crossdock.domain.process import AFTERWARDS, AMEND, CHECKS, MANY, STEPS, UNDO
from crossdock.domain.state import Intent, ordered

Act = Callable[[Draft, OperatorActed], str | None]


def operator_acted(d: Draft, event: OperatorActed) -> None:
    """Do what the person asked, or record why it was refused."""
    act = _ACTS.get(event.action)
    if d.state.order is None:
        refused: str | None = "the order has not come yet"
    elif act is None:
        refused = f"there is no action {event.action!r}"
    else:
        refused = act(d, event)
    subject = next((str(event.args[name]) for name in ("problem", "step", "rule") if name in event.args), None)
    d.note(e.OperatorRecorded(event.action, event.actor, d.now, event.reason, subject, refused))
    if refused is None:
        advance(d)


def _retry(d: Draft, event: OperatorActed) -> str | None:
    if d.state.left_alone:
        return _take_in(d)
    problem, step = event.args.get("problem"), event.args.get("step")
    if str(problem).startswith("shipment/"):
        return _fit_again(d, str(problem).removeprefix("shipment/"))
    if str(problem).startswith("refund/"):
        fit_again(d)
        return f"it still does not fit: {problem}" if problem in d.state.problems else None
    failed = [
        key for key, intent in d.state.commands.items() if intent.status == "failed" and _chosen(intent, problem, step)
    ]
    if not failed and problem in (None, MISSING) and MISSING in d.state.problems:
        return book_again(d, event.actor, event.reason)
    keys = [key for key in failed if _still_wanted(d, d.state.commands[key])]
    for key in keys:
        intent = d.state.commands[key]
        d.note(e.CommandRetried(key, event.actor, d.now))
        d.settle(_problem_of(intent), event.actor, event.reason)
        d.decision.again.append(key)
        d.decision.posting_from = None if d.policy is None else first_open(d.policy)
    recheck = any(d.state.status_of(name) == "failed" for name in CHECKS) or "route" in d.state.problems
    if recheck:
        check(d)
    if failed and not keys:
        return "the order is cancelled: what failed is not to happen any more"
    return None if keys or recheck else "nothing of this order has failed"


def _take_in(d: Draft) -> str | None:
    """An order that was left alone: taken in as the channel last showed it, once the route begins before it."""
    newest = d.state.newest
    assert newest is not None
    if (why := not_ours(d, newest)) is not None:
        return f"it is {why}: move the route's since back first"
    take_in(d, newest)
    return None


def _still_wanted(d: Draft, intent: Intent) -> bool:
    """A cancelled order is not booked, released or billed by a retry; what left is told, what stands is taken back.

    A booking of which nobody knows whether it stands may be repeated while it is being undone: that finds it.
    """
    cancel = d.state.cancel
    if cancel is None or intent.step in MANY or intent.step in {step.name for step in UNDO}:
        return True
    if cancel.way == "person":
        return d.state.ended is None and intent.step != "order.release"
    return d.state.ended is None and intent.step == "order.book" and intent.klass != "rejected"


def _fit_again(d: Draft, shipment_id: str) -> str | None:
    """Try a refused shipment again: the order may have changed since."""
    parcel = d.state.shipments.get(shipment_id)
    if parcel is None or parcel.refused is None:
        return "there is no refused shipment of that id"
    shipment_seen(d, ShipmentSeen(parcel.shipment, parcel.source))
    return d.state.shipments[shipment_id].refused


def _chosen(intent: Intent, problem: object, step: object) -> bool:
    if problem is not None:
        return _problem_of(intent) == problem
    return step is None or intent.step == step


def _problem_of(intent: Intent) -> str:
    return problem_key(intent.step, STEPS[intent.step].purpose or intent.step, intent.subject)


def _cancel(d: Draft, event: OperatorActed) -> str | None:
    if d.state.cancel is not None or d.state.ended in ("cancelled", "ignored"):
        return "the order is already cancelled"
    cancel(d, event.actor, event.reason or None)
    return None


def _resolve(d: Draft, event: OperatorActed) -> str | None:
    key = str(event.args.get("problem", ""))
    known = d.state.problems.get(key)
    if known is None:
        return f"no problem {key!r} is open"
    if key.startswith("hold/"):
        return _release_one(d, event, key.removeprefix("hold/"))
    if key == CANCEL and d.state.status_of("order.book") in ("running", "failed"):
        return "it is not known yet whether the order is booked: settle that first"
    if known.step in CHECKS:
        return "a check is not resolved by hand: correct its cause and retry, or skip the step"
    failed = [pair for pair in d.state.commands.items() if pair[1].status == "failed" and _problem_of(pair[1]) == key]
    for command, intent in failed:
        if intent.step == "order.book" and not event.refs:
            return "say which sales order was made: refs {type: id}"
        done(d, command, intent, event.refs, event.actor)
    if key == EDITED and d.state.latest is not None:
        _put_in_force(d, d.state.latest)
    d.settle(key, event.actor, event.reason)
    if key == CANCEL:
        settle_by_hand(d, event.actor)
    return None


def _put_in_force(d: Draft, order: Order) -> None:
    """A person made the edit in the other systems: what did not fit the order as it was may fit it now."""
    d.note(e.OrderRecorded(order, d.now))
    balance(d)
    fit_again(d)


def _release_one(d: Draft, event: OperatorActed, rule: str) -> str | None:
    refused = refusal(d, event, rule)
    if refused is None:
        release(d, rule, event.actor, event.reason)
    return refused


def _skip(d: Draft, event: OperatorActed) -> str | None:
    name = str(event.args.get("step", ""))
    if name not in STEPS or name in ("done", "order.book"):
        return f"step {name!r} cannot be skipped"
    if d.state.finished(name) or (d.state.ended is not None and name not in AFTERWARDS):
        return "the step is finished"
    if name == "validate.customer" and not event.args.get("customer_ref"):
        return "say which ERP customer it is booked on: customer_ref"
    if name == "validate.products" and not any(map(ordered, d.order.lines)):
        return "nothing is left of the order that could be booked: cancel it"
    if name == "validate.products" and (unknown := unmeasured(d.order)):
        return (
            f"nobody knows how many a {unknown[0].unit} of line {unknown[0].id} holds: correct the ERP's units, retry"
        )
    if name == "screen.holds":
        standing = [rule for rule, hold in d.state.holds.items() if hold.released_at is None]
        if refused := next((why for rule in standing if (why := refusal(d, event, rule)) is not None), None):
            return refused
    subject = event.args.get("shipment")
    failed = [
        (key, intent)
        for key, intent in d.state.commands.items()
        if intent.step == name and intent.status == "failed" and subject in (None, intent.subject)
    ]
    if any(intent.step == name and intent.status == "open" for intent in d.state.commands.values()) and not failed:
        return "it is being sent: wait for its outcome"
    _skip_step(d, event, name, failed)
    return None


def _skip_step(d: Draft, event: OperatorActed, name: str, failed: list[tuple[str, Intent]]) -> None:
    reason = f"skipped by {event.actor}: {event.reason}" if event.reason else f"skipped by {event.actor}"
    for key, intent in failed:
        d.note(e.CommandSkipped(key, event.actor, event.reason, d.now))
        d.settle(_problem_of(intent), event.actor, event.reason)
    if name not in MANY:
        d.move(name, "skipped", reason)
        for key in [key for key, known in d.state.problems.items() if known.step == name and key != CANCEL]:
            d.settle(key, event.actor, event.reason)
    if name == AMEND and d.state.latest is not None and EDITED not in d.state.problems:
        _put_in_force(d, d.state.latest)
    if name == "validate.customer":
        customer_ref = str(event.args["customer_ref"])
        kept = tuple(d.state.holds.values())
        d.note(e.OrderChecked(d.now, (), customer_ref, d.state.item_refs, kept))
    elif name == "screen.holds":
        for rule in list(d.state.holds):
            release(d, rule, event.actor, event.reason)
    d.timer(name, None)


_ACTS: Mapping[str, Act] = {
    "retry": _retry,
    "release_hold": release_asked,
    "hold": hold_again,
    "link": link,
    "merge": merge_as,
    "cancel": _cancel,
    "resolve": _resolve,
    "skip": _skip,
}
