"""Sends a process's figures to an OpenTelemetry collector over OTLP/HTTP: the same counts that ``/metrics`` answers.

Each process sends its own, told apart by ``service.instance.id``; the collector adds them up. What only the database
knows comes from the process that reads it (the console's).
"""

from collections.abc import Iterable, Mapping
from operator import add
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    HistogramDataPoint,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as Histograms
from opentelemetry.sdk.metrics.export import Metric as Series
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from crossdock.observe.catalogue import METRICS, Metric
from crossdock.observe.exposition import later, series, summed
from crossdock.observe.otlp import SCHEMA, address, hush
from crossdock.observe.tally import Histogram, Sample, Sheet

_SINCE_THE_START = AggregationTemporality.CUMULATIVE
_NANO = 1_000_000_000


class OtlpMeter:
    """``send`` blocks for up to five seconds: call it from a thread."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], resource: Mapping[str, str]) -> None:
        hush()
        self._exporter = OTLPMetricExporter(address(endpoint, "metrics"), headers=dict(headers), timeout=5)
        self._resource = Resource(dict(resource), SCHEMA)
        self._scope = InstrumentationScope("crossdock", resource.get("service.version", ""))

    def send(self, sheet: Sheet, beside: Iterable[Sample] = ()) -> bool:
        """Send everything counted so far, and ``beside`` as gauges; whether the collector has it."""
        scope = ScopeMetrics(self._scope, _series(sheet, beside), SCHEMA)
        told = MetricsData([ResourceMetrics(self._resource, [scope], SCHEMA)])
        return self._exporter.export(told) is MetricExportResult.SUCCESS

    def close(self) -> None:
        self._exporter.shutdown()


def _series(sheet: Sheet, beside: Iterable[Sample]) -> list[Series]:
    """One for each metric of the catalogue, its label sets told once each, in whatever order they were given."""
    times = int(sheet.began_at * _NANO), int(sheet.written_at * _NANO)
    counters = {(name, labels): value for name, labels, value in sheet.counters}
    histograms = {(name, labels): value for name, labels, value in sheet.histograms}
    gauges = {(name, labels): value for name, labels, value in sheet.gauges}
    gauges |= {(name, tuple(labels.items())): value for name, labels, value in beside}
    found: list[Series] = []
    for metric in METRICS.values():
        points: Sum | Gauge | Histograms
        if metric.kind == "histogram":
            measured = [_measured(metric, *row, *times) for row in series(metric, histograms, summed)]
            points = Histograms(measured, _SINCE_THE_START)
        elif metric.kind == "counter":
            counted = [_point(metric, *row, *times) for row in series(metric, counters, add)]
            points = Sum(counted, _SINCE_THE_START, is_monotonic=True)
        else:
            points = Gauge([_point(metric, *row, *times) for row in series(metric, gauges, later)])
        if points.data_points:
            unit = metric.unit if metric.unit in ("s", "By") else f"{{{metric.unit}}}"
            found.append(Series(metric.name, metric.when, unit, points))
    return found


def _point(metric: Metric, labels: list[str], value: float, began: int, now: int) -> NumberDataPoint:
    told = dict(zip(metric.labels, labels, strict=True))
    return NumberDataPoint(told, began, now, float(value))  # never now an integer, now a double


def _measured(metric: Metric, labels: list[str], kept: Histogram, began: int, now: int) -> HistogramDataPoint:
    none: Any = None  # the least and the greatest are not kept; both are optional on the wire
    told = dict(zip(metric.labels, labels, strict=True))
    return HistogramDataPoint(
        told, began, now, sum(kept.counts), kept.total, kept.counts, metric.buckets, min=none, max=none
    )
