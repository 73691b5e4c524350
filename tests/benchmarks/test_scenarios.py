"""The scenarios at a tiny size: what they report has the shape that is read, and their proofs can fail. No timing."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from scripts import readme_figures

from benchmarks import lifecycle, run, scenarios, stock

STARTS_PROCESSES = pytest.mark.timeout(300)


def keys(prefix: str) -> set[str]:
    return {key for key, *_ in run.BARS if key.startswith(prefix)}


@STARTS_PROCESSES
async def test_whole_lives_are_counted_when_all_books_agree() -> None:
    found = await lifecycle.lifecycle(4, 1, 2)
    assert keys("lifecycle_") <= set(found)
    assert found["lifecycle_orders"] == 6
    assert found["lifecycle_per_s"] > 0
    assert found["lifecycle_calls_per_order"] >= 12, "book, release, 2 posted (2 each), 2 told (2 each), bill (2)"
    assert {"intake", "decide", "deliver", "postgresql"} <= set(found["lifecycle_cpu_us_per_order"])


@STARTS_PROCESSES
async def test_stock_is_told_and_what_was_not_told_is_counted() -> None:
    found = await stock.stock(60, 10, 10_000.0)
    assert keys("stock_") <= set(found)
    assert found["stock_stale_writes"] == 0
    assert 30 <= found["stock_publishes"] <= 180, "each of three shops is told each of ten SKUs at least once"
    assert found["stock_coalesced"] == round(1 - found["stock_publishes"] / 180, 3)
    assert found["stock_limit_per_s"] == 2000.0


@STARTS_PROCESSES
async def test_webhooks_are_taken_and_booked_and_what_it_cost_is_told_by_stage() -> None:
    taken = await scenarios.intake(50, 1)
    assert keys("intake_") <= set(taken)
    assert 0 < taken["intake_p50_ms"] <= taken["intake_p99_ms"]
    booked = await scenarios.path(50, 1)
    assert keys("orders_") | keys("cpu_us") | keys("rss_") <= set(booked)
    assert {"intake", "decide", "deliver", "postgresql"} <= set(booked["cpu_us_per_order"])
    assert booked["orders_per_s"] > 0
    called = await scenarios.latency(50.0, 1.0)
    assert keys("latency_") <= set(called)
    assert 0 < called["latency_p50_ms"] <= called["latency_p99_ms"]


@STARTS_PROCESSES
async def test_rest_a_backlog_and_a_million_of_anything_are_measured_at_any_size() -> None:
    assert keys("idle_") <= set(await scenarios.idle(0.5))
    drained = await scenarios.drain(300, 50.0, 1.0)
    assert keys("drain_") <= set(drained)
    assert drained["drain_whole_s"] > 0
    flat = await scenarios.flat(300, 1.0, 2.0)
    assert keys("flat_") <= set(flat)
    assert set(flat["flat_rates"]) == {"waiting_1000", "timers", "reader", "waiting_million"}


def test_flatness_behind_a_reader_who_left_early_is_no_bar_met() -> None:
    facts = {"machine": {"cpu": "any"}, "flat_ratio": 0.95}
    for reader_s, said in ((30.0, "not run whole"), (300.0, "met")):
        column = run.table({**facts, "flat_reader_s": reader_s}).columns[3]
        assert list(column.cells) == [said]


def test_the_figures_are_json_alone_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def idle() -> dict[str, Any]:
        return {"idle_core_pct": 0.5}

    monkeypatch.setitem(run.QUICK, "idle", idle)
    assert run.main(["--quick", "--json", "idle"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["idle_core_pct"] == 0.5
    assert "measuring idle" in said.err


def test_each_sku_comes_once_before_any_comes_again_and_some_come_late() -> None:
    began = datetime(2026, 11, 2, tzinfo=UTC)
    told = [seen for _, seen in stock.positions(500, 100, began)]
    assert len({seen.sku for seen in told[:100]}) == 100
    assert Counter(seen.sku for seen in told).most_common(1)[0][1] > 3
    newest: dict[str, datetime] = {}
    late = 0
    for seen in told:
        late += seen.as_of < newest.get(seen.sku, seen.as_of)
        newest[seen.sku] = max(seen.as_of, newest.get(seen.sku, seen.as_of))
    assert late > 10


@pytest.mark.parametrize(
    ("levels", "why"),
    [
        ({"shown": {"SKU-00001": 4}, "stale": 0}, "1 SKUs show what is not there"),
        ({"shown": {"SKU-00001": 5}, "stale": 2}, "2 writes put an older number"),
    ],
)
def test_a_wrong_number_or_a_stale_one_is_no_figure(levels: dict[str, Any], why: str) -> None:
    with pytest.raises(RuntimeError, match=why):
        stock.compare(levels, {"SKU-00001": 5})


def test_each_scenario_has_a_small_size_and_the_readme_knows_its_figures() -> None:
    assert set(run.QUICK) == set(run.FULL)
    shown = {key for key, *_ in readme_figures.FIGURES}
    assert keys("lifecycle_") | keys("stock_") <= shown
