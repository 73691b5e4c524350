"""What breaks, in which round, and when: drawn from the seed, every kind at least once."""

from collections.abc import Sequence
from random import Random

import msgspec

from chaos.house import LINES
from chaos.proxy import FAULTS

ROLES = ("intake", "decide", "deliver", "schedule", "console")
PROCESSES = {
    **{f"kill-{role}": f"kill -9 of one process that serves the role {role}" for role in ROLES},
    "kill-serve": "kill -9 of a crossdock serve with all of its children",
    "kill-parent": "kill -9 of the parent of a crossdock serve alone",
    "kill-backend": "kill -9 of a PostgreSQL backend, which takes all sessions down",
    "kill-postmaster": "kill -9 of PostgreSQL's postmaster",
    "disk-full": "the database's disk is full to the last byte",
    "clock-ahead": "the wall clock of one crossdock serve jumps two hours ahead",
    "clock-back": "the wall clock of one crossdock serve jumps two hours back",
    "pause-intake": "SIGSTOP of an intake process for longer than its senders wait",
    "pause-decide": "SIGSTOP of a decide process for longer than its transactions may idle",
    "pause-deliver": "SIGSTOP of a deliver process with calls in flight, past their lease; then SIGCONT",
    "database-clock": "PostgreSQL's wall clock jumps two hours ahead, for good",
}
NETWORK = {f"net-{fault}": what for fault, what in FAULTS.items()}
KINDS = {**PROCESSES, **NETWORK}
LASTING = ("database-clock",)  # cannot be undone: comes last of all
NET_PER_ROUND = 3
GAP_S = (1.0, 3.0)
NET_S = (2.0, 6.0)


class Act(msgspec.Struct, frozen=True):
    """One thing that is broken. ``where``: the line, or which of the two serves."""

    kind: str
    where: str
    after_s: float  # of quiet before it: since the act before it, or since the round began for the network's
    lasts_s: float = 0.0
    share: float = 1.0


class Round(msgspec.Struct, frozen=True):
    """``processes`` happen one after the other, ``network`` at its own times beside them, or before them (``apart``):
    how soon something works again is only told where nothing else is broken."""

    number: int
    processes: list[Act]
    network: list[Act]
    apart: bool = False


def draw(seed: int, rounds: int, only: Sequence[str] = ()) -> list[Round]:
    """The plan. ``only``: these kinds and no others. Raises ``ValueError`` for a kind that is not known."""
    if unknown := sorted(set(only) - set(KINDS)):
        raise ValueError(f"no such faults: {unknown}; there are {sorted(KINDS)}")
    random = Random(seed)
    dealt = _dealt([kind for kind in PROCESSES if not only or kind in only], rounds, random)
    troubles = _troubles([kind for kind in NETWORK if not only or kind in only], rounds, random)
    return [Round(n + 1, _in_turn(dealt[n], random), troubles[n], apart=n % 2 == 1) for n in range(rounds)]


def _dealt(kinds: list[str], rounds: int, random: Random) -> list[list[str]]:
    """Every kind once, one per round as long as there are some, then any a second time; what lasts comes last."""
    first = [kind for kind in kinds if kind not in LASTING]
    random.shuffle(first)
    hands: list[list[str]] = [[] for _ in range(rounds)]
    for n, kind in enumerate(first):
        hands[n % rounds].append(kind)
    for hand in hands:
        if not hand and first:
            hand.append(random.choice(first))
    hands[-1] += [kind for kind in kinds if kind in LASTING]
    return hands


def _in_turn(kinds: list[str], random: Random) -> list[Act]:
    return [Act(kind, random.choice(("one", "two")), round(random.uniform(*GAP_S), 2)) for kind in kinds]


def _troubles(kinds: list[str], rounds: int, random: Random) -> list[list[Act]]:
    """Some each round: every fault once before any a second time, and then on another line."""
    lines = {kind: random.sample(LINES, len(LINES)) for kind in kinds}
    per_round = max(NET_PER_ROUND, -(-len(kinds) // rounds)) if kinds else 0
    pairs: list[tuple[str, str]] = []
    while len(pairs) < per_round * rounds:
        turn = len(pairs) // len(kinds) % len(LINES)
        pairs += [(kind, lines[kind][turn]) for kind in random.sample(kinds, len(kinds))]
    return [[_trouble(*pairs.pop(0), random) for _ in range(per_round)] for _ in range(rounds)]


def _trouble(kind: str, line: str, random: Random) -> Act:
    after_s, lasts_s = random.uniform(0.5, 8.0), random.uniform(*NET_S)
    return Act(kind, line, round(after_s, 2), round(lasts_s, 2), random.choice((0.2, 0.5, 1.0)))
