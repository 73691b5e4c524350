"""Every name Crossdock speaks in: metrics, spans, log events and the fields they may carry. A contract with dashboards.

A name that is not here cannot be used: tests compare the code with this file, and ``docs/reference/signals.md`` is
rendered from it.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec


class Metric(msgspec.Struct, frozen=True):
    """``kind``: counter, histogram or gauge. ``sql``: read from the database at scrape, not counted by a process."""

    name: str
    kind: str
    unit: str  # s, By, or what is counted
    labels: tuple[str, ...]
    when: str
    buckets: tuple[float, ...] = ()
    sql: bool = False

    @property
    def exposed(self) -> str:
        """The family's name on ``/metrics``."""
        plain = self.name.replace(".", "_")
        return f"{plain}_seconds" if self.unit == "s" and not plain.endswith("_s") else plain

    @property
    def series(self) -> tuple[str, ...]:
        """The names of its series there: what queries and alerts ask for."""
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        return tuple(self.exposed + end for end in ends.get(self.kind, ("",)))


class SpanKind(msgspec.Struct, frozen=True):
    name: str  # braces stand for what varies
    kind: str
    attributes: tuple[str, ...]
    when: str


class LogEvent(msgspec.Struct, frozen=True):
    name: str
    level: str
    when: str


_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
_HOUR, _DAY = 3600.0, 86_400.0
_CYCLES = (10.0, 60.0, 300.0, 900.0, _HOUR, 4 * _HOUR, 12 * _HOUR, *(days * _DAY for days in (1, 2, 3, 7, 14, 30)))
_SIZES = (512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 65536.0, 262144.0, 1048576.0)
_GROUPS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)

_METRICS = (
    Metric(
        "crossdock.ingest.requests",
        "counter",
        "request",
        ("channel", "result"),
        "A webhook is answered. result: accepted, duplicate, rejected_sig, bad_body, unidentified, too_large, "
        "unsupported, rate_limited, overloaded, stopping, unknown_connection, error.",
    ),
    Metric(
        "crossdock.ingest.ack.duration", "histogram", "s", ("channel",), "From a request's head to its answer.", _FAST
    ),
    Metric("crossdock.ingest.payload.size", "histogram", "By", ("channel",), "A body is stored.", _SIZES),
    Metric("crossdock.ingest.group.size", "histogram", "message", (), "Messages sharing one commit.", _GROUPS),
    Metric(
        "crossdock.poll.runs",
        "counter",
        "run",
        ("channel", "poll", "result"),
        "A poll ended. result: done, unreachable, failed, stuck.",
    ),
    Metric(
        "crossdock.poll.found",
        "counter",
        "message",
        ("channel", "poll", "result"),
        "A poll found something. result: new, known.",
    ),
    Metric("crossdock.poll.last_success", "gauge", "s", ("channel", "poll"), "Unix time of a poll's last whole run."),
    Metric(
        "crossdock.reconcile.rounds",
        "counter",
        "round",
        ("channel", "result"),
        "A round of reconciliation over a route ended. result: done, failed.",
    ),
    Metric("crossdock.queue.wait.duration", "histogram", "s", ("queue",), "From arrival to being decided.", _SLOW),
    Metric("crossdock.decide.batch.duration", "histogram", "s", (), "One transaction of decisions.", _FAST),
    Metric(
        "crossdock.lease.expired", "counter", "command", ("target",), "Commands taken over from a worker that was lost."
    ),
    Metric(
        "crossdock.fence.rejected", "counter", "outcome", ("target",), "Outcomes that came after the lease had ended."
    ),
    Metric(
        "crossdock.target.requests", "counter", "call", ("target", "op", "outcome"), "A call's outcome is recorded."
    ),
    Metric("crossdock.target.unknown_outcomes", "counter", "call", ("target",), "A call whose effect is not known."),
    Metric("crossdock.target.retries", "counter", "call", ("target",), "A call that was not the command's first."),
    Metric(
        "crossdock.target.throttle.wait",
        "histogram",
        "s",
        ("target",),
        "A call waited for the vendor's limit, 10 ms or longer; what it makes wait in the queue is not in it.",
        _SLOW,
    ),
    Metric(
        "http.client.request.duration", "histogram", "s", ("target", "op"), "One operation at another system.", _SLOW
    ),
    Metric(
        "crossdock.auth.refresh",
        "counter",
        "refresh",
        ("target", "result"),
        "A process asked for a new access token. result: done, failed.",
    ),
    Metric(
        "crossdock.duplicates.prevented",
        "counter",
        "duplicate",
        ("where",),
        "What would have been a second one was found to be there. where: webhook, api (it was kept already), "
        "target (the other system has it).",
    ),
    Metric(
        "crossdock.order.cycle.duration",
        "histogram",
        "s",
        ("channel",),
        "An order is done: since it was first decided on.",
        _CYCLES,
    ),
    Metric(
        "crossdock.api.sunset",
        "gauge",
        "s",
        ("target",),
        "Unix time from which the vendor no longer promises the API version that a connection speaks.",
    ),
    Metric("crossdock.exceptions.opened", "counter", "exception", ("reason",), "Something for a person to settle."),
    Metric("crossdock.store.doubted_s", "gauge", "s", (), "For how long first sends look: the database lost time."),
    Metric(
        "crossdock.store.oldest_snapshot_s",
        "gauge",
        "s",
        (),
        "Age of the oldest open snapshot, where the role may see it.",
    ),
    Metric("crossdock.store.untended", "counter", "round", (), "Housekeeping failed: no month may be made ahead."),
    Metric(
        "crossdock.invariant.violations",
        "gauge",
        "row",
        ("invariant",),
        "Rows that contradict an invariant, as of the day's look, up to 1,000; missing before the first.",
    ),
    Metric("crossdock.store.agenda_rows", "gauge", "row", (), "Rows of the agenda, live and dead, as estimated."),
    Metric("crossdock.store.dispatch_rows", "gauge", "row", (), "Rows of dispatch, live and dead, as estimated."),
    Metric(
        "crossdock.telemetry.dropped", "counter", "item", ("what",), "Spans, log lines or fields that were dropped."
    ),
    Metric("crossdock.queue.depth", "gauge", "item", ("queue", "state"), "What waits, counted up to 10,000.", (), True),
    Metric(
        "crossdock.queue.oldest_age", "gauge", "s", ("queue",), "How long the oldest due item has waited.", (), True
    ),
    Metric(
        "crossdock.orders", "gauge", "order", ("status",), "Unfinished orders, counted up to 10,000 each.", (), True
    ),
    Metric("crossdock.order.age.max", "gauge", "s", ("status",), "Age of the oldest unfinished order.", (), True),
    Metric(
        "crossdock.exceptions.open", "gauge", "exception", ("class",), "Open exceptions, up to 10,000 in all.", (), True
    ),
    Metric(
        "crossdock.orders.late", "gauge", "order", ("channel",), "Forecast later than promised, up to 10,000.", (), True
    ),
    Metric("crossdock.sync.lag", "gauge", "s", ("channel", "region"), "Age of the oldest order on its way.", (), True),
    Metric(
        "crossdock.reconcile.differences",
        "gauge",
        "difference",
        ("channel", "kind"),
        "Open differences between channel, Crossdock and ERP, up to 10,000 in all.",
        (),
        True,
    ),
    Metric("crossdock.reconcile.age", "gauge", "s", ("channel",), "Since a route was last compared whole.", (), True),
    Metric(
        "crossdock.circuit.state", "gauge", "state", ("target", "state"), "1 for the state the breaker is in.", (), True
    ),
    Metric(
        "crossdock.connection.paused", "gauge", "connection", ("target",), "1 while a connection is paused.", (), True
    ),
    Metric(
        "crossdock.target.throttled",
        "gauge",
        "s",
        ("target",),
        "Since when the target's limit has refused some command, again and again; 0 when none waits for it.",
        (),
        True,
    ),
    Metric(
        "crossdock.credential.expiry",
        "gauge",
        "s",
        ("target", "credential"),
        "Until a credential of a connection ends; below 0, it has.",
        (),
        True,
    ),
    Metric(
        "crossdock.worker.silence", "gauge", "s", ("worker",), "Since a serving process was last heard of.", (), True
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _METRICS})

