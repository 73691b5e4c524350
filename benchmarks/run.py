"""``make bench``: measures rate, latency, flatness, idle cost and drain on this machine, prints a table, writes JSON.

    python -m benchmarks.run                  everything, about three quarters of an hour; stock alone takes six minutes
    python -m benchmarks.run --quick          smaller counts, a few minutes: for comparing a change, not for quoting
    python -m benchmarks.run path latency     only these

Intake, path, lifecycle and peers are medians of rounds on one running installation; the others are one round. The JSON
says for each scenario when it ran, on which commit, and how fast the machine was just then (``runs``).
"""

import argparse
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks import lifecycle, machine, peers, scenarios, stock
from crossdock.proof.commit import commit

RESULTS = Path(__file__).parent / "results.json"

FULL: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
    "intake": scenarios.intake,
    "path": scenarios.path,
    "lifecycle": lifecycle.lifecycle,
    "latency": scenarios.latency,
    "idle": scenarios.idle,
    "drain": scenarios.drain,
    "peers": peers.compare,
    "flat": scenarios.flat,
    "stock": stock.stock,
}
QUICK: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
    "intake": lambda: scenarios.intake(10_000, 1),
    "path": lambda: scenarios.path(6_000, 1),
    "lifecycle": lambda: lifecycle.lifecycle(1_000, 1),
    "latency": lambda: scenarios.latency(seconds=8),
    "flat": lambda: scenarios.flat(100_000, 6.0, 20.0),
    "idle": lambda: scenarios.idle(10.0),
    "drain": lambda: scenarios.drain(20_000, seconds=10.0),
    "peers": lambda: peers.compare(quick=True),
    "stock": lambda: stock.stock(2_000, 400),
}

# key, what it is, bar as text, whether the figure meets it
BARS: list[tuple[str, str, str, Callable[[float], bool]]] = [
    ("intake_per_s", "acknowledged webhooks per second, one process", "≥ 6,000", lambda x: x >= 6000),
    ("intake_p99_ms", "their p99 at 64 connections, ms", "< 50", lambda x: x < 50),
    ("orders_per_s", "webhook to booked and decided, orders per second", "≥ 2,000", lambda x: x >= 2000),
    ("cpu_us_per_order_total", "CPU per order, all of Crossdock and PostgreSQL, µs", "", lambda x: True),
    ("lifecycle_per_s", "webhook to shipped twice, told and billed, orders per second", "≥ 150", lambda x: x >= 150),
    ("lifecycle_cpu_us_per_order_total", "CPU for it, all of Crossdock and PostgreSQL, µs", "", lambda x: True),
    ("lifecycle_calls_per_order", "calls at vendors for it", "", lambda x: True),
    ("rss_mb", "memory of Crossdock's processes under load, MB", "≤ 400", lambda x: x <= 400),
    ("latency_p50_ms", "acknowledged to ERP called at 100/s, p50 ms", "< 10", lambda x: x < 10),
    ("latency_p99_ms", "the same, p99 ms", "< 50", lambda x: x < 50),
    ("flat_ratio", "worst rate with a million of anything, of the rate with a thousand", "≥ 0.8", lambda x: x >= 0.8),
    ("idle_core_pct", "doing nothing, % of a core", "< 2", lambda x: x < 2),
    ("drain_p99_ratio", "live p99 while a backlog drains, of the quiet p99", "≤ 2", lambda x: x <= 2),
    ("stock_accepted_per_s", "stock positions taken in per second", "", lambda x: True),
    ("stock_publishes", "levels written in three shops", "", lambda x: True),
    ("stock_publishes_per_s", "the same, per second", "", lambda x: True),
    ("stock_limit_per_s", "what the shops' limits allow, levels per second", "", lambda x: True),
    ("stock_coalesced", "share of updates that no shop had to be told", "", lambda x: True),
    ("stock_all_shown_s", "from the first position until every shop shows the last, s", "", lambda x: True),
    ("stock_stale_writes", "levels put back by an older number", "0", lambda x: x == 0),
]
READER_S = 300.0  # how long the bar of flatness wants the idle reader to stay
# by stage: key, of what
STAGES = [
    ("cpu_us_per_order", "CPU per order"),
    ("lifecycle_cpu_us_per_order", "CPU per whole order life"),
    ("stock_cpu_us_per_update", "CPU per stock position"),
]


async def measure(
    names: list[str], quick: bool, say: Console, keep: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Run the scenarios one after the other, keeping the figures after each; returns all in one flat dict."""
    figures: dict[str, Any] = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "quick": quick}
    figures["machine"] = machine.facts()
    figures["runs"] = {}
    code = commit()
    for name in names:
        say.print(f"[dim]measuring {name} …[/dim]")
        began, speed = datetime.now(UTC).isoformat(timespec="seconds"), machine.speed()
        found = await (QUICK if quick else FULL)[name]()
        figures.update(found)
        say.print_json(json.dumps(found))
        loop_ms = median([*speed, *machine.speed()])
        figures["runs"][name] = {"measured_at": began, "commit": code, "python_loop_ms": loop_ms}
        keep(figures)
    return figures


def table(figures: dict[str, Any]) -> Table:
    """The bars, what was measured, and whether it is enough."""
    made = Table("figure", "measured", "bar", "", title="Crossdock on " + str(figures["machine"]["cpu"]))
    for key, title, bar, enough in BARS:
        if key in figures:
            met = "" if not bar else "met" if enough(figures[key]) else "MISSED"
            if key == "flat_ratio" and figures["flat_reader_s"] < READER_S:
                met = "not run whole"
            made.add_row(title, f"{figures[key]:,}", bar, met)
    for key, what in STAGES:
        for stage, cost in figures.get(key, {}).items():
            made.add_row(f"  {what}: {stage}, µs", f"{cost:,}", "", "")
    for name, rate in figures.get("peers", {}).items():
        ratio = f"{figures['peers']['crossdock'] / rate:.1f} x" if rate else ""
        shown = f"{rate:,}" if rate else "no figure"
        made.add_row(f"  one ERP call per order: {name}, orders per second", shown, "", ratio)
    return made


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 also when a bar is missed: the table says so."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenarios", nargs="*", choices=[*FULL, []], help="default: all")
    parser.add_argument("--quick", action="store_true", help="smaller counts; not written to results.json")
    parser.add_argument(
        "--json", action="store_true", help="print the figures as JSON; what is under way goes to stderr"
    )
    asked = parser.parse_args(arguments)
    say = Console(stderr=asked.json)
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() and asked.scenarios else {}

    def keep(figures: dict[str, Any]) -> None:
        if not asked.quick:
            runs = {**before.get("runs", {}), **figures["runs"]}
            RESULTS.write_text(json.dumps({**before, **figures, "runs": runs}, indent=2) + "\n")

    figures = uvloop.run(measure(asked.scenarios or list(FULL), asked.quick, say, keep))
    if asked.json:
        print(json.dumps(figures, indent=2))
    else:
        say.print(table(figures))
    if not asked.quick:
        say.print(f"written to {RESULTS}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
