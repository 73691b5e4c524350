"""An event loop whose time is invented: when nothing is left to do at an instant, the clock jumps to the next timer.

No sockets, no threads, no waiting: half an hour of an order's life takes as long as its Python code.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class Deadlock(Exception):
    """Nothing is due and nothing is ready: whatever is awaited will never come."""


class _NoSockets:
    """Stands where a selector would: ``select`` is called with the time to the next timer."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock("every task waits for something that nobody will do")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """``time()`` is seconds since the run began."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _NoSockets()
        self._clock_resolution = 1e-9  # asyncio takes it from the machine: with it, which timers are due together

    def time(self) -> float:
        """Invented seconds."""
        return self._selector.now

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody needs waking."""


class Clock:
    """What the vendors' and the database's clocks show; processes read theirs through it with a skew."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._told = (-1.0, EPOCH)  # the last instant that was asked for: many ask at one

    def seconds(self) -> float:
        return self._loop.time()

    def now(self) -> datetime:
        """Aware UTC."""
        at, told = self._told
        if at != (seconds := self._loop.time()):
            told = EPOCH + timedelta(seconds=seconds)
            self._told = (seconds, told)
        return told

    def skewed(self, skew_s: Callable[[], float]) -> Callable[[], datetime]:
        """A wall clock that is wrong by as much as ``skew_s`` says at each reading."""
        return lambda: EPOCH + timedelta(seconds=self._loop.time() + skew_s())
