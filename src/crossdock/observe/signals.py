"""The one object through which a process speaks: counts, durations, spans and log lines. Injected, never global."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from crossdock.observe.tally import Sample


class Span(Protocol):
    """One timed piece of work. ``traceparent`` is what to store with, or send along, what it causes."""

    traceparent: str

    def set(self, **attributes: Any) -> None: ...
    def event(self, name: str, **attributes: Any) -> None: ...


class Log(Protocol):
    """Structured log lines: an event name and fields. Fields outside the catalogue's allow-list are dropped."""

    def debug(self, event: str, **fields: Any) -> None: ...
    def info(self, event: str, **fields: Any) -> None: ...
    def warning(self, event: str, **fields: Any) -> None: ...
    def error(self, event: str, **fields: Any) -> None: ...


class Signals(Protocol):
    log: Log

    def add(self, metric: str, value: float = 1, **labels: str) -> None:
        """Count up. ``metric`` is a name from the catalogue, e.g. ``crossdock.ingest.requests``."""

    def record(self, metric: str, value: float, **labels: str) -> None:
        """Record one measurement of a histogram, in seconds or items."""

    def set(self, metric: str, value: float, **labels: str) -> None:
        """Set a gauge."""

    def show(self, samples: Iterable[Sample]) -> None:
        """What the database says just now, in place of what it said before: sent along, not counted here."""

    def span(
        self,
        name: str,
        *,
        kind: str = "internal",
        cause: str = "",
        parent: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> Any:
        """Context manager giving a ``Span``. ``cause``: a stored traceparent to LINK to (a new trace starts, same
        trace id is not continued); ``parent``: a traceparent to continue."""


class _SilentLog:
    def debug(self, event: str, **fields: Any) -> None: ...
    def info(self, event: str, **fields: Any) -> None: ...
    def warning(self, event: str, **fields: Any) -> None: ...
    def error(self, event: str, **fields: Any) -> None: ...


class _SilentSpan:
    traceparent = ""

    def set(self, **attributes: Any) -> None: ...
    def event(self, name: str, **attributes: Any) -> None: ...


class Silence:
    """Signals that go nowhere, for tests and simulation."""

    def __init__(self) -> None:
        self.log: Log = _SilentLog()

    def add(self, metric: str, value: float = 1, **labels: str) -> None: ...
    def record(self, metric: str, value: float, **labels: str) -> None: ...
    def set(self, metric: str, value: float, **labels: str) -> None: ...
    def show(self, samples: Iterable[Sample]) -> None: ...

    @contextmanager
    def span(
        self,
        name: str,
        *,
        kind: str = "internal",
        cause: str = "",
        parent: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> Iterator[Span]:
        yield _SilentSpan()
