"""What follows from an outcome: settle the command, or send it again, when, and how. Pure."""

import msgspec

from crossdock.domain.outcome import (
    Conflict,
    Done,
    Misconfigured,
    Outcome,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    RetryLater,
)
from crossdock.kit.manifest import Operation, Repeat

MAX_TRIES = 14  # with the backoff below: 24 to 47 minutes of an order's own trouble
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 600.0
SHORTEST_REST_S = 0.25  # after a limit's refusal that asks for less: it costs no try, so nothing else bounds it


class Settle(msgspec.Struct, frozen=True):
    """The command has come to its end; its stream decides what that means."""

    outcome: Done | Rejected | Conflict | OutcomeUnknown | RetryLater | Misconfigured


class Again(msgspec.Struct, frozen=True):
    """Send it again. ``check_first``: an earlier effect may stand, so look before writing."""

    in_s: float
    counts: bool = True
    check_first: bool = False


class PauseConnection(msgspec.Struct, frozen=True):
    """Not the order's fault: stop the connection and keep the command for when a person has mended it."""

    reason: str


Disposal = Settle | Again | PauseConnection


def backoff_s(tries: int, jitter: float) -> float:
    """Exponential with full jitter over the upper half. ``jitter`` is drawn by the caller, 0 to 1."""
    ceiling: float = min(FIRST_BACKOFF_S * 2 ** min(tries, 20), LONGEST_BACKOFF_S)
    return ceiling * (0.5 + jitter / 2)


def dispose(outcome: Outcome, operation: Operation, tries: int, checking: bool, jitter: float) -> Disposal:
    """Decide what follows.

    ``tries`` counts sends up to and including this one; ``checking`` says that an effect of an earlier send was
    still in doubt when this one went out, so the doubt outlives an answer that settles nothing.
    """
    match outcome:
        case Done() | Rejected() | Conflict():
            return Settle(outcome)
        case RateLimited():
            return Again(max(outcome.after_s, SHORTEST_REST_S) * (1 + jitter / 4), counts=False, check_first=checking)
        case Misconfigured():
            return PauseConnection(f"{outcome.code}: {outcome.detail}")
        case RetryLater():
            if tries >= MAX_TRIES:
                return Settle(OutcomeUnknown(outcome.detail, outcome.code) if checking else outcome)
            # the vendor may ask for more than the backoff, not for less: all tries would be used up at once
            return Again(max(outcome.after_s or 0.0, backoff_s(tries, jitter)), check_first=checking)
        case OutcomeUnknown():
            return _unknown(outcome, operation, tries, jitter)


def _unknown(outcome: OutcomeUnknown, operation: Operation, tries: int, jitter: float) -> Disposal:
    if operation.repeat is Repeat.UNSAFE or tries >= MAX_TRIES:
        return Settle(outcome)
    wait = max(backoff_s(tries, jitter), operation.settle_s)
    return Again(wait, check_first=operation.repeat is not Repeat.READ)
