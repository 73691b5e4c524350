"""From what is known to what happens next: walks the process and opens whatever is ready."""

from crossdock.domain import announcing, depositing, paying, refunding, relabelling, restocking, telling_back, tracking
from crossdock.domain import entries as e
from crossdock.domain.account import ADVANCE
from crossdock.domain.checks import EDIT_WINDOW, passed
from crossdock.domain.commands import (
    AmendBooking,
    BookOrder,
    CancelRelease,
    CloseBooking,
    MakeInvoice,
    PostShipment,
    PushFulfilment,
    ReleaseOrder,
)
from crossdock.domain.decision import Policy
from crossdock.domain.draft import Draft
from crossdock.domain.entries import units
from crossdock.domain.fold_money import billed, billed_whole, owed
from crossdock.domain.fulfilment import Shipment
from crossdock.domain.measures import Indivisible, as_ordered
from crossdock.domain.merge import BookingWritten
from crossdock.domain.money import ZERO
from crossdock.domain.order import ChargeKind, Order
from crossdock.domain.posting import moved_day
from crossdock.domain.problems import problem
from crossdock.domain.process import AMEND, ASIDE, PROCESS, STEPS, UNDO
from crossdock.domain.refund import cancelled_units
from crossdock.domain.standing import standing
from crossdock.domain.state import FINISHED, Intent, OrderState, ordered, shipped, ships

EDITED = "order.edited"  # the key of the problem that an edit is which a person must look at


def advance(d: Draft) -> None:
    """Do everything that can be done now. Nothing that was done before is done again."""
    state = d.state
    if state.order is None or state.ended == "ignored":
        return
    policy = d.policy
    tells = policy is not None and (policy.payments in ("payment", ADVANCE) or policy.publish_invoices)
    back = state.returns or state.receipts or state.refunds or state.credits
    if state.ended is not None and not (back or state.tracks or tells or relabelling.due(state)):
        return
    if policy is None:
        channel = d.order.channel
        d.open(problem("route.missing", "route", f"No route is configured for {channel}", channel), "order.book")
        return
    d.settle("route")
    if state.ended is None:
        _go_on(d, policy)
    relabelling.tell(d, policy)
    tracking.tell(d, policy)
    announcing.announce(d, policy)
    refunding.settle(d, policy)
    restocking.post(d, policy)
    telling_back.tell(d, policy)
    paying.settle(d, policy)
    paying.publish_invoices(d, policy)


def _go_on(d: Draft, policy: Policy) -> None:
    state = d.state
    if state.cancel is not None and state.cancel.way == "undo":
        _undo(d)
        return
    _book(d, policy)
    if not state.shipments and not state.invoices and not state.finished("order.book"):
        return
    amending = _amend(d, policy)
    if not amending:
        _release(d, policy)
    _parcels(d, policy)
    _take(d, policy)
    if not amending:
        _invoice(d, policy)
        _finish(d)


def ship_method(order: Order, policy: Policy) -> str | None:
    """The first shipping charge's method, translated by the route's table."""
    for charge in order.charges:
        if charge.kind is ChargeKind.SHIPPING and charge.code is not None and charge.code in policy.ship_methods:
            return policy.ship_methods[charge.code]
    return policy.default_ship_method


def _book(d: Draft, policy: Policy) -> None:
    state = d.state
    if state.status_of("order.book") not in ("pending", "waiting") or not passed(d):
        return
    if state.status_of(EDIT_WINDOW) not in FINISHED:
        return
    ref = state.customer_ref
    if ref is None:
        return
    # A booking the ERP refused for good is followed by one with the corrected order: same document, new key.
    earlier = [intent.step for intent in state.commands.values()].count("order.book")
    again = f"/{earlier + 1}" if earlier else ""
    order = standing(d.order, state.refunded())
    if (less := _less(state)) != state.written:
        d.note(BookingWritten(less, d.now))
    payload = BookOrder(order, ref, state.item_refs, policy.basis, ship_method(order, policy))
    d.send("order.book", policy.erp, payload, again=again)


def _amend(d: Draft, policy: Policy) -> bool:
    """Bring the sales order to the newest view, where that is asked for. Whether what follows must wait for it."""
    state = d.state
    if state.status_of(AMEND) == "done" and state.amending is not None and state.cancel is None:
        d.note(e.OrderAmended(state.amending, d.now))
        if state.latest is not None and EDITED not in state.problems:
            d.move(AMEND, "pending", "the channel shows a newer view")
    latest, ref = state.latest, state.customer_ref
    asked = _asked(state) and latest is not None and state.finished("order.book")
    if asked and latest is not None and ref is not None and state.erp is not None and state.erp_ref is not None:
        earlier = [intent.step for intent in state.commands.values()].count(AMEND)
        order = standing(latest, state.refunded())
        chosen = state.merging
        payload = AmendBooking(
            order,
            state.erp_ref,
            ref,
            state.item_refs,
            policy.basis,
            ship_method(order, policy),
            _written(state),
            chosen.prefer if chosen is not None else "",
            chosen.seen if chosen is not None else "",
        )
        d.note(e.AmendmentOpened(latest, d.now, _less(state)))
        d.send(AMEND, state.erp, payload, again=f"/{earlier + 1}" if earlier else "")
    return AMEND in state.steps and not state.finished(AMEND)


