"""How workers share an account's concurrency slots: nobody gets more than his fair share while another wants some."""

from collections.abc import Sequence
from math import ceil

import msgspec

ASKING_S = 3.0  # who holds nothing counts for this long after he asked; workers ask about once a second


class Holder(msgspec.Struct, frozen=True):
    worker: str
    wanted: int
    held: int
    passes: bool = False  # gives it back after one call
    since: float = 0.0  # has waited; only looked at where turns are taken


def share(worker: str, want: int, living: Sequence[Holder], limit: int) -> int:
    """How many slots ``worker`` may use: its fair share, and never what the others still hold.

    Small wishes are granted whole and what they leave is divided among the larger ones. Where it does not divide, who
    holds slots already comes first, so that nothing moves to and fro and a limit of one is an ownership that stays.
    """
    others = [holder for holder in living if holder.worker != worker]
    held = sum(holder.held for holder in living if holder.worker == worker)
    own = Holder(worker, want, held)
    left, fair = limit, 0
    ranked = sorted([own, *others], key=lambda holder: (holder.wanted, -holder.held, holder.worker))
    for place, holder in enumerate(ranked):
        fair = min(holder.wanted, ceil(left / (len(ranked) - place)))
        if holder is own:
            break
        left -= fair
    return max(0, min(fair, limit - sum(holder.held for holder in others)))


def turn(worker: str, passes: bool, living: Sequence[Holder]) -> int:
    """Whether ``worker`` may use an account's only slot: in the order in which they asked for it.

    Who stays (a courier) keeps it until one who passes (a poll) waits; to another who stays he gives nothing away.
    """
    others = [holder for holder in living if holder.worker != worker]
    own = next((holder for holder in living if holder.worker == worker), None)
    waiting = [holder for holder in others if not holder.held]
    if len(waiting) < len(others):
        return 0
    if own is None:
        return int(not waiting)
    if own.held:
        return int(passes or not any(holder.passes for holder in waiting))
    return int(all((own.since, worker) < (holder.since, holder.worker) for holder in waiting))


def lease_of(held: int, lease_s: float) -> float:
    """For how long a holder counts without renewing."""
    return lease_s if held else min(lease_s, ASKING_S)
