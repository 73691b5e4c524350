"""Letting a hold go, by a person or by its expiry."""

from crossdock.domain import entries as e
from crossdock.domain.checks import screening
from crossdock.domain.draft import Draft


def release(d: Draft, rule: str, by: str, reason: str) -> bool:
    """Release one hold; False when there is none of that name that still holds."""
    hold = d.state.holds.get(rule)
    if hold is None or hold.released_at is not None:
        return False
    d.note(e.HoldReleased(rule, by, reason, d.now))
    d.settle(f"hold/{rule}", by, reason)
    d.timer(f"hold/{rule}", None)
    verdict = screening(tuple(d.state.holds.values()))
    d.move(verdict.step, verdict.status, verdict.reason)
    return True