def _less(state: OrderState) -> tuple[str, ...]:
    """The refunds that took units off what is written."""
    return tuple(refund.id for refund in state.refunded() if any(cancelled_units((refund,)).values()))


def _written(state: OrderState) -> Order | None:
    """What the ERP's sales order was last written as: the view in force, less what refunds had taken off by then."""
    if state.order is None:
        return None
    return standing(state.order, (refund for refund in state.refunded() if refund.id in state.written))


def _asked(state: OrderState) -> bool:
    """Untouched steps are pending too: an amendment is only where somebody asked for it."""
    return AMEND in state.steps and state.status_of(AMEND) == "pending"


def _release(d: Draft, policy: Policy) -> None:
    state = d.state
    if state.status_of("order.release") != "pending" or not state.finished("order.book"):
        return
    if EDITED in state.problems:
        return  # somebody is to say first what is wanted: what has left cannot be edited
    reason = STEPS["order.release"].skips(state, d.order, policy)
    if state.cancel is not None:
        reason = "cancelled after goods had left: no more is to leave"
    if reason is not None:
        d.move("order.release", "skipped", reason)
    elif policy.warehouse is not None:
        payload = ReleaseOrder(d.order, state.erp_ref, ship_method(d.order, policy))
        d.send("order.release", policy.warehouse, payload)


def _parcels(d: Draft, policy: Policy) -> None:
    state = d.state
    for parcel in list(state.taken()):
        shipment = parcel.shipment
        if state.erp is not None and state.erp_ref is not None and parcel.source != state.erp:
            day = moved_day(policy, shipment.shipped_at)
            payload = PostShipment(d.order.key, state.erp_ref, shipment, state.item_refs, day)
            d.send("shipment.post", state.erp, payload, shipment.id)
        if parcel.source != d.order.channel and shipment.id not in state.withheld:
            _push(d, policy, shipment)


def _push(d: Draft, policy: Policy, shipment: Shipment) -> None:
    """Tell the channel in its own units, or a person who tells it otherwise."""
    try:
        told = as_ordered(d.order, shipment)
    except Indivisible as error:
        d.note(e.PushWithheld(shipment.id, d.now))
        title = f"What left cannot be told in the unit that was ordered: {error}"
        facts = {"shipment": shipment.id, "why": str(error)}
        d.open(problem("shipment.splits_unit", f"unit/{shipment.id}", title, d.order.channel, facts), "fulfilment.push")
        return
    others = _pushed_beside(d.state, shipment)
    if any(sent.status not in ("done", "skipped") for sent in others):
        return  # what the channel calls that one is to be known: it would be taken for this one
    ids = tuple(ref for sent in others for ref in sent.refs.values())
    push = PushFulfilment(d.order.external_id, told, policy.notify_customer, ids)
    d.send("fulfilment.push", d.order.channel, push, shipment.id)


def _pushed_beside(state: OrderState, shipment: Shipment) -> list[Intent]:
    """The pushes of other shipments under a tracking number of this one, as with freight and own delivery."""
    numbers = _numbers(shipment)
    beside = (one.shipment for one in state.taken() if one.shipment.id != shipment.id)
    sent = (state.command_of("fulfilment.push", one.id) for one in beside if numbers & _numbers(one))
    return [found[1] for found in sent if found is not None]


def _numbers(shipment: Shipment) -> set[str]:
    return {number.strip().lower() for each in shipment.packages if (number := each.tracking_number)}


def _take(d: Draft, policy: Policy) -> None:
    state = d.state
    if not state.finished("take.shipments"):
        reason = STEPS["take.shipments"].skips(state, d.order, policy)
        if reason is not None:
            if state.finished("order.book"):
                for name in ("take.shipments", "shipment.post", "fulfilment.push"):
                    d.move(name, "skipped", reason)
            return
        _count(d)
    if not state.shipments and not state.finished("take.shipments"):
        return
    for name in ("shipment.post", "fulfilment.push"):
        if state.status_of(name) != "skipped":
            _sum_up(d, name)


def _count(d: Draft) -> None:
    state = d.state
    if not state.shipments and not state.finished("order.release"):
        return
    sums = shipped(state)
    wanted = [line for line in d.order.lines if ships(line)]
    total = sum(map(ordered, wanted), ZERO)
    left = sum((max(ordered(line) - sums.get(line.id, ZERO), ZERO) for line in wanted), ZERO)
    if not left:
        d.move("take.shipments", "done")
        return
    reason = f"{units(total - left)} of {units(total)} units shipped"
    if state.release_status is not None:
        reason += f"; the warehouse says {state.release_status}"
        reason += f" ({state.release_reason})" if state.release_reason else ""
    d.move("take.shipments", "waiting", reason)


