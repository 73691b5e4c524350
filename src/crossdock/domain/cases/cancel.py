"""The sale is off: what that means at every stage the order may be in."""

from crossdock.domain import entries as e
from crossdock.domain.advance import end_cancelled
from crossdock.domain.draft import Draft
from crossdock.domain.problems import problem

CANCEL = "cancel"


def cancel(d: Draft, by: str, reason: str | None) -> None:
    """Drop, undo in reverse, or ask a person; ``advance`` then walks the undo."""
    state = d.state
    if state.cancel is not None:
        return
    out = "shipment" if state.shipments else "invoice" if _billed(d) else None
    if out is not None:
        d.note(e.CancelAsked("person", by, d.now, reason))
        code = f"order.cancelled_after_{out}"
        title = f"The order was cancelled after the {out}"
        d.open(problem(code, CANCEL, title, d.order.channel, {"reason": reason}), "take.shipments")
    elif any(intent.step == "order.book" for intent in state.commands.values()):
        d.note(e.CancelAsked("undo", by, d.now, reason))
        _drop_open_questions(d)
    else:
        d.note(e.CancelAsked("drop", by, d.now, reason))
        end_cancelled(d)


def settle_by_hand(d: Draft, by: str) -> None:
    """A person settled what left or was billed: what is out is still told everywhere, and no more is to leave."""
    booked = d.state.finished("order.book")
    if d.state.ended is None and (not booked or not d.state.shipments):
        end_cancelled(d)
    elif d.state.ended is None and not d.state.finished("take.shipments"):
        d.move("take.shipments", "skipped", f"cancelled, settled by {by}")


def _billed(d: Draft) -> bool:
    return bool(d.state.invoices) or d.state.command_of("invoice") is not None


def _drop_open_questions(d: Draft) -> None:
    """An edit of an order that is taken back needs no answer any more."""
    d.settle("order.edited", reason="the order was cancelled")
    for name in list(d.state.timers):
        d.timer(name, None)
