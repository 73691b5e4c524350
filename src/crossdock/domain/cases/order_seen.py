"""The channel showed the order: first view, newer view, older view, edit or cancellation."""

import msgspec

from crossdock.domain import entries as e
from crossdock.domain.advance import EDITED, advance
from crossdock.domain.beginning import too_early
from crossdock.domain.cases.balance import balance
from crossdock.domain.cases.cancel import cancel
from crossdock.domain.cases.early import apply_early
from crossdock.domain.cases.later_seen import as_known
from crossdock.domain.cases.parting import set_apart, tell_parts
from crossdock.domain.cases.refund_seen import fit_again
from crossdock.domain.checks import MASTERS_STEPS, run_checks
from crossdock.domain.decision import StreamRef, Tell
from crossdock.domain.diff import changes, edits
from crossdock.domain.draft import Draft
from crossdock.domain.entries import Early
from crossdock.domain.events import SignalSeen
from crossdock.domain.lattice import rank
from crossdock.domain.measures import remembered
from crossdock.domain.order import Order, view_id
from crossdock.domain.parts import split
from crossdock.domain.problems import problem
from crossdock.domain.process import AMEND
from crossdock.domain.rulings import Way, locked, ruling, stage_of
from crossdock.domain.state import ordered
from crossdock.domain.summary import MISSING


def order_seen(d: Draft, order: Order, authoritative: bool = False, later: bool = False) -> None:
    """Take a view of the order. The newest view counts, whatever order views arrive in.

    What of it are orders of their own is told to them; all else here is about what is left of the view. A ``later``
    one is taken of an order that is here only.
    """
    known = d.state.newest
    if later:
        if known is None:
            return
        order = as_known(order, known)
    order = remembered(order, (d.state.order, d.state.latest))
    _judge(d, order, split(order, d.state.parts)[0], authoritative)
    tell_parts(d, order, known)


def _judge(d: Draft, whole: Order, order: Order, authoritative: bool) -> None:
    known = d.state.newest
    if known is not None and d.state.left_alone and _begins_earlier(d, order):
        known = order if newer(order, known) else known
        take_in(d, known)
    if known is None:
        _first(d, order)
    elif order == known:
        if authoritative and d.state.tied is not None:
            _confirm(d, order)
        _again(d)
    elif order.ties(known):
        _break_tie(d, whole, order, authoritative)
    elif newer(order, known):
        _revise(d, whole, order)
    else:
        d.note(e.OrderSuperseded(order.updated_at, order.payment_status, d.now))


def _break_tie(d: Draft, whole: Order, order: Order, authoritative: bool) -> None:
    """What the channel shows when it is asked counts; until then the choice does not depend on who came first."""
    known = d.state.newest
    assert known is not None
    if authoritative:
        _revise(d, whole, order)
        _confirm(d, order)
        return
    if d.state.tied is None:
        d.note(e.OrderTied(order.updated_at, d.now))
    # For each view, once: the channel may have been asked while its second was not over yet.
    to = StreamRef("signal", f"{order.channel}:order:{order.external_id}")
    content = f"tie/{order.updated_at.isoformat()}/{view_id(order)}"
    d.decision.tells.append(Tell(to, SignalSeen(order.channel, "order", order.external_id, content)))
    if d.state.confirmed is None and newer(order, known):
        _revise(d, whole, order)
    else:
        d.note(e.OrderSuperseded(order.updated_at, order.payment_status, d.now))


def _confirm(d: Draft, order: Order) -> None:
    if d.state.confirmed != order.updated_at:
        d.note(e.OrderConfirmed(order.updated_at, d.now))


def _further(order: Order) -> tuple[int, bool]:
    return rank("payment", order.payment_status), order.cancelled_at is not None


def _shown(order: Order) -> int:
    return len(order.lines) + len(order.apart)


def newer(order: Order, known: Order) -> bool:
    """A total order over views, so that every sequence of arrival ends at the same one.

    Channels write several views with one ``updated_at``; then the one of more lines counts, for a line that is not
    wanted any more is still shown, then the payment further on, then the cancelled one.
    """
    if order.updated_at != known.updated_at:
        return order.updated_at > known.updated_at
    if _shown(order) != _shown(known):
        return _shown(order) > _shown(known)
    if _further(order) != _further(known):
        return _further(order) > _further(known)
    return msgspec.json.encode(order) > msgspec.json.encode(known)


def _first(d: Draft, order: Order) -> None:
    early = d.state.early
    d.note(e.OrderRecorded(order, d.now))
    d.timer(MISSING, None)
    if order.part is None:  # the channel's own id leads to the order that has it
        d.refer(order.channel, "order", order.external_id)
    d.refer(order.channel, "number", order.number)
    if order.test:
        d.note(e.OrderIgnored("test order", d.now))
    elif (why := not_ours(d, order)) is not None:
        d.note(e.OrderIgnored(why, d.now, for_good=False))
        for event in early:
            d.note(e.EventKept(event, d.now))
    else:
        _begin(d, order, early)
    advance(d)


