"""Sends finished spans to an OpenTelemetry collector over OTLP/HTTP, from a thread of its own.

A collector that is away costs spans and nothing else: the queue is bounded and what does not fit is dropped.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from crossdock.observe.spans import Recorded
from crossdock.observe.trace import span_id, trace_id

_KINDS = {kind.name.lower(): kind for kind in SpanKind}
SCHEMA = "https://opentelemetry.io/schemas/1.44.0"


class OtlpOutlet:
    """An ``Outlet``. ``lost`` counts the spans the collector did not get."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], resource: Mapping[str, str]) -> None:
        hush()
        self._exporter = _Counting(
            OTLPSpanExporter(endpoint=address(endpoint, "traces"), headers=dict(headers), timeout=5)
        )
        self._batches = BatchSpanProcessor(self._exporter, max_queue_size=4096, schedule_delay_millis=1000)
        self._resource = Resource(dict(resource), SCHEMA)
        self._scope = InstrumentationScope("crossdock", resource.get("service.version", ""))

    @property
    def lost(self) -> int:
        return self._exporter.lost

    def take(self, span: Recorded) -> None:
        """Queue one span."""
        self._batches.on_end(self._readable(span))

    def close(self) -> None:
        """Send what is queued, giving the collector a few seconds at most. Blocks: call it from a thread."""
        self._batches.force_flush(3000)
        self._batches.shutdown()  # type: ignore[no-untyped-call]

    def _readable(self, span: Recorded) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=_context(span.traceparent),
            parent=_context(span.parent) if span.parent else None,
            resource=self._resource,
            attributes={**span.attributes, "error.type": span.failure} if span.failure else span.attributes,
            events=[Event(name, attributes, at) for at, name, attributes in span.events],
            links=[Link(_context(span.cause))] if span.cause else (),
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR if span.failure else StatusCode.UNSET),
            start_time=span.started,
            end_time=span.ended,
            instrumentation_scope=self._scope,
        )


class _Counting(SpanExporter):
    """Counts what could not be handed over; the library only logs it."""

    def __init__(self, inner: OTLPSpanExporter) -> None:
        self._inner = inner
        self.lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.lost += len(spans)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(self._inner.force_flush(timeout_millis))


def address(endpoint: str, what: str) -> str:
    """Where ``traces`` or ``metrics`` go: the endpoint is the collector's, or the one of its traces."""
    return f"{endpoint.removesuffix('/v1/traces').rstrip('/')}/v1/{what}"


def hush() -> None:
    """The library logs each failed export with a stack; the count and one line of our own say it better."""
    logger = logging.getLogger("opentelemetry")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _context(traceparent: str) -> SpanContext:
    # Everything handed to the outlet is to be sent: the flag also passes the library's own filter.
    return SpanContext(
        int(trace_id(traceparent), 16), int(span_id(traceparent), 16), True, TraceFlags(TraceFlags.SAMPLED)
    )


def resource_of(version: str, worker: str, role: str, environment: str) -> dict[str, Any]:
    """What every span says about the process it came from."""
    return {
        "service.name": "crossdock",
        "service.version": version,
        "service.instance.id": worker,
        "crossdock.role": role,
        "deployment.environment.name": environment,
    }
