"""The circuit breaker of a connection: pure transitions; its state is shared by all workers through the store.

The store's clock alone ends the wait of an open breaker, by calling it half open: a worker's may be hours off.
"""

import msgspec

from crossdock.domain.outcome import Conflict, Done, Misconfigured, Outcome, OutcomeUnknown, RateLimited, Rejected
from crossdock.store.protocol import ConnectionRow

TRIP_AFTER = 5  # consecutive failures
FIRST_OPEN_S, LONGEST_OPEN_S = 2.0, 60.0
# What ``RetryLater`` calls an outage, of the system itself or of where it signs us in. ``http_5xx`` is one too.
_AWAY = frozenset({"unavailable", "not_sent", "no_answer", "server_error", "token_unavailable"})


class Trip(msgspec.Struct, frozen=True):
    """A change of breaker state to be shared. ``for_s``: how long an open breaker stays open."""

    failures: int
    breaker: str
    for_s: float | None = None


def allowance(row: ConnectionRow) -> int | None:
    """How many calls may be in flight because of the breaker: None is no limit, 0 none, 1 a probe."""
    if row.paused or row.breaker == "open":
        return 0
    return None if row.breaker == "closed" else 1


def healthy(outcome: Outcome, code: str) -> bool:
    """Whether the answer shows that the system works: a refusal of one order does, an outage does not."""
    if isinstance(outcome, Done | Rejected | Conflict | RateLimited | Misconfigured):
        return True
    return not isinstance(outcome, OutcomeUnknown) and code not in _AWAY and not code.startswith("http_5")


def after_success(row: ConnectionRow) -> Trip | None:
    """What one working call changes: closes a half-open breaker, forgets failures."""
    if row.breaker == "closed" and row.failures == 0:
        return None
    return Trip(failures=0, breaker="closed")


def after_failure(row: ConnectionRow) -> Trip | None:
    """What one outage-like failure changes: counts, and opens for a time that doubles with every failed probe.

    Calls that were in flight when the breaker opened come home failed too: they say nothing new.
    """
    if row.breaker == "open":
        return None
    failures = row.failures + 1
    if row.breaker == "closed" and failures < TRIP_AFTER:
        return Trip(failures=failures, breaker="closed")
    doublings = min(max(failures - TRIP_AFTER, 0), 10)
    return Trip(failures=failures, breaker="open", for_s=min(FIRST_OPEN_S * 2**doublings, LONGEST_OPEN_S))
