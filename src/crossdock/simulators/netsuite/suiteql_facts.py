"""What a WHERE says of single columns, so that a table need not make rows that it will refuse anyway.

Facts only ever narrow: a table may leave out rows that contradict them, and the whole condition is still tried on what
remains. ``None`` in a column contradicts every fact, as every comparison with null is false.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec


class Fact(msgspec.Struct, frozen=True):
    """Of one column: the values that it can have, if they are known, and the least one."""

    values: frozenset[Any] | None = None
    least: Any = None

    def admits(self, value: Any) -> bool:
        """Whether a column with this value can be meant."""
        if self.values is not None:
            return value in self.values
        if self.least is None:
            return True
        # Values of another type cannot be compared: the condition itself says so.
        return value is not None and (not isinstance(value, type(self.least)) or bool(value >= self.least))


ANY = Fact()  # nothing is known: even null is meant
Facts = Mapping[str, Fact]
NOTHING: Facts = {}


def equals(column: str, values: Iterable[Any]) -> Facts:
    return {column: Fact(frozenset(values))}


def at_least(column: str, least: Any) -> Facts:
    return {column: Fact(least=least)}


def both(one: Facts, other: Facts) -> Facts:
    """What holds when both hold. Of two facts about a column, the one that names values says more."""
    merged = dict(one)
    for column, fact in other.items():
        known = merged.get(column)
        if known is None or known.values is None:
            merged[column] = fact
        elif fact.values is not None:
            merged[column] = Fact(known.values & fact.values)
    return merged


def either(parts: list[Facts]) -> Facts:
    """What holds whichever of the parts does: facts about columns of which every part says something of one kind."""
    found = {}
    for column in set.intersection(*(set(part) for part in parts)):
        facts = [part[column] for part in parts]
        values = [fact.values for fact in facts if fact.values is not None]
        if len(values) == len(facts):
            found[column] = Fact(frozenset().union(*values))
            continue
        least = [low for fact in facts for low in _lows(fact)]
        if len({type(low) for low in least}) == 1:
            found[column] = Fact(least=min(least))
    return found


def _lows(fact: Fact) -> list[Any]:
    return [fact.least] if fact.values is None else list(fact.values)
