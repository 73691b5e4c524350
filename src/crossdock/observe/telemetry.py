"""The real ``Signals``: counts for ``/metrics``, spans and counts to a collector, log lines to stderr."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from crossdock.kit.pausing import pause
from crossdock.observe.logs import LineWriter, Scrub, make_log
from crossdock.observe.spans import Carrier, Recorded, Tracer
from crossdock.observe.tally import Sample, SheetFile, Tally

if TYPE_CHECKING:
    from crossdock.observe.otlp import OtlpOutlet
    from crossdock.observe.otlp_metrics import OtlpMeter

FLUSH_S = 2.0
METER_EVERY_S = 15.0


class TelemetrySettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """``metrics_folder``: shared by all processes of one ``serve`` on one host, emptied by their parent at start."""

    metrics_folder: str
    otlp_endpoint: str | None = None  # e.g. http://127.0.0.1:4318
    otlp_headers: dict[str, str] = {}
    trace_share: float = 0.1  # of chains of linked traces (see ``spans``)
    log_level: str = "info"
    log_format: str = "auto"  # json, pretty, auto: pretty on a terminal
    environment: str = "production"


class Telemetry:
    """Implements ``Signals`` for one process. ``run`` flushes until told to stop; ``close`` sends what is left."""

    def __init__(
        self, tally: Tally, tracer: Tracer, log: Any, file: SheetFile, writer: LineWriter, scrub: Scrub,
        outlet: "OtlpOutlet | None", meter: "OtlpMeter | None", worker: str, clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self.log = log
        self._tally, self._tracer, self._file, self._worker, self._clock = tally, tracer, file, worker, clock
        self._writer, self._scrub, self._outlet, self._meter = writer, scrub, outlet, meter
        self._beside: tuple[Sample, ...] = ()
        self._metered_at = clock()
        self._reported: dict[str, int] = {}
        self._writable = True

    def add(self, metric: str, value: float = 1, **labels: str) -> None:
        self._tally.add(metric, value, labels)

    def record(self, metric: str, value: float, **labels: str) -> None:
        self._tally.record(metric, value, labels)

    def set(self, metric: str, value: float, **labels: str) -> None:
        self._tally.set(metric, value, labels)

    def show(self, samples: Iterable[Sample]) -> None:
        self._beside = tuple(samples)

    def span(
        self,
        name: str,
        *,
        kind: str = "internal",
        cause: str = "",
        parent: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> Carrier | Recorded:
        return self._tracer.span(name, kind, cause, parent, attributes)

    async def run(self, stop: asyncio.Event) -> None:
        """A ``Loop``: writes the process's figures every two seconds."""
        while not stop.is_set():
            await self.flush()
            if self._clock() - self._metered_at >= METER_EVERY_S:
                await self._send_figures()
            await pause(stop, FLUSH_S)
        await self.flush()

    async def flush(self) -> None:
        """Write the figures now. A folder that cannot be written costs the figures and nothing else."""
        self._count_losses()
        sheet = self._tally.sheet(self._worker, os.getpid(), self._clock())
        try:
            await asyncio.to_thread(self._file.save, sheet)
        except OSError as error:
            if self._writable:
                self.log.warning("telemetry.unsent", error=error)
        else:
            self._writable = True
            return
        self._writable = False

    async def close(self) -> None:
        """Send and write what is left; at most a few seconds."""
        if self._outlet is not None:
            await asyncio.to_thread(self._outlet.close)
        await self.flush()
        if self._meter is not None:
            await self._send_figures()
            await asyncio.to_thread(self._meter.close)
        await asyncio.to_thread(self._writer.close)

    async def _send_figures(self) -> None:
        """To the collector. One that is away misses nothing: the next sending says everything so far."""
        self._metered_at = self._clock()
        if self._meter is not None:
            sheet = self._tally.sheet(self._worker, os.getpid(), self._metered_at)
            if not await asyncio.to_thread(self._meter.send, sheet, self._beside):
                self.log.warning("telemetry.unsent", doing="send metrics")

    def _count_losses(self) -> None:
        """Count what was dropped since the last flush; say once in a while that the collector is away."""
        lost = {
            "log_lines": self._writer.dropped,
            "log_fields": self._scrub.dropped,
            "spans": self._outlet.lost if self._outlet is not None else 0,
        }
        for what, total in lost.items():
            new = total - self._reported.get(what, 0)
            if new:
                self._tally.add("crossdock.telemetry.dropped", new, {"what": what})
                if what == "spans":
                    self.log.warning("telemetry.unsent", count=new)
        self._reported = lost


def open_telemetry(
    settings: TelemetrySettings,
    *,
    worker: str,
    role: str,
    version: str,
    random: Random,
    secrets: Iterable[str] = (),
    stream: TextIO = sys.stderr,
    clock_ns: Callable[[], int] = time.time_ns,
) -> Telemetry:
    """Make a process's ``Telemetry``. ``secrets``: values that must never appear in a log line, whatever the field."""
    file, tally = SheetFile(Path(settings.metrics_folder), worker), Tally(clock_ns() / 1e9)
    if (earlier := file.load()) is not None:
        tally.resume(earlier)
    outlet = meter = None
    if settings.otlp_endpoint:
        from crossdock.observe.otlp import OtlpOutlet, resource_of  # 6 MB: only where anything is sent
        from crossdock.observe.otlp_metrics import OtlpMeter

        resource = resource_of(version, worker, role, settings.environment)
        outlet = OtlpOutlet(settings.otlp_endpoint, settings.otlp_headers, resource)
        meter = OtlpMeter(settings.otlp_endpoint, settings.otlp_headers, resource)
    writer, scrub = LineWriter(stream), Scrub(secrets)
    pretty = settings.log_format == "pretty" or (settings.log_format == "auto" and stream.isatty())
    log = make_log(
        writer,
        scrub,
        bound={"worker": worker, "role": role},
        now=lambda: datetime.fromtimestamp(clock_ns() / 1e9, UTC).isoformat(timespec="milliseconds"),
        level=settings.log_level,
        pretty=pretty,
    )
    tracer = Tracer(random, clock_ns, outlet, settings.trace_share)
    return Telemetry(tally, tracer, log, file, writer, scrub, outlet, meter, worker, lambda: clock_ns() / 1e9)