def _sum_up(d: Draft, name: str) -> None:
    """The status of a step that has one command per shipment."""
    state = d.state
    intents = [intent for intent in state.commands.values() if intent.step == name]
    settled = sum(1 for intent in intents if intent.status in ("done", "skipped"))
    failed = sum(1 for intent in intents if intent.status == "failed")
    due = _due(d, name)
    if failed:
        d.move(name, "failed", f"{failed} of {due} not taken")
    elif settled == due and state.finished("take.shipments"):
        d.move(name, "done")
    elif due:
        d.move(name, "running", f"{settled} of {due}")


def _due(d: Draft, name: str) -> int:
    own = d.state.erp if name == "shipment.post" else d.order.channel
    withheld = () if name == "shipment.post" else d.state.withheld
    return sum(1 for parcel in d.state.taken() if parcel.source != own and parcel.shipment.id not in withheld)


def _invoice(d: Draft, policy: Policy) -> None:
    state = d.state
    if state.status_of("invoice") in ("pending", "waiting", "running") and billed_whole(state):
        d.move("invoice", "done", "billed by the ERP")
    if state.status_of("invoice") not in ("pending", "waiting"):
        return
    if not all(state.finished(name) for name in ("order.book", "order.release", "take.shipments", "shipment.post")):
        return
    if depositing.awaits(state, policy):
        d.move("invoice", "waiting", "the channel is asked what it took in advance")
    elif policy.invoice == "take":
        sum_ = billed(state)
        d.move("invoice", "waiting", f"{sum_:f} of {owed(d.order, state).on(policy.basis):f} billed by the ERP")
    elif state.erp is not None and state.erp_ref is not None:
        ids = tuple(sorted(parcel.shipment.id for parcel in state.taken()))
        d.send("invoice", state.erp, MakeInvoice(d.order.key, state.erp_ref, ids, moved_day(policy, d.now)))


def _finish(d: Draft) -> None:
    state = d.state
    if state.finished("invoice") and all(state.finished(step.name) for step in PROCESS[:-1]):
        d.move("done", "done")
        d.note(e.OrderEnded("done", d.now))
        if state.recorded_at is not None:
            d.decision.cycle_s = (d.now - state.recorded_at).total_seconds()


def _undo(d: Draft) -> None:
    """Take back in reverse: stop the warehouse first, then close the booking; each only when it stands."""
    state = d.state
    cancel = state.cancel
    assert cancel is not None
    if any(state.status_of(name) == "running" for name in ("order.release", "order.book", AMEND)):
        return
    order = d.order
    if _may_stand(d, "order.release") and state.warehouse is not None:
        payload = CancelRelease(order.key, state.warehouse_ref, cancel.reason)
        d.send("release.cancel", state.warehouse, payload)
        if not state.finished("release.cancel"):
            return
        d.move("order.release", "undone")
    if state.status_of("order.book") == "done" and state.erp is not None and state.erp_ref is not None:
        d.send("booking.close", state.erp, CloseBooking(order.key, state.erp_ref, cancel.reason))
        if not state.finished("booking.close"):
            return
        d.move("order.book", "undone")
    elif _may_stand(d, "order.book"):
        return  # its problem is open: a person finds out whether the sales order exists
    end_cancelled(d)


def _may_stand(d: Draft, step: str) -> bool:
    """Whether the step's effect may be there: done, or failed in a way that does not rule it out."""
    status = d.state.status_of(step)
    found = d.state.command_of(step)
    return status == "done" or (status == "failed" and found is not None and found[1].klass != "rejected")


# Keys of problems about what left, came back or was paid: they outlive the order.
_STAYS = (
    "unit/",
    "shipment/",
    "parcel/",
    "refund/",
    "refund.",
    "credit/",
    "return.",
    "deposit.",
    "payment.post/",
    "payment/",
)


def end_cancelled(d: Draft) -> None:
    """The cancellation is complete: nothing is left to do, and nothing will be done.

    Goods that left all the same are still somebody's to call back, and money that went back to credit: what tells of
    them stays open.
    """
    aside = [step for step in ASIDE if step.name in d.state.steps]
    for step in (*PROCESS, *aside, *(UNDO if d.state.cancel is not None and d.state.cancel.way == "undo" else ())):
        if not d.state.finished(step.name):
            d.move(step.name, "skipped", "cancelled")
    for key in list(d.state.problems):
        if not key.startswith(_STAYS):
            d.settle(key)
    for name in list(d.state.timers):
        d.timer(name, None)
    d.note(e.OrderEnded("cancelled", d.now))
