"""The channel showed the order: first view, newer view, older view, edit or cancellation."""

from hashlib import sha256

import msgspec

from crossdock.domain import entries as e
from crossdock.domain.advance import advance
from crossdock.domain.cases.balance import balance
from crossdock.domain.cases.cancel import cancel
from crossdock.domain.cases.early import apply_early
from crossdock.domain.checks import MASTERS_STEPS, run_checks
from crossdock.domain.decision import StreamRef, Tell
from crossdock.domain.diff import changes
from crossdock.domain.draft import Draft
from crossdock.domain.events import SignalSeen
from crossdock.domain.lattice import rank
from crossdock.domain.order import Order
from crossdock.domain.problems import problem

EDITED = "order.edited"


def order_seen(d: Draft, order: Order, authoritative: bool = False) -> None:
    """Take a view of the order. The newest view counts, whatever order views arrive in."""
    known = d.state.newest
    if known is None:
        _first(d, order)
    elif order == known:
        if authoritative and d.state.tied is not None:
            _confirm(d, order)
        _again(d)
    elif order.ties(known):
        _break_tie(d, order, known, authoritative)
    elif newer(order, known):
        _revise(d, order)
    else:
        d.note(e.OrderSuperseded(order.updated_at, order.payment_status, d.now))


def _break_tie(d: Draft, order: Order, known: Order, authoritative: bool) -> None:
    """What the channel shows when it is asked counts; until then the choice does not depend on who came first."""
    if authoritative:
        _revise(d, order)
        _confirm(d, order)
        return
    if d.state.tied is None:
        d.note(e.OrderTied(order.updated_at, d.now))
    # For each view, once: the channel may have been asked while its second was not over yet.
    to = StreamRef("signal", f"{order.channel}:order:{order.external_id}")
    view = sha256(msgspec.json.encode(order)).hexdigest()[:16]
    content = f"tie/{order.updated_at.isoformat()}/{view}"
    d.decision.tells.append(Tell(to, SignalSeen(order.channel, "order", order.external_id, content)))
    if d.state.confirmed is None and newer(order, known):
        _revise(d, order)
    else:
        d.note(e.OrderSuperseded(order.updated_at, order.payment_status, d.now))


def _confirm(d: Draft, order: Order) -> None:
    if d.state.confirmed != order.updated_at:
        d.note(e.OrderConfirmed(order.updated_at, d.now))


def _further(order: Order) -> tuple[int, bool]:
    return rank("payment", order.payment_status), order.cancelled_at is not None


def newer(order: Order, known: Order) -> bool:
    """A total order over views, so that every sequence of arrival ends at the same one.

    Channels write several views with one ``updated_at``; then the payment further on counts, then the cancelled one.
    """
    if order.updated_at != known.updated_at:
        return order.updated_at > known.updated_at
    if _further(order) != _further(known):
        return _further(order) > _further(known)
    return msgspec.json.encode(order) > msgspec.json.encode(known)


def _first(d: Draft, order: Order) -> None:
    early = d.state.early
    d.note(e.OrderRecorded(order, d.now))
    d.refer(order.channel, "order", order.external_id)
    d.refer(order.channel, "number", order.number)
    if order.test:
        d.note(e.OrderIgnored("test order", d.now))
    elif order.cancelled_at is not None:
        apply_early(d, early)
        cancel(d, order.channel, order.cancel_reason)
    else:
        check(d)
        apply_early(d, early)
    advance(d)


def check(d: Draft) -> None:
    """Run the checks over the order in force, where a route says how; ``advance`` tells when there is none."""
    policy = d.policy
    if policy is not None:
        run_checks(d, policy)


def _again(d: Draft) -> None:
    """Nothing new, but the ERP's masters may have what was missing."""
    if any(d.state.status_of(step) == "failed" for step in MASTERS_STEPS) or "route" in d.state.problems:
        check(d)
        advance(d)


def _revise(d: Draft, order: Order) -> None:
    state = d.state
    if order.number != d.order.number:
        d.refer(order.channel, "number", order.number)
    if state.cancel is not None or state.ended in ("cancelled", "ignored"):
        d.note(e.OrderNoted(order, d.now))
        return
    if order.cancelled_at is not None:
        d.note(e.OrderNoted(order, d.now) if locked(d) else e.OrderRecorded(order, d.now))
        cancel(d, order.channel, order.cancel_reason)
    elif locked(d):
        _edited(d, order)
    else:
        d.note(e.OrderRecorded(order, d.now))
        if state.status_of("order.book") == "failed":
            d.settle("order.book")
            d.move("order.book", "pending", "the order was corrected in the channel")
        check(d)
        balance(d)
    advance(d)


def locked(d: Draft) -> bool:
    """Whether the ERP has, or may have, the order: from then on a newer view overwrites nothing."""
    status = d.state.status_of("order.book")
    if status != "failed":
        return status in ("running", "done", "skipped", "undone")
    found = d.state.command_of("order.book")
    return found is None or found[1].klass != "rejected"


def _edited(d: Draft, order: Order) -> None:
    found = changes(d.order, order)
    if not found:
        d.note(e.OrderRecorded(order, d.now))
        d.settle(EDITED, reason="the channel shows what was booked")
        return
    d.note(e.OrderNoted(order, d.now))
    areas = sorted({change.area for change in found})
    title = f"The order was edited after it was booked: {', '.join(areas)}"
    facts = {"changes": [change.text for change in found]}
    d.open(problem("order.edited_after_booking", EDITED, title, ",".join(areas), facts), "order.book")
