"""What ``/metrics`` answers: the figures of all processes of this host as one, in Prometheus' text format."""

from collections.abc import Callable, Iterable, Mapping
from operator import add
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family

from crossdock.observe.catalogue import METRICS, Metric
from crossdock.observe.tally import Histogram, Key, Sample, Sheet, read_sheet

STALE_S = 30.0  # gauges of a process that has not written for so long are left out
CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
Value = TypeVar("Value", float, Histogram)


def exposition(folder: Path, clock: Callable[[], float], extra: Iterable[Sample] = ()) -> bytes:
    """Prometheus text over all workers of this host, and ``extra`` gauges (those read from the database)."""
    sheets = [sheet for path in sorted(folder.glob("*.metrics")) if (sheet := read_sheet(path)) is not None]
    registry = CollectorRegistry()
    registry.register(_Families(_merge(sheets, clock(), extra)))
    return generate_latest(registry)


class _Families:
    """A prometheus_client collector over what was merged."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families

    def describe(self) -> Iterable[Family]:
        return []


def _merge(sheets: Iterable[Sheet], now: float, extra: Iterable[Sample]) -> list[Family]:
    counters: dict[Key, float] = {}
    histograms: dict[Key, Histogram] = {}
    gauges: dict[Key, float] = {(name, tuple(labels.items())): value for name, labels, value in extra}
    for sheet in sheets:
        for name, labels, value in sheet.counters:
            counters[name, labels] = counters.get((name, labels), 0.0) + value
        for name, labels, histogram in sheet.histograms:
            known = histograms.get((name, labels))
            histograms[name, labels] = summed(known, histogram) if known else histogram
        if now - sheet.written_at < STALE_S:
            gauges.update({(name, labels): value for name, labels, value in sheet.gauges})
    found = [_family(metric, counters, histograms, gauges) for metric in METRICS.values()]
    return [family for family in found if family.samples]


def summed(one: Histogram, other: Histogram) -> Histogram:
    if len(one.counts) != len(other.counts):
        return other
    return Histogram([a + b for a, b in zip(one.counts, other.counts, strict=True)], one.total + other.total)


def _family(
    metric: Metric, counters: Mapping[Key, float], histograms: Mapping[Key, Histogram], gauges: Mapping[Key, float]
) -> Family:
    if metric.kind == "histogram":
        family = HistogramMetricFamily(metric.exposed, metric.when, labels=metric.labels)
        for labels, histogram in series(metric, histograms, summed):
            family.add_metric(labels, _cumulative(metric.buckets, histogram.counts), histogram.total)
        return family
    counts = metric.kind == "counter"
    plain = (CounterMetricFamily if counts else GaugeMetricFamily)(metric.exposed, metric.when, labels=metric.labels)
    for labels, value in series(metric, counters if counts else gauges, add if counts else later):
        plain.add_metric(labels, value)
    return plain


def later(_one: float, other: float) -> float:
    return other


def series(
    metric: Metric, kept: Mapping[Key, Value], joined: Callable[[Value, Value], Value]
) -> list[tuple[list[str], Value]]:
    """A metric's series with their labels in catalogue order; equal label sets given in another order are one."""
    merged: dict[tuple[str, ...], Value] = {}
    for (name, labels), value in kept.items():
        if name == metric.name:
            given = dict(labels)
            row = tuple(given.get(label, "") for label in metric.labels)
            merged[row] = joined(merged[row], value) if row in merged else value
    return [(list(row), merged[row]) for row in sorted(merged)]


def _cumulative(bounds: tuple[float, ...], counts: list[int]) -> list[tuple[str, float]]:
    total, rows = 0, []
    for bound, count in zip([*map(str, bounds), "+Inf"], counts, strict=True):
        total += count
        rows.append((bound, float(total)))
    return rows
