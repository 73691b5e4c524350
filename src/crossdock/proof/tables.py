"""Where a run's tables are: in memory, or on a PostgreSQL. Both are read by the invariants as the same ``Books``."""

import copy
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from crossdock.proof.clock import Clock
from crossdock.proof.process import Process
from crossdock.store.memory import MemoryStore
from crossdock.store.memory_rows import Books
from crossdock.store.protocol import CommitUnknown, StoreUnavailable

T = TypeVar("T")


class Tables(Protocol):
    """The world's side of the database. It outlives every process."""

    store: Any  # a ``Store`` that can also ``register``: for what operators and the world itself do

    @property
    def books(self) -> Books:
        """All rows as they stand now, for reading only."""

    def line(self, process: Process) -> "Line":
        """A process's own connections."""


class Line(Protocol):
    """One process's connections to the database."""

    store: Any  # a ``Store``

    def waiting(self, table: str, target: str = "") -> bool:
        """Whether ``agenda``, ``timers``, ``wanted`` or ``dispatch`` (of a target) has any row."""

    async def cut(self, effect: Callable[[], Awaitable[Any]], what: str) -> StoreUnavailable:
        """Do it, and break the connection before the answer; returns what the process is told."""

    def lose(self, claim: Any) -> None:
        """The server notices that the client of an open claim is gone."""


class InMemory:
    """Implements ``Tables`` and ``Line``: calls reach the rows directly, and broken connections are told, not made."""

    def __init__(self, clock: Clock) -> None:
        self.store = MemoryStore(clock.now)

    @property
    def books(self) -> Books:
        """All rows."""
        return self.store.books

    def line(self, _process: Process) -> "Line":
        """All processes share the rows."""
        return self

    def backup(self) -> Books:
        """Everything that is committed now."""
        kept = copy.deepcopy(self.store.books)
        kept.locked.clear()
        return kept

    def restore(self, backup: Books) -> None:
        """Put everything back to what it was then. No process may live."""
        self.store.books = backup

    def waiting(self, table: str, target: str = "") -> bool:
        """See ``Line``."""
        books = self.store.books
        if table == "dispatch":
            return any(row.target == target for row in books.dispatch.values())
        return bool({"agenda": books.agenda, "timers": books.timers, "wanted": books.wanted}[table])

    async def cut(self, effect: Callable[[], Awaitable[Any]], what: str) -> StoreUnavailable:
        """See ``Line``."""
        await effect()
        return CommitUnknown(f"the connection was cut during COMMIT ({what})")

    def lose(self, claim: Any) -> None:
        """See ``Line``."""
        at_once(claim.__aexit__(StoreUnavailable, StoreUnavailable("the client is gone"), None))


def at_once(work: Any) -> None:
    """Run something that only looks like waiting, from a callback."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise RuntimeError("the tables made somebody wait")
