"""What a fuzzing target is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st


@dataclass(frozen=True)
class Target:
    """``run`` gets bytes of ``bodies`` and raises for a bug only."""

    name: str
    bodies: st.SearchStrategy[bytes]
    run: Callable[[bytes], None]
    share: float = 1.0  # of the examples
    least: int = 15  # examples, however small the share


def or_raised(expected: type[Exception] | tuple[type[Exception], ...], call: Callable[[], Any]) -> Any:
    """What the call returns, or the documented exception it raises."""
    try:
        return call()
    except expected as error:
        return error
