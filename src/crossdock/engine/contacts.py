"""What calls say about a connection, gathered between two writes: thousands of calls cost one row update a second."""

from collections.abc import Awaitable, Callable

from crossdock.domain.outcome import Misconfigured, Outcome
from crossdock.engine import breaker

Noted = Callable[[str, str | None], Awaitable[None]]  # connection, and what is wrong or None
LONGEST = 500


class Heard:
    """The newest success and the newest trouble of each connection since they were last taken."""

    def __init__(self) -> None:
        self._worked: set[str] = set()
        self._trouble: dict[str, str] = {}

    def note(self, name: str, outcome: Outcome) -> None:
        """One call's outcome. A refusal of one order is an answer as it should be; a refused credential is not."""
        if breaker.healthy(outcome, getattr(outcome, "code", "")) and not isinstance(outcome, Misconfigured):
            self._worked.add(name)
        else:
            self._trouble[name] = f"{type(outcome).__name__}: {getattr(outcome, 'detail', '')}"[:LONGEST]

    def take(self) -> list[tuple[str, str | None]]:
        """What to write, as ``Noted`` takes it."""
        taken: list[tuple[str, str | None]] = [(name, None) for name in sorted(self._worked)]
        taken += sorted(self._trouble.items())
        self._worked.clear()
        self._trouble.clear()
        return taken
