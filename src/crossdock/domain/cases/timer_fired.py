"""An alarm went off: the edit window is over, a hold expires, refunded goods have not come."""

from crossdock.domain.advance import advance
from crossdock.domain.cases.order_seen import check
from crossdock.domain.checks import EDIT_WINDOW, REVALIDATE
from crossdock.domain.decision import Timer
from crossdock.domain.draft import Draft
from crossdock.domain.holding import expire
from crossdock.domain.restocking import ALARM, ask_for_goods


def timer_fired(d: Draft, name: str) -> None:
    """Act on an alarm that is set and due; one that was taken off meanwhile means nothing."""
    due_at = d.state.timers.get(name)
    if due_at is None:
        return
    if d.now < due_at:
        d.decision.timers.append(Timer(name, due_at))
        return
    d.timer(name, None)
    if name == EDIT_WINDOW:
        d.move(EDIT_WINDOW, "done")
    elif name == REVALIDATE:
        check(d)
    elif name.startswith("hold/"):
        expire(d, name.removeprefix("hold/"))
    elif name == ALARM:
        ask_for_goods(d)
    advance(d)
