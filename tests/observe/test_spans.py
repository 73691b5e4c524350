"""Spans reach a collector over OTLP/HTTP; a collector that is away costs spans and nothing else."""

import asyncio
import io
import random
from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from crossdock.observe.telemetry import Telemetry, TelemetrySettings, open_telemetry
from crossdock.observe.trace import is_sampled, is_traceparent, span_id, trace_id
from tests.observe.collector import Collector

CAUSE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def telemetry(folder: Path, endpoint: str | None, share: float = 1.0, seed: int = 1) -> Telemetry:
    return open_telemetry(
        TelemetrySettings(str(folder), otlp_endpoint=endpoint, trace_share=share, log_format="json"),
        worker="w1", role="decide", version="1.2.3", random=random.Random(seed), stream=io.StringIO(),
    )  # fmt: skip


async def test_a_consumer_begins_a_new_trace_linked_to_its_cause(tmp_path: Path, collector: Collector) -> None:
    signals = telemetry(tmp_path, collector.url)
    with signals.span("decide", cause=CAUSE, attributes={"crossdock.topic": "orders/create"}) as span:
        span.set(**{"crossdock.order": "shop1-1"})
        span.event("rate_limited", wait_s=2)
        made = span.traceparent
    await signals.close()
    (sent,) = collector.spans
    assert sent.name == "decide"
    assert sent.trace_id.hex() == trace_id(made) != trace_id(CAUSE)
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in sent.links] == [(trace_id(CAUSE), span_id(CAUSE))]
    assert not sent.parent_span_id
    assert {a.key: a.value.string_value for a in sent.attributes}["crossdock.order"] == "shop1-1"
    assert [event.name for event in sent.events] == ["rate_limited"]
    assert collector.resource["service.name"] == "crossdock"
    assert collector.resource["service.version"] == "1.2.3"
    assert sent.end_time_unix_nano >= sent.start_time_unix_nano


async def test_a_server_span_continues_the_senders_trace(tmp_path: Path, collector: Collector) -> None:
    signals = telemetry(tmp_path, collector.url)
    with signals.span("POST /in/a/b", kind="server", parent=CAUSE):
        pass
    await signals.close()
    (sent,) = collector.spans
    assert (sent.trace_id.hex(), sent.parent_span_id.hex()) == (trace_id(CAUSE), span_id(CAUSE))
    assert sent.kind == Span.SPAN_KIND_SERVER


async def test_failures_and_unknown_outcomes_are_sent_whatever_the_sample(tmp_path: Path, collector: Collector) -> None:
    signals = telemetry(tmp_path, collector.url, share=0.0)
    with signals.span("fine"):
        pass
    with signals.span("lost") as span:
        span.set(**{"crossdock.outcome": "unknown"})
    with pytest.raises(ValueError, match="Ada"), signals.span("broken"):
        raise ValueError("Ada Lovelace")
    await signals.close()
    sent = {span.name: span for span in collector.spans}
    assert set(sent) == {"lost", "broken"}
    assert sent["broken"].status.code == Status.STATUS_CODE_ERROR
    assert "Ada" not in str(sent["broken"])


async def test_without_a_collector_the_trace_still_travels(tmp_path: Path) -> None:
    signals = telemetry(tmp_path, None)
    with signals.span("decide", cause=CAUSE) as span:
        assert trace_id(span.traceparent) == trace_id(CAUSE)
        assert span_id(span.traceparent) != span_id(CAUSE)
        assert span.traceparent == span.traceparent
    with signals.span("decide") as span:
        assert is_traceparent(span.traceparent)
    await signals.close()


async def test_an_absent_collector_is_harmless_and_counted(tmp_path: Path) -> None:
    signals = telemetry(tmp_path, "http://127.0.0.1:9")
    done = []
    for number in range(50):
        with signals.span("decide"):
            done.append(number)
    await asyncio.wait_for(signals.close(), 60)
    assert len(done) == 50
    assert b"spans" in (tmp_path / "w1.metrics").read_bytes()


async def test_a_folder_that_cannot_be_written_is_harmless(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    signals = telemetry(blocked, None)
    signals.add("crossdock.fence.rejected", target="erp")
    await signals.flush()
    await signals.close()


HOPS = ("POST /in/a/b", "decide", "order.book", "decide")


async def test_a_chain_is_sent_whole_or_not_at_all(tmp_path: Path, collector: Collector) -> None:
    """Each hop is a trace of its own, in a process of its own: what one decides by itself leaves links to nowhere."""
    processes = [telemetry(tmp_path / str(seed), collector.url, share=0.3, seed=seed) for seed in range(3)]
    processes.insert(2, telemetry(tmp_path / "mute", None, share=0.9, seed=9))
    for number in range(60):
        cause = ""
        for name, signals in zip(HOPS, processes, strict=True):
            with signals.span(name, cause=cause, attributes={"n": str(number)}) as span:
                cause = span.traceparent
    for signals in processes:
        await signals.close()
    sent = Counter(next(a.value.string_value for a in span.attributes if a.key == "n") for span in collector.spans)
    assert set(sent.values()) == {len(HOPS) - 1}, "one of the four processes sends nothing"
    assert 8 < len(sent) < 30
    assert all(span.links for span in collector.spans if span.name != HOPS[0])


@pytest.mark.parametrize("endpoint", [True, False])
async def test_whoever_begins_a_chain_decides_and_never_the_sender(
    tmp_path: Path, collector: Collector, endpoint: bool
) -> None:
    for share in (0.0, 1.0):
        signals = telemetry(tmp_path, collector.url if endpoint else None, share=share)
        for parent in ("", CAUSE, CAUSE[:-2] + "00"):
            with signals.span("POST /in/a/b", kind="server", parent=parent) as span:
                assert is_sampled(span.traceparent) is (share == 1.0)
        await signals.close()
    assert len(collector.spans) == (3 if endpoint else 0)


async def test_what_people_are_called_for_is_sent_and_what_is_tried_again_is_not(
    tmp_path: Path, collector: Collector
) -> None:
    signals = telemetry(tmp_path, collector.url, share=0.0)
    for outcome in ("done", "retry_later", "rate_limited", "conflict", "rejected", "misconfigured", "unknown"):
        with signals.span(outcome, kind="client") as span:
            span.set(**{"crossdock.outcome": outcome})
    with signals.span("decide") as span:
        span.set(**{"crossdock.exception": "customer.missing"})
    await signals.close()
    sent = {span.name: span for span in collector.spans}
    assert set(sent) == {"rejected", "misconfigured", "unknown", "decide"}
    assert sent.pop("decide").status.code == Status.STATUS_CODE_UNSET, "it is an order for a person, and no failure"
    for name, span in sent.items():
        assert span.status.code == Status.STATUS_CODE_ERROR
        assert {a.key: a.value.string_value for a in span.attributes}["error.type"] == name