def _begin(d: Draft, order: Order, early: tuple[Early, ...]) -> None:
    if order.cancelled_at is not None:
        apply_early(d, early)
        cancel(d, order.channel, order.cancel_reason)
    else:
        check(d)
        apply_early(d, early)


def not_ours(d: Draft, order: Order) -> str | None:
    """Why the route leaves the order alone. A part's lines came after the order that is here."""
    return too_early(d.policy, order.placed_at) if d.policy is not None and order.part is None else None


def _begins_earlier(d: Draft, order: Order) -> bool:
    """Whether the route's ``since`` was moved back, before the order. One that was taken away lets nothing old in."""
    return d.policy is not None and d.policy.since is not None and not_ours(d, order) is None


def take_in(d: Draft, order: Order) -> None:
    """The order was left alone, and is the route's after all: as if this view were the first."""
    early = d.state.early
    d.note(e.OrderTakenIn(d.now))
    d.note(e.OrderRecorded(order, d.now))
    _begin(d, order, early)
    advance(d)


def check(d: Draft) -> None:
    """Run the checks over the order in force, where a route says how; ``advance`` tells when there is none.

    One that came before there was a route at all may be older than the route: it is left alone then.
    """
    policy = d.policy
    if policy is None:
        return
    why = not_ours(d, d.order) if "route" in d.state.problems and not d.state.steps else None
    if why is not None:
        d.settle("route")
        d.note(e.OrderIgnored(why, d.now, for_good=False))
        return
    run_checks(d, policy)


def _again(d: Draft) -> None:
    """Nothing new, but the ERP's masters may have what was missing."""
    if any(d.state.status_of(step) in ("failed", "waiting") for step in MASTERS_STEPS) or "route" in d.state.problems:
        check(d)
        advance(d)


def _revise(d: Draft, whole: Order, order: Order) -> None:
    state = d.state
    if order.number != d.order.number:
        d.refer(order.channel, "number", order.number)
    if state.cancel is not None or state.ended in ("cancelled", "ignored"):
        d.note(e.OrderNoted(order, d.now))
        return
    if order.cancelled_at is not None:
        d.note(e.OrderNoted(order, d.now) if locked(state) else e.OrderRecorded(order, d.now))
        cancel(d, order.channel, order.cancel_reason)
    elif locked(state):
        _edited(d, whole, order)
    else:
        d.note(e.OrderRecorded(order, d.now))
        if state.status_of("order.book") == "failed":
            d.settle("order.book")
            d.move("order.book", "pending", "the order was corrected in the channel")
        check(d)
        balance(d)
    fit_again(d)
    advance(d)


def _edited(d: Draft, whole: Order, order: Order) -> None:
    """A newer view of an order that the ERP has, or may have: the table says what follows."""
    order, no_part = set_apart(d, whole, order)
    found = changes(d.order, order)
    if not found and not _may_be_amended(d):
        d.note(e.OrderRecorded(order, d.now))
        d.settle(EDITED, reason="the channel shows what was booked")
        _no_amendment(d, "the channel shows what was booked")
        return
    d.note(e.OrderNoted(order, d.now))
    ruled = ruling(edits(found), stage_of(d.state)) if found else None
    if ruled is None or (ruled.way is Way.AMEND and any(map(ordered, order.lines))):
        _amend(d)
        return
    _no_amendment(d, "a person makes the change")
    areas = sorted({change.area for change in found})
    facts = {"changes": [change.text for change in found], "ruling": ruled.way.value}
    if no_part is not None:
        facts["no_order_of_its_own"] = no_part
    code = ruled.code or "order.edited_after_booking"
    title = f"The order was edited after {_AFTER[code]}: {', '.join(areas)}"
    d.open(problem(code, EDITED, title, ",".join(areas), facts), "order.book")


_AFTER = {
    "order.edited_after_booking": "it was booked",
    "order.edited_after_shipment": "goods had left",
    "order.edited_after_invoice": "it was billed",
}


def _may_be_amended(d: Draft) -> bool:
    """Whether the ERP may have another view than the one in force: an amendment is under way, or in doubt."""
    status, sent = d.state.status_of(AMEND), d.state.command_of(AMEND)
    return status == "running" or (status == "failed" and sent is not None and sent[1].klass != "rejected")


def _amend(d: Draft) -> None:
    """``advance`` sends the newest view; where an earlier one is under way or in doubt, after it."""
    d.settle(EDITED, reason="the sales order is amended")
    if not _may_be_amended(d):
        d.settle(AMEND)
        d.move(AMEND, "pending", "the channel shows a newer view")


def _no_amendment(d: Draft, reason: str) -> None:
    status = d.state.status_of(AMEND)
    if AMEND not in d.state.steps:
        return
    if status == "pending" or (status == "failed" and not _may_be_amended(d)):
        d.settle(AMEND)
        d.move(AMEND, "skipped", reason)
