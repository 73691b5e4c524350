"""The fold: what each journal entry changes in the state. One small function per entry, found by type."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from crossdock.domain import entries as e
from crossdock.domain.fold_money import MONEY_FOLDS, credited_further
from crossdock.domain.fold_returns import RETURN_FOLDS
from crossdock.domain.fulfilment import tracking_numbers
from crossdock.domain.hold import HoldEscalated, HoldReleased, HoldRestored
from crossdock.domain.lattice import up
from crossdock.domain.measures import measured
from crossdock.domain.merge import BookingWritten, MergeChosen
from crossdock.domain.money import ZERO
from crossdock.domain.order import Order
from crossdock.domain.parcel import ParcelMoved, marked
from crossdock.domain.part import Handed, HandedOver, Part, PartOpened
from crossdock.domain.process import REPLACE
from crossdock.domain.promise import Promise
from crossdock.domain.returning import ReturnAnswered
from crossdock.domain.state import (
    Axes,
    Cancel,
    Intent,
    OpenProblem,
    OrderState,
    Parcel,
    Step,
    climb,
    fork,
    ordered,
    shipped,
    ships,
)

_replace = msgspec.structs.replace


def evolve(state: OrderState, entries: Iterable[e.Entry]) -> OrderState:
    """The state after the entries; the given one stays as it is."""
    new = fork(state)
    for entry in entries:
        apply(new, entry)
    return new


def apply(state: OrderState, entry: e.Entry) -> None:
    """Fold one entry into a state whose containers are its own (see ``state.fork``)."""
    _FOLDS[type(entry)](state, entry)


def _order_recorded(state: OrderState, entry: e.OrderRecorded) -> None:
    _untie(state, entry.order)
    if state.order is None:
        state.recorded_at = entry.at
        state.axes = Axes(intake="seen", payment=up("payment", "pending", entry.order.payment_status))
    else:
        climb(state, "payment", entry.order.payment_status)
    if state.order is not None and state.order.customer != entry.order.customer:
        state.linked = None
    state.order = entry.order
    state.latest = state.amending = None
    state.early = ()


def _order_noted(state: OrderState, entry: e.OrderNoted) -> None:
    _untie(state, entry.order)
    state.latest = entry.order
    climb(state, "payment", entry.order.payment_status)


def _amendment_opened(state: OrderState, entry: e.AmendmentOpened) -> None:
    state.amending, state.writing, state.merging = entry.order, entry.refunds, None


def _order_amended(state: OrderState, entry: e.OrderAmended) -> None:
    state.order, state.amending = entry.order, None
    state.written, state.writing = state.writing, ()
    if state.latest == entry.order:
        state.latest = None


def _booking_written(state: OrderState, entry: BookingWritten) -> None:
    state.written = entry.refunds


def _merge_chosen(state: OrderState, entry: MergeChosen) -> None:
    state.merging = entry


def _part_opened(state: OrderState, entry: PartOpened) -> None:
    state.parts[entry.part] = Part(entry.lines, entry.since)


def _handed_over(state: OrderState, entry: HandedOver) -> None:
    state.handed[entry.subject] = Handed(entry.view, entry.names)
    known = state.refunds.get(entry.subject.removeprefix("refund/"))
    if known is not None and known.refused is not None:
        del state.refunds[known.refund.id]  # it is not the order's own: its part has it


def _order_superseded(state: OrderState, entry: e.OrderSuperseded) -> None:
    climb(state, "payment", entry.payment_status)


def _order_tied(state: OrderState, entry: e.OrderTied) -> None:
    state.tied = entry.updated_at


def _order_confirmed(state: OrderState, entry: e.OrderConfirmed) -> None:
    state.tied = state.confirmed = entry.updated_at


def _untie(state: OrderState, order: Order) -> None:
    """A tie is over when a view comes that is newer for certain."""
    if state.newest is None or not state.newest.ties(order):
        state.tied = state.confirmed = None


def _order_ignored(state: OrderState, entry: e.OrderIgnored) -> None:
    state.ended, state.ended_reason = "ignored", entry.reason
    if entry.for_good:
        climb(state, "intake", "ignored")


def _order_taken_in(state: OrderState, entry: e.OrderTakenIn) -> None:
    state.ended = state.ended_reason = None


def _event_kept(state: OrderState, entry: e.EventKept) -> None:
    state.early = (*state.early, entry.event)


def _nothing(state: OrderState, entry: Any) -> None:
    """Recorded for people; changes nothing."""


def _stock_asked(state: OrderState, entry: e.StockAsked) -> None:
    state.reservation, state.reserved = entry.status, entry.quantities


def _order_checked(state: OrderState, entry: e.OrderChecked) -> None:
    state.customer_ref = entry.customer_ref
    state.item_refs = entry.item_refs
    state.wanting = entry.wanting
    if entry.per_units and state.order is not None:
        state.order = measured(state.order, entry.per_units)
    state.holds = {hold.rule: hold for hold in entry.holds}
    for verdict in entry.verdicts:
        before = state.steps.get(verdict.step)
        if before is None or before.status != verdict.status or before.reason != verdict.reason:
            state.steps[verdict.step] = Step(verdict.status, entry.at, verdict.reason)


def _hold_released(state: OrderState, entry: HoldReleased) -> None:
    hold = state.holds[entry.rule]
    state.holds[entry.rule] = _replace(
        hold, released_at=entry.at, released_by=entry.by, release_reason=entry.reason or None
    )


def _hold_escalated(state: OrderState, entry: HoldEscalated) -> None:
    hold = state.holds[entry.rule]
    state.holds[entry.rule] = _replace(hold, owner=entry.owner, escalated_at=entry.at)


def _hold_restored(state: OrderState, entry: HoldRestored) -> None:
    hold = state.holds[entry.rule]
    state.holds[entry.rule] = _replace(
        hold, at=entry.at, expires_at=entry.expires_at, released_at=None, released_by=None, release_reason=None,
        escalated_at=None,
    )  # fmt: skip


def _customer_linked(state: OrderState, entry: e.CustomerLinked) -> None:
    state.linked = entry.ref


def _step_moved(state: OrderState, entry: e.StepMoved) -> None:
    state.steps[entry.step] = Step(entry.status, entry.at, entry.reason)


def _command_opened(state: OrderState, entry: e.CommandOpened) -> None:
    state.commands[entry.key] = Intent(entry.step, entry.target, "open", entry.at, entry.subject)
    if entry.subject is None:
        state.steps[entry.step] = Step("running", entry.at)
    if entry.step == "order.book":
        state.erp = entry.target
        axes = state.axes
        intake, booking = up("intake", axes.intake, "accepted"), up("booking", axes.booking, "booking")
        state.axes = Axes(intake, axes.payment, booking, axes.fulfilment, axes.returned, axes.financial)
    elif entry.step == "order.release":
        state.warehouse = entry.target
    elif entry.step == REPLACE and entry.subject is not None:
        id_ = entry.subject.rpartition("/")[0]
        parcel = state.shipments[id_]
        state.shipments[id_] = _replace(parcel, shown=(*parcel.shown, tracking_numbers(parcel.shipment)))


def _first_ref(refs: dict[str, str], preferred: str) -> str | None:
    return refs.get(preferred) or next(iter(refs.values()), None)


def _command_done(state: OrderState, entry: e.CommandDone) -> None:
    intent = state.commands[entry.key]
    state.commands[entry.key] = _replace(intent, status="done", at=entry.at, refs=entry.refs, klass=None)
    if intent.subject is None:
        state.steps[intent.step] = Step("done", entry.at)
    if intent.step == "order.book":
        # The key is the external id on every document we make: it finds the order where the ERP told no id.
        state.erp_ref = _first_ref(entry.refs, "salesOrder") or (state.order.key if state.order is not None else None)
        climb(state, "booking", "booked")
    elif intent.step == "order.release":
        state.warehouse_ref = _first_ref(entry.refs, "order") or state.warehouse_ref
        climb(state, "fulfilment", "released")
    elif intent.step == "booking.close":
        climb(state, "booking", "closed")
    elif intent.step == "invoice":
        climb(state, "financial", "invoiced")
    elif intent.step == "refund.credit":
        credited_further(state)


def _command_failed(state: OrderState, entry: e.CommandFailed) -> None:
    intent = state.commands[entry.key]
    state.commands[entry.key] = _replace(intent, status="failed", at=entry.at, refs={}, klass=entry.klass)
    if intent.subject is None:
        state.steps[intent.step] = Step("failed", entry.at, entry.reason)


def _command_skipped(state: OrderState, entry: e.CommandSkipped) -> None:
    intent = state.commands[entry.key]
    state.commands[entry.key] = _replace(intent, status="skipped", at=entry.at)


def _command_retried(state: OrderState, entry: e.CommandRetried) -> None:
    intent = state.commands[entry.key]
    state.commands[entry.key] = _replace(intent, status="open", at=entry.at, refs={}, klass=None)
    if intent.subject is None:
        state.steps[intent.step] = Step("running", entry.at, f"sent again by {entry.by}")


def _shipment_taken(state: OrderState, entry: e.ShipmentTaken) -> None:
    state.shipments[entry.shipment.id] = Parcel(entry.shipment, entry.source, entry.at, entry.told)
    order = state.order
    if order is not None:
        sums = shipped(state)
        whole = all(sums.get(line.id, ZERO) >= ordered(line) for line in order.lines if ships(line))
        climb(state, "fulfilment", "shipped" if whole else "partly_shipped")


def _shipment_refused(state: OrderState, entry: e.ShipmentRefused) -> None:
    state.shipments[entry.shipment.id] = Parcel(entry.shipment, entry.source, entry.at, refused=entry.reason)


def _shipment_amended(state: OrderState, entry: e.ShipmentAmended) -> None:
    before = state.shipments[entry.shipment.id]
    shown = before.shown
    if not shown and state.command_of("fulfilment.push", entry.shipment.id) is not None:
        shown = (tracking_numbers(before.shipment),)
    state.shipments[entry.shipment.id] = _replace(before, shipment=entry.shipment, shown=shown)


def _parcel_moved(state: OrderState, entry: ParcelMoved) -> None:
    state.tracks[entry.parcel] = marked(state.tracks.get(entry.parcel, {}), entry)


def _push_withheld(state: OrderState, entry: e.PushWithheld) -> None:
    state.withheld = (*state.withheld, entry.shipment)


def _release_noted(state: OrderState, entry: e.ReleaseNoted) -> None:
    before = state.release_status
    state.release_status = entry.status if before is None else up("release", before, entry.status)
    if state.release_status == entry.status:
        state.release_reason = entry.reason
    state.warehouse_ref = state.warehouse_ref or entry.external_id


def _allocations_taken(state: OrderState, entry: e.AllocationsTaken) -> None:
    state.allocations = entry.allocations


def _return_answered(state: OrderState, entry: ReturnAnswered) -> None:
    state.return_answers[entry.answer.request.id] = entry.answer


def _cancel_asked(state: OrderState, entry: e.CancelAsked) -> None:
    state.cancel = Cancel(entry.way, entry.by, entry.at, entry.reason)
    if entry.way == "drop":
        # Nothing left the house: what the checks found about an earlier view is of no more use.
        state.steps = {}
        state.holds = {}
        state.customer_ref, state.item_refs = None, {}


def _order_ended(state: OrderState, entry: e.OrderEnded) -> None:
    state.ended = entry.status
    state.wanting = False


def _promise_given(state: OrderState, entry: e.PromiseGiven) -> None:
    state.promise = Promise(entry.dates, entry.at, entry.told)


def _forecast_made(state: OrderState, entry: e.ForecastMade) -> None:
    given = state.promise
    if given is not None:
        state.promise = Promise(
            given.dates, given.at, given.told, entry.dates, entry.cause, entry.since, entry.at, entry.late
        )


def _timer_set(state: OrderState, entry: e.TimerSet) -> None:
    if entry.due_at is None:
        state.timers.pop(entry.name, None)
    else:
        state.timers[entry.name] = entry.due_at


def _problem_opened(state: OrderState, entry: e.ProblemOpened) -> None:
    state.problems[entry.key] = OpenProblem(entry.code, entry.klass, entry.step, entry.title, entry.at, entry.owner)


def _problem_settled(state: OrderState, entry: e.ProblemSettled) -> None:
    state.problems.pop(entry.key, None)
    known = state.refunds.get(entry.key.removeprefix("refund/"))
    if entry.by is not None and entry.key.startswith("refund/") and known is not None:
        state.refunds[known.refund.id] = _replace(known, by_hand=True)


_FOLDS: dict[type, Callable[[OrderState, Any], None]] = {
    e.OrderRecorded: _order_recorded,
    e.OrderNoted: _order_noted,
    e.AmendmentOpened: _amendment_opened,
    e.OrderAmended: _order_amended,
    BookingWritten: _booking_written,
    MergeChosen: _merge_chosen,
    PartOpened: _part_opened,
    HandedOver: _handed_over,
    e.OrderSuperseded: _order_superseded,
    e.OrderTied: _order_tied,
    e.OrderConfirmed: _order_confirmed,
    e.OrderIgnored: _order_ignored,
    e.OrderTakenIn: _order_taken_in,
    e.EventKept: _event_kept,
    e.EventIgnored: _nothing,
    e.OrderChecked: _order_checked,
    HoldReleased: _hold_released,
    HoldEscalated: _hold_escalated,
    HoldRestored: _hold_restored,
    e.CustomerLinked: _customer_linked,
    e.StepMoved: _step_moved,
    e.CommandOpened: _command_opened,
    e.CommandDone: _command_done,
    e.CommandFailed: _command_failed,
    e.CommandSkipped: _command_skipped,
    e.CommandRetried: _command_retried,
    e.ShipmentTaken: _shipment_taken,
    e.ShipmentRefused: _shipment_refused,
    e.ShipmentAmended: _shipment_amended,
    ParcelMoved: _parcel_moved,
    e.PushWithheld: _push_withheld,
    e.ReleaseNoted: _release_noted,
    e.AllocationsTaken: _allocations_taken,
    **MONEY_FOLDS,
    **RETURN_FOLDS,
    ReturnAnswered: _return_answered,
    e.CancelAsked: _cancel_asked,
    e.OrderEnded: _order_ended,
    e.PromiseGiven: _promise_given,
    e.ForecastMade: _forecast_made,
    e.TimerSet: _timer_set,
    e.ProblemOpened: _problem_opened,
    e.ProblemSettled: _problem_settled,
    e.OperatorRecorded: _nothing,
    e.StockAsked: _stock_asked,
}
