"""What can be wrong with a configuration, said so that it can be put right: file, line, what, what would be right."""

import difflib
from collections.abc import Iterable

import msgspec


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong. ``line`` counts from 1; 0 speaks of the file as a whole."""

    file: str
    line: int
    wrong: str
    right: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.wrong}" + (f" {self.right}" if self.right else "")


class ConfigError(Exception):
    """The configuration cannot be used. Carries every fault that was found, not only the first."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def nearest(word: str, known: Iterable[str], otherwise: str = "Known") -> str:
    """A sentence that helps with a misspelt word: the nearest known one, else all of them."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    return f"{otherwise}: {', '.join(choices)}." if choices else ""
