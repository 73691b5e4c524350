"""A campaign as people and machines read it; docs/proof keeps the last that was worth keeping."""

import json
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from benchmarks import machine
from chaos import watching
from chaos.plan import KINDS
from chaos.rounds import Campaign
from chaos.watching import Measured

ROOT = Path(__file__).parents[1]
KEPT, PAGE = ROOT / "docs" / "proof" / "chaos.json", ROOT / "docs" / "proof" / "chaos.md"


def verdict(found: Campaign) -> str:
    """HELD, BROKEN or VOID."""
    return "VOID" if found.void else "HELD" if found.holds else "BROKEN"


def told(found: Campaign) -> dict[str, Any]:
    """The whole report, figures first."""
    books = found.rounds[-1].judgement
    return {
        "verdict": verdict(found),
        "seed": found.seed,
        "rounds": len(found.rounds),
        "orders": books.placed,
        "acknowledged": books.acknowledged,
        "booked": books.booked,
        "with_a_person": books.exceptions,
        "lost": len(books.lost),
        "doubled": len(books.doubled),
        "wrong": len(books.wrong),
        "longest_still_s": round(max(one.settled.stuck_s for one in found.rounds), 1),
        "recovery_s": figures(found.recoveries),
        "resume_s": figures(found.resumes),
        "late_outcomes_fenced_off": found.fenced,
        "faults": found.faults,
        "struck_by_line": found.struck,
        "stand_ins": found.stand_ins,
        "never_happened": found.never,
        "broken_bars": found.broken_bars(),
        "seconds": found.seconds,
        "details": msgspec.to_builtins(
            {"rounds": found.rounds, "recoveries": found.recoveries, "resumes": found.resumes}
        ),
    }


def figures(found: Sequence[Measured]) -> dict[str, float]:
    """How many, median and worst."""
    seconds = [one.seconds for one in found]
    if not seconds:
        return {"n": 0}
    return {"n": len(seconds), "median": round(statistics.median(seconds), 2), "max": max(seconds)}


def as_json(found: Campaign) -> str:
    return json.dumps(told(found), indent=1)


def show(found: Campaign, out: Console) -> None:
    """The figures on a terminal."""
    said = told(found)
    out.print()
    for line in _figures(said):
        out.print(line)
    for bar in said["broken_bars"]:
        out.print(f"  broken: {bar}")
    for kind in said["never_happened"]:
        out.print(f"  never happened: {kind}")
    out.print(said["verdict"])


def _figures(said: Mapping[str, Any]) -> list[str]:
    recovery, resume = said["recovery_s"], said["resume_s"]
    return [
        f"{said['orders']} orders placed, {said['acknowledged']} acknowledged, {said['booked']} in the ERP, "
        f"{sum(said['with_a_person'].values())} with a person, in {said['rounds']} rounds and {said['seconds']:.0f} s",
        f"lost {said['lost']}, doubled {said['doubled']}, otherwise wrong {said['wrong']}",
        f"longest that anything stood still after the faults: {said['longest_still_s']:g} s "
        f"(bar {watching.STUCK_BAR_S:g} s)",
        f"a killed role worked again after: {_spread(recovery)} (bar {watching.RECOVERY_BAR_S:g} s)",
        f"with PostgreSQL back, work resumed after: {_spread(resume)} (bar {watching.RESUME_BAR_S:g} s)",
        f"late outcomes fenced off: {said['late_outcomes_fenced_off']}",
    ]


def _spread(found: Mapping[str, float]) -> str:
    if not found["n"]:
        return "not measured"
    return f"median {found['median']:g} s, worst {found['max']:g} s of {found['n']:.0f}"


def keep(name: str, found: Campaign) -> None:
    """Into docs/proof, with the machine and the commit; the page is made from it."""
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    kept[name] = {"measured_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "commit": _commit(), **told(found)}
    kept[name]["machine"] = machine.facts()
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(kept), "utf-8")


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def page(kept: Mapping[str, Any]) -> str:
    """docs/proof/chaos.md."""
    said = kept["rounds"]
    lines = [
        "# The last kept chaos run",
        "",
        'Made by `make chaos ARGS="--keep"` from `chaos.json`, which holds every round. '
        "[What the run does and how to read it](../explanation/chaos.md)",
        "",
        f"**{said['verdict']}**: seed {said['seed']}, commit {said['commit']}, {said['measured_at']}, "
        f"{said['machine']['cores']} cores, Python {said['machine']['python']}.",
        "",
        *(f"- {line}" for line in _figures(said)),
        "",
        "| fault | what happens | times |",
        "|---|---|---:|",
        *(f"| `{kind}` | {KINDS[kind]} | {times} |" for kind, times in said["faults"].items()),
        "",
    ]
    lines += [f"- {one}" for one in said["stand_ins"]]
    return "\n".join(lines).rstrip() + "\n"