SPANS: Sequence[SpanKind] = (
    SpanKind(
        "POST {path}",
        "server",
        ("crossdock.connection", "crossdock.dedup"),
        "A webhook is taken, or what a partner sent.",
    ),
    SpanKind("poll {name}", "internal", ("crossdock.connection", "crossdock.found", "crossdock.pages"), "A poll runs."),
    SpanKind("act {action}", "server", ("crossdock.order",), "A person acts on an order, or on many."),
    SpanKind(
        "reconcile {channel}", "internal", ("crossdock.looked", "crossdock.differing"), "A round of reconciliation."
    ),
    SpanKind(
        "decide",
        "internal",
        ("crossdock.topic", "crossdock.order", "crossdock.exception"),
        "One message is decided. Links to its cause. An order's has its key.",
    ),
    SpanKind(
        "{purpose}",
        "client",
        ("crossdock.target", "crossdock.operation", "crossdock.order", "crossdock.outcome", "error.type"),
        "One command is sent. Links to the decision that opened it. An order's has its key.",
    ),
)

LOG_EVENTS: Sequence[LogEvent] = (
    LogEvent("webhook.refused", "warning", "A webhook failed verification or did not say what it is about."),
    LogEvent("webhook.bad_body", "warning", "A proven sender sent something that is not unambiguous JSON."),
    LogEvent("webhook.not_stored", "error", "The store could not take a message; the sender was told to repeat."),
    LogEvent("webhook.failed", "error", "A fault of ours; the sender was told to repeat."),
    LogEvent("wake.lost", "warning", "A wake-up could not be sent; deciders look by themselves every second."),
    LogEvent("poll.failed", "warning", "A poll ended with an error and will be tried again."),
    LogEvent("poll.stuck", "error", "A poll's pages do not end; it was stopped."),
    LogEvent("poll.left_out", "error", "A poll listed something whose ids cannot be stored; the rest of its page was."),
    LogEvent("poll.owner", "info", "This process runs the polls from now on, or no longer."),
    LogEvent(
        "reconcile.failed", "warning", "A route could not be compared with its systems; the next round tries again."
    ),
    LogEvent("store.unavailable", "warning", "The database did not answer; the work stays where it is."),
    LogEvent(
        "store.restored", "warning", "The database may have lost time: for so long, first sends look before they write."
    ),
    LogEvent("store.old_snapshot", "warning", "A reader keeps a snapshot open for so long that dead rows pile up."),
    LogEvent(
        "store.sessions_unseen", "warning", "The role lacks pg_read_all_stats: nobody is warned of old snapshots."
    ),
    LogEvent("store.untended", "error", "Housekeeping failed with a fault of ours; timers and polls go on."),
    LogEvent("invariant.broken", "error", "Rows contradict each other; `crossdock invariants` says what to do."),
    LogEvent("invariant.unread", "warning", "An invariant could not be checked within its time; tomorrow again."),
    LogEvent("keep.dropped", "info", "A month of messages, decisions or calls was kept long enough and is gone."),
    LogEvent("keep.needed", "warning", "An old month stays: an unfinished order or signal has rows in it. Finish it."),
    LogEvent("stream.parked", "warning", "A stream cannot go on until a person retries it."),
    LogEvent("exception.opened", "info", "Something for a person to settle."),
    LogEvent("breaker.changed", "warning", "A connection's breaker opened or closed."),
    LogEvent("credential.ending", "warning", "A credential of a connection ends within 30 days, or has ended."),
    LogEvent("credential.unreadable", "warning", "A credential cannot be read, so nobody knows when it ends."),
    LogEvent(
        "api.ending",
        "warning",
        "The vendor ends the API version of a connection within 90 days, or has: upgrade Crossdock.",
    ),
    LogEvent("connection.paused", "error", "A connection was paused: its credentials or permissions are wrong."),
    LogEvent("connector.bug", "error", "A connector failed in a way it should have classified."),
    LogEvent(
        "courier.bug", "error", "Serving a command failed inside Crossdock; when its lease ends it is served again."
    ),
    LogEvent("outcome.not_storable", "error", "The database refused a call's outcome; its command needs a person."),
    LogEvent("console.figures_unread", "warning", "The console could not read its figures."),
    LogEvent("console.nobody_woken", "warning", "An act is kept, and was told to nobody: polls find it."),
    LogEvent("console.bug", "error", "A fault of the console; the visitor got a problem answer."),
    LogEvent("partner.bug", "error", "A fault of the partner API; the caller got a problem answer."),
    LogEvent("partner.not_told", "warning", "An order is kept, but could not be looked at within the caller's time."),
    LogEvent("telemetry.unsent", "warning", "The telemetry receiver could not be reached; orders are not affected."),
)

