"""The figures of ``/metrics`` reach a collector over OTLP/HTTP as sums since the start."""

import asyncio
import io
import random
from pathlib import Path

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from crossdock.observe.telemetry import METER_EVERY_S, Telemetry, TelemetrySettings, open_telemetry
from tests.observe.collector import Collector

REQUESTS, ACK, DEPTH = "crossdock.ingest.requests", "crossdock.ingest.ack.duration", "crossdock.queue.depth"


class Time:
    """Nanoseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.ns = 1_000_000_000_000

    def __call__(self) -> int:
        return self.ns


def telemetry(folder: Path, collector: Collector, time: Time, said: io.StringIO | None = None) -> Telemetry:
    return open_telemetry(
        TelemetrySettings(str(folder), otlp_endpoint=collector.url, log_format="json"),
        worker="intake-1", role="intake", version="1.2.3", random=random.Random(1), stream=said or io.StringIO(),
        clock_ns=time,
    )  # fmt: skip


def named(sent: list[Metric]) -> dict[str, Metric]:
    return {metric.name: metric for metric in sent}


async def test_counts_measurements_and_what_the_database_says_arrive(tmp_path: Path, collector: Collector) -> None:
    time = Time()
    signals = telemetry(tmp_path, collector, time)
    signals.add(REQUESTS, 2, channel="north", result="accepted")
    signals.add(REQUESTS, 1, result="accepted", channel="north")  # the same series, told the other way round
    signals.record(ACK, 0.003, channel="north")
    signals.record(ACK, 99.0, channel="north")
    signals.show([(DEPTH, {"queue": "live", "state": "due"}, 12.0)])
    time.ns += 5_000_000_000
    await signals.close()
    (sent,) = collector.sendings
    found = named(sent)
    assert len(found) == len(sent), "each metric once"
    (count,) = found[REQUESTS].sum.data_points
    assert count.as_double == 3
    assert {a.key: a.value.string_value for a in count.attributes} == {"channel": "north", "result": "accepted"}
    assert (count.start_time_unix_nano, count.time_unix_nano) == (1_000_000_000_000, 1_005_000_000_000)
    assert found[REQUESTS].sum.is_monotonic
    assert found[REQUESTS].sum.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    (measured,) = found[ACK].histogram.data_points
    assert (measured.count, measured.sum, sum(measured.bucket_counts)) == (2, 99.003, 2)
    assert len(measured.bucket_counts) == len(measured.explicit_bounds) + 1
    assert not measured.HasField("max"), "nobody kept it"
    assert found[ACK].unit == "s"
    (depth,) = found[DEPTH].gauge.data_points
    assert depth.as_double == 12
    assert collector.resource["service.instance.id"] == "intake-1"


async def test_they_are_sent_every_while_and_a_restart_goes_on_counting(tmp_path: Path, collector: Collector) -> None:
    time, stop = Time(), asyncio.Event()
    signals = telemetry(tmp_path, collector, time)
    signals.add(REQUESTS, 5, channel="north", result="accepted")
    time.ns += int(METER_EVERY_S * 1e9)
    running = asyncio.create_task(signals.run(stop))
    while not collector.sendings:
        await asyncio.sleep(0.01)
    stop.set()
    await running
    time.ns += 1_000_000_000
    again = telemetry(tmp_path, collector, time)
    again.add(REQUESTS, 1, channel="north", result="accepted")
    await again.close()
    (count,) = named(collector.sendings[-1])[REQUESTS].sum.data_points
    assert count.as_double == 6
    assert count.start_time_unix_nano == 1_000_000_000_000, "since it began to count, not since it was restarted"
    await signals.close()


async def test_a_collector_that_refuses_is_told_once_a_sending_and_costs_nothing_else(
    tmp_path: Path, collector: Collector
) -> None:
    said = io.StringIO()
    collector.refusing = True
    signals = telemetry(tmp_path, collector, Time(), said)
    signals.add(REQUESTS, 1, channel="north", result="accepted")
    await signals.close()
    assert collector.sendings == []
    assert "telemetry.unsent" in said.getvalue()
    assert "send metrics" in said.getvalue()
