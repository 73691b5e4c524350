"""The sale is off: what that means at every stage the order may be in."""

from crossdock.domain import entries as e
from crossdock.domain.advance import EDITED, end_cancelled
from crossdock.domain.draft import Draft
from crossdock.domain.problems import problem
from crossdock.domain.process import AMEND
from crossdock.domain.rulings import Edit, Way, ruling, stage_of

CANCEL = "cancel"


def cancel(d: Draft, by: str, reason: str | None) -> None:
    """Drop, undo in reverse, or ask a person; ``advance`` then walks the undo."""
    state = d.state
    if state.cancel is not None:
        return
    ruled = ruling([Edit.CANCEL], stage_of(state))
    d.note(e.CancelAsked(ruled.way.value, by, d.now, reason))
    if ruled.code is not None:
        title = f"The order was cancelled after the {ruled.code.rpartition('_')[2]}"
        d.open(problem(ruled.code, CANCEL, title, d.order.channel, {"reason": reason}), "take.shipments")
        if AMEND in state.steps and state.status_of(AMEND) == "pending":
            d.move(AMEND, "skipped", "cancelled")
    elif ruled.way is Way.UNDO:
        _drop_open_questions(d)
    else:
        end_cancelled(d)


def settle_by_hand(d: Draft, by: str) -> None:
    """A person settled what left or was billed: what is out is still told everywhere, and no more is to leave."""
    booked = d.state.finished("order.book")
    if d.state.ended is None and (not booked or not d.state.shipments):
        end_cancelled(d)
    elif d.state.ended is None and not d.state.finished("take.shipments"):
        d.move("take.shipments", "skipped", f"cancelled, settled by {by}")


def _drop_open_questions(d: Draft) -> None:
    """An edit of an order that is taken back needs no answer any more."""
    d.settle(EDITED, reason="the order was cancelled")
    for name in list(d.state.timers):
        d.timer(name, None)