# Fields that may be logged. Identifiers, codes and figures; never what a person typed or a vendor answered.
FIELDS = frozenset({
    "actor", "again_in_s", "class", "code", "command", "connection", "count", "credential", "doing", "ends", "error",
    "event", "every_s", "host", "ids", "key", "kind", "level", "message", "message_id", "name", "op", "order",
    "outcome", "owner", "page", "pages", "path", "pid", "poll", "port", "purpose", "reason", "result", "role",
    "seconds", "size", "span_id", "state", "status", "stream", "system", "target", "timestamp", "topic", "trace_id",
    "tries", "version", "worker",
})  # fmt: skip


def markdown() -> str:
    """The reference page ``docs/reference/signals.md``."""
    parts = ["# Signals", "Rendered from `observe/catalogue.py`; do not edit.", _metrics_table(), _spans_table()]
    parts += [_events_table(), "## Log fields", "Any other field is dropped: " + ", ".join(sorted(FIELDS)) + "."]
    return "\n\n".join(parts) + "\n"


def _metrics_table() -> str:
    rows = [
        f"| `{m.name}` | {', '.join(f'`{one}`' for one in m.series)} | {m.kind} | {m.unit} | "
        f"{', '.join(m.labels) or '–'} | {m.when}{' Read from the database.' if m.sql else ''} |"
        for m in METRICS.values()
    ]
    head = "| name | on `/metrics` | kind | unit | labels | when |\n|---|---|---|---|---|---|"
    return "\n".join(["## Metrics", "", head, *rows])


def _spans_table() -> str:
    rows = [f"| `{s.name}` | {s.kind} | {', '.join(s.attributes)} | {s.when} |" for s in SPANS]
    return "\n".join(["## Spans", "", "| name | kind | attributes | when |\n|---|---|---|---|", *rows])


def _events_table() -> str:
    rows = [f"| `{e.name}` | {e.level} | {e.when} |" for e in LOG_EVENTS]
    return "\n".join(["## Log events", "", "| event | level | when |\n|---|---|---|", *rows])
