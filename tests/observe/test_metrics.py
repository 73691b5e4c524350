"""Counting in many processes, read as one."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from crossdock.observe.catalogue import METRICS
from crossdock.observe.exposition import STALE_S, exposition
from crossdock.observe.tally import MOST_SERIES, SheetFile, Tally

REQUESTS, ACK, ROWS = "crossdock.ingest.requests", "crossdock.ingest.ack.duration", "crossdock.store.agenda_rows"


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def write(folder: Path, worker: str, tally: Tally, at: float = 100.0) -> None:
    SheetFile(folder, worker).save(tally.sheet(worker, 1, at))


def test_two_processes_show_up_as_one(tmp_path: Path) -> None:
    one, other = Tally(), Tally()
    for tally in (one, other):
        tally.add(REQUESTS, 3, {"channel": "north", "result": "accepted"})
        tally.add(REQUESTS, 1, {"result": "accepted", "channel": "north"})
        tally.record(ACK, 0.003, {"channel": "north"})
        tally.record(ACK, 99.0, {"channel": "north"})
    write(tmp_path, "intake-1", one)
    write(tmp_path, "intake/2", other)
    seen = samples(exposition(tmp_path, lambda: 100.0))
    labels = (("channel", "north"),)
    assert seen["crossdock_ingest_requests_total", (*labels, ("result", "accepted"))] == 8
    assert seen["crossdock_ingest_ack_duration_seconds_bucket", (*labels, ("le", "0.002"))] == 0
    assert seen["crossdock_ingest_ack_duration_seconds_bucket", (*labels, ("le", "0.005"))] == 2
    assert seen["crossdock_ingest_ack_duration_seconds_bucket", (*labels, ("le", "+Inf"))] == 4
    assert seen["crossdock_ingest_ack_duration_seconds_sum", labels] == pytest.approx(198.006)


def test_the_names_of_the_catalogue_are_those_that_are_answered(tmp_path: Path) -> None:
    """What the reference page says of ``/metrics`` is what a query there finds."""
    tally = Tally()
    for metric in METRICS.values():
        labels = dict.fromkeys(metric.labels, "x")
        if metric.kind == "counter":
            tally.add(metric.name, 1, labels)
        elif metric.kind == "histogram":
            tally.record(metric.name, 1.0, labels)
        else:
            tally.set(metric.name, 1.0, labels)
    write(tmp_path, "all-1", tally)
    answered = {name for name, _ in samples(exposition(tmp_path, lambda: 100.0))}
    assert answered == {name for metric in METRICS.values() for name in metric.series}


def test_a_restarted_worker_goes_on_counting(tmp_path: Path) -> None:
    first = Tally()
    first.add(REQUESTS, 5, {"channel": "north", "result": "accepted"})
    first.record(ACK, 0.001, {"channel": "north"})
    write(tmp_path, "intake-1", first)
    second = Tally()
    earlier = SheetFile(tmp_path, "intake-1").load()
    assert earlier is not None
    second.resume(earlier)
    second.add(REQUESTS, 1, {"channel": "north", "result": "accepted"})
    write(tmp_path, "intake-1", second)
    seen = samples(exposition(tmp_path, lambda: 100.0))
    assert seen["crossdock_ingest_requests_total", (("channel", "north"), ("result", "accepted"))] == 6


def test_gauges_of_a_dead_process_fade_and_its_counts_stay(tmp_path: Path) -> None:
    tally = Tally()
    tally.set(ROWS, 7, {})
    tally.add(REQUESTS, 1, {"channel": "north", "result": "accepted"})
    write(tmp_path, "schedule-1", tally, at=100.0)
    assert samples(exposition(tmp_path, lambda: 101.0))["crossdock_store_agenda_rows", ()] == 7
    later = samples(exposition(tmp_path, lambda: 101.0 + STALE_S))
    assert ("crossdock_store_agenda_rows", ()) not in later
    assert ("crossdock_ingest_requests_total", (("channel", "north"), ("result", "accepted"))) in later


def test_figures_from_the_database_join_in(tmp_path: Path) -> None:
    extra = [("crossdock.queue.depth", {"queue": "live", "state": "due"}, 12.0)]
    seen = samples(exposition(tmp_path, lambda: 0.0, extra))
    assert seen["crossdock_queue_depth", (("queue", "live"), ("state", "due"))] == 12


def test_a_name_outside_the_catalogue_is_refused() -> None:
    with pytest.raises(KeyError, match="catalogue"):
        Tally().add("crossdock.made.up", 1, {})


def test_label_sets_are_bounded(tmp_path: Path) -> None:
    tally = Tally()
    for number in range(MOST_SERIES + 50):
        tally.add(REQUESTS, 1, {"channel": f"c{number}", "result": "accepted"})
    sheet = tally.sheet("w", 1, 0.0)
    assert len(sheet.counters) == MOST_SERIES + 1
    dropped = {name: value for name, _, value in sheet.counters}["crossdock.telemetry.dropped"]
    assert dropped == 50


def test_a_broken_file_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "old.metrics").write_bytes(b"\xc1 not ours")
    tally = Tally()
    tally.set(ROWS, 7, {})
    write(tmp_path, "w", tally)
    assert samples(exposition(tmp_path, lambda: 100.0)) == {("crossdock_store_agenda_rows", ()): 7}
