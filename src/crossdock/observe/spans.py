"""Spans that cost next to nothing when nobody collects them, while trace context still travels.

Without an outlet a span is an object that makes a child context if it is asked for one. With an outlet a share of all
chains is sent, and of the others every span that failed, or whose work ended with something for a person.

A chain is what one webhook, poll or act leads to: traces that are linked, each beginning at a hop that may wait for
hours. Whether it is sent is decided once, where it begins, and travels in the sampled flag; else a link would lead
to a span that nobody has.
"""

from collections.abc import Callable, Mapping
from random import Random
from types import TracebackType
from typing import Any, Protocol

from crossdock.observe.trace import child_of, falls_in_sample, is_sampled, marked, new_trace

FAILURES = frozenset({"unknown", "rejected", "misconfigured"})  # outcomes that people are called for


class Carrier:
    """The span of a process without a telemetry receiver: continues the trace it came from."""

    __slots__ = ("_cause", "_parent", "_traceparent", "_tracer")

    def __init__(self, tracer: "Tracer", cause: str, parent: str) -> None:
        self._tracer, self._cause, self._parent, self._traceparent = tracer, cause, parent, ""

    @property
    def traceparent(self) -> str:
        if not self._traceparent:
            tracer, cause = self._tracer, self._cause
            self._traceparent = child_of(cause, tracer.random) if cause else tracer.context("", self._parent)
        return self._traceparent

    def set(self, **attributes: Any) -> None: ...
    def event(self, name: str, **attributes: Any) -> None: ...

    def __enter__(self) -> "Carrier":
        return self

    def __exit__(self, *_: object) -> None: ...


class Recorded:
    """A span that may be sent. ``cause`` becomes a link; ``parent`` is continued."""

    __slots__ = ("_tracer", "attributes", "cause", "ended", "error", "events", "kind", "name", "parent", "started",
                 "traceparent")  # fmt: skip

    def __init__(
        self, tracer: "Tracer", name: str, kind: str, cause: str, parent: str, attributes: Mapping[str, Any]
    ) -> None:
        self._tracer, self.name, self.kind, self.cause, self.parent = tracer, name, kind, cause, parent
        self.attributes: dict[str, Any] = dict(attributes)
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        self.error: str | None = None
        self.started = self.ended = 0
        self.traceparent = tracer.context(cause, parent)

    def set(self, **attributes: Any) -> None:
        self.attributes.update(attributes)

    def event(self, name: str, **attributes: Any) -> None:
        self.events.append((self._tracer.clock_ns(), name, attributes))

    def __enter__(self) -> "Recorded":
        self.started = self._tracer.clock_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _place: TracebackType | None
    ) -> None:
        self.ended = self._tracer.clock_ns()
        if kind is not None and not getattr(error, "by_design", False):
            self.error = kind.__name__  # never its text: it may quote an order
        self._tracer.settle(self)

    @property
    def failure(self) -> str:
        """What went wrong, as a word of the code; empty when nothing did. What is tried again by itself is none."""
        outcome = self.attributes.get("crossdock.outcome", "")
        return self.error or (outcome if outcome in FAILURES else "")

    @property
    def telling(self) -> bool:
        """Whether it is sent whatever the sample says."""
        return bool(self.failure) or "crossdock.exception" in self.attributes


class Outlet(Protocol):
    """Where finished spans go. Never blocks and never raises."""

    def take(self, span: Recorded) -> None: ...


class Tracer:
    """Makes the spans of one process. ``share``: how many of the unremarkable chains are sent, 0 to 1."""

    def __init__(self, random: Random, clock_ns: Callable[[], int], outlet: Outlet | None, share: float) -> None:
        self.random, self.clock_ns, self._outlet, self._share = random, clock_ns, outlet, share

    def span(
        self, name: str, kind: str, cause: str, parent: str, attributes: Mapping[str, Any] | None
    ) -> Carrier | Recorded:
        """A context manager that is a ``Span``."""
        if self._outlet is None:
            return Carrier(self, cause, parent)
        return Recorded(self, name, kind, cause, parent, attributes or {})

    def context(self, cause: str, parent: str) -> str:
        """The context of a new span. What was decided for its cause holds for it; where there is none, its trace's id
        decides. A sender's own flag does not: it could have us send everything."""
        made = child_of(parent, self.random) if parent else new_trace(self.random)
        return marked(made, sampled=is_sampled(cause) if cause else falls_in_sample(made, self._share))

    def settle(self, span: Recorded) -> None:
        """Send the span if it is to be sent."""
        if self._outlet is not None and (is_sampled(span.traceparent) or span.telling):
            self._outlet.take(span)
