"""Signals that a test asks afterwards: what was counted and measured, and the spans with their real contexts."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from random import Random
from typing import Any

from crossdock.observe.signals import Silence
from crossdock.observe.spans import Recorded, Tracer

Said = tuple[str, tuple[tuple[str, str], ...]]  # a metric and its labels


class Heard(Silence):
    """Every span is kept, whatever the sample."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        self.counted: Counter[Said] = Counter()
        self.measured: defaultdict[Said, list[float]] = defaultdict(list)
        self.spans: list[Recorded] = []
        self._tracer = Tracer(Random(seed), time.time_ns, self, 1.0)

    def add(self, metric: str, value: float = 1, **labels: str) -> None:
        self.counted[metric, tuple(labels.items())] += int(value)

    def record(self, metric: str, value: float, **labels: str) -> None:
        self.measured[metric, tuple(labels.items())].append(value)

    def take(self, span: Recorded) -> None:
        """As an ``Outlet``."""
        self.spans.append(span)

    def span(  # type: ignore[override]
        self,
        name: str,
        *,
        kind: str = "internal",
        cause: str = "",
        parent: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> Any:
        return self._tracer.span(name, kind, cause, parent, attributes)

    def named(self, name: str) -> list[Recorded]:
        """The ended spans of that name."""
        return [span for span in self.spans if span.name == name]
