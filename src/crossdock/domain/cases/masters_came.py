"""Masters of the ERP arrived that this order was looked up in vain among."""

from crossdock.domain.advance import advance
from crossdock.domain.cases.order_seen import check
from crossdock.domain.checks import MASTERS_STEPS
from crossdock.domain.draft import Draft
from crossdock.domain.rulings import locked


def masters_came(d: Draft) -> None:
    """Check again, where the order still waits for masters; it may have been settled another way meanwhile."""
    state = d.state
    if state.order is None or state.ended is not None or state.cancel is not None or locked(state):
        return
    if any(state.status_of(step) in ("failed", "waiting") for step in MASTERS_STEPS):
        check(d)
        advance(d)
