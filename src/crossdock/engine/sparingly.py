"""How often to ask what may cost a lot."""

from collections.abc import Callable
from types import TracebackType

SHARE = 0.02
LONGEST_S = 10.0  # … but never waits longer: somebody's order may be what it would find


class Sparingly:
    """Lets something be done every ``every_s`` seconds, or as rarely as keeps it to a fiftieth of the time, ten seconds
    apart at most.

    A claim without a lower bound walks past every row that some forgotten reader keeps from being vacuumed: cheap on an
    ordinary day, a tenth of a second after some minutes of it.
    """

    def __init__(self, every_s: float, stopwatch: Callable[[], float]) -> None:
        self._every_s = every_s
        self._stopwatch = stopwatch
        self._began = self._next = float("-inf")

    def due(self) -> bool:
        """Whether it is time again."""
        return self._stopwatch() >= self._next

    def __enter__(self) -> None:
        self._began = self._stopwatch()
        self._next = self._began + self._every_s  # while it runs, nobody else begins

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:  # what failed says nothing about what it costs
            took_s = self._stopwatch() - self._began
            self._next = max(self._next, self._began + min(took_s / SHARE, LONGEST_S))
