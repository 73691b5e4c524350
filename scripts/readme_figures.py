"""Puts the figures of ``benchmarks/results.json`` into README.md, between ``<!-- bench -->`` and ``<!-- /bench -->``.

With ``--check`` it writes nothing and fails when the table differs.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
README = ROOT / "README.md"
MARKED = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
NOT_YET = "Not measured on this revision yet: `make bench` writes `benchmarks/results.json`."

# key in the results, what it is, how it is written
FIGURES = (
    ("intake_per_s", "webhooks acknowledged per second, one intake process, durable before the answer", "{:,.0f}"),
    ("intake_p99_ms", "their answer at 64 connections, p99", "{:,.1f} ms"),
    ("orders_per_s", "orders per second, webhook to booked in the ERP and decided, all on this machine", "{:,.0f}"),
    ("cpu_us_per_order_total", "CPU per order, all of Crossdock and PostgreSQL", "{:,.0f} µs"),
    ("lifecycle_per_s", "whole order lives per second: booked, released, two shipments told, billed", "{:,.0f}"),
    ("lifecycle_cpu_us_per_order_total", "CPU per whole order life", "{:,.0f} µs"),
    ("lifecycle_calls_per_order", "calls at vendors for it", "{:,.1f}"),
    ("latency_p50_ms", "acknowledged to ERP called at 100 orders/s, p50", "{:,.1f} ms"),
    ("latency_p99_ms", "the same, p99", "{:,.1f} ms"),
    ("flat_ratio", "worst rate with a million of anything waiting, of the rate with a thousand", "{:.2f}"),
    ("drain_per_s", "backlog drained per second beside 100 live orders/s", "{:,.0f}"),
    ("drain_whole_s", "from the end of an outage until 100,000 waiting orders are booked", "{:,.0f} s"),
    ("drain_p99_ratio", "live p99 meanwhile, of the quiet p99", "{:.2f}"),
    ("stock_accepted_per_s", "stock positions taken in per second", "{:,.0f}"),
    ("stock_publishes", "levels written in three shops for them", "{:,.0f}"),
    ("stock_publishes_per_s", "the same, per second", "{:,.0f}"),
    ("stock_limit_per_s", "what the shops' own limits allow per second", "{:,.0f}"),
    ("stock_coalesced", "share of updates that no shop had to be told", "{:.0%}"),
    ("stock_all_shown_s", "from the first position until every shop shows the last", "{:,.0f} s"),
    ("stock_stale_writes", "levels put back by an older number", "{:,.0f}"),
    ("rss_mb", "memory of all processes under load", "{:,.0f} MB"),
    ("idle_core_pct", "doing nothing", "{:.2f} % of a core"),
)


def table(results: Mapping[str, Any] | None) -> str:
    """The Markdown between the marks; figures that were not measured are left out."""
    if not results:
        return NOT_YET + "\n"
    rows = [f"| {what} | {form.format(results[key])} |" for key, what, form in FIGURES if key in results]
    peers = results.get("peers", {})
    rows += [f"| one ERP call per order, {name}, orders per second | {rate:,.0f} |" for name, rate in peers.items()]
    return "\n".join(["| measured | |", "|---|---:|", *rows, "", *_circumstances(results)]) + "\n"


def _circumstances(results: Mapping[str, Any]) -> list[str]:
    """The machine, and for each scenario when it ran, on which commit, and how fast the machine was."""
    facts = results.get("machine", {})
    said = ", ".join(f"{key} {value}" for key, value in facts.items() if not isinstance(value, dict | list))
    told = [f"{name} {_when(run)}" for name, run in results.get("runs", {}).items()]
    return [f"Machine: {said}.", *(["", "; ".join(told) + "."] if told else [])]


def _when(run: Mapping[str, Any]) -> str:
    speed = f", a million additions in {run['python_loop_ms']:.0f} ms" if "python_loop_ms" in run else ""
    return f"{run['measured_at'][:16].replace('T', ' ')}, commit `{run['commit'][:12]}`{speed}"


def filled(text: str, results: Mapping[str, Any] | None) -> str:
    """The README with the table in it. Raises ``ValueError`` when it has no marks."""
    made, places = MARKED.subn(lambda found: found[1] + table(results) + found[2], text)
    if places != 1:
        raise ValueError(f"README.md has {places} places between <!-- bench --> and <!-- /bench -->, not 1")
    return made


def measured() -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else None
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the table is out of date")
    asked = parser.parse_args()
    text = README.read_text("utf-8")
    made = filled(text, measured())
    if made == text:
        return 0
    if asked.check:
        print("README.md's figures are out of date: python scripts/readme_figures.py", file=sys.stderr)
        return 1
    README.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
