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
from chaos.failover import Failover
from chaos.plan import KINDS
from chaos.rounds import Campaign
from chaos.watching import Measured

TITLES = {"rounds": "Rounds", "failover": "Fail-over", "behind": "Fail-over to a standby that was behind"}
ROOT = Path(__file__).parents[1]
KEPT, PAGE = ROOT / "docs" / "proof" / "chaos.json", ROOT / "docs" / "proof" / "chaos.md"


def verdict(found: Campaign) -> str:
    """HELD, BROKEN or VOID. What broke is broken, whatever else never happened."""
    return "BROKEN" if not found.holds else "VOID" if found.void else "HELD"


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
        "recovery_s": figures([one for one in found.recoveries if not one.troubled]),
        "recovery_with_broken_lines_s": figures([one for one in found.recoveries if one.troubled]),
        "resume_s": figures([one for one in found.resumes if not one.troubled]),
        "resume_with_broken_lines_s": figures([one for one in found.resumes if one.troubled]),
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


def followed(found: Failover) -> dict[str, Any]:
    """The report of a fail-over, figures first."""
    books, broken = found.judgement, found.broken_bars()
    return {
        "verdict": "BROKEN" if broken else "HELD",
        "seed": found.seed,
        "orders": books.placed,
        "acknowledged": books.acknowledged,
        "acknowledged_before": found.acknowledged_before,
        "behind_s": found.behind_s,
        "forgotten": found.forgotten,
        "booked": books.booked,
        "with_a_person": books.exceptions,
        "lost": len(books.lost),
        "doubled": len(books.doubled),
        "wrong": len(books.wrong),
        "longest_still_s": round(found.settled.stuck_s, 1),
        "promoted_s": found.promoted_s,
        "resumed_s": round(found.resumed_s, 2),
        "broken_bars": broken,
        "never_happened": [],
        "seconds": found.seconds,
    }


def show(what: str, said: Mapping[str, Any], out: Console) -> None:
    """The figures on a terminal."""
    out.print()
    for line in LINES[what](said):
        out.print(line)
    for bar in said["broken_bars"]:
        out.print(f"  broken: {bar}")
    for kind in said["never_happened"]:
        out.print(f"  never happened: {kind}")
    out.print(said["verdict"])


def _books(said: Mapping[str, Any]) -> list[str]:
    return [
        f"{said['orders']} orders placed, {said['acknowledged']} acknowledged, {said['booked']} in the ERP, "
        f"{sum(said['with_a_person'].values())} with a person, in {said['seconds']:.0f} s",
        f"lost {said['lost']}, doubled {said['doubled']}, otherwise wrong {said['wrong']}",
        f"longest that anything stood still after the faults: {said['longest_still_s']:g} s "
        f"(bar {watching.STUCK_BAR_S:g} s)",
    ]


def _rounds(said: Mapping[str, Any]) -> list[str]:
    return [
        f"{said['rounds']} rounds; {sum(said['faults'].values())} faults of {len(said['faults'])} kinds happened",
        *_books(said),
        f"a killed role worked again after: {_spread(said['recovery_s'])} (bar {watching.RECOVERY_BAR_S:g} s); "
        f"while lines were broken too: {_spread(said['recovery_with_broken_lines_s'])}",
        f"with PostgreSQL back, work resumed after: {_spread(said['resume_s'])} (bar {watching.RESUME_BAR_S:g} s); "
        f"while lines were broken too: {_spread(said['resume_with_broken_lines_s'])}",
        f"late outcomes fenced off: {said['late_outcomes_fenced_off']}",
    ]


def _failover(said: Mapping[str, Any]) -> list[str]:
    lines = [f"the primary was killed with {said['acknowledged_before']} orders acknowledged"]
    if said.get("behind_s"):
        lines.append(f"its standby knew nothing of the last {said['behind_s']:g} s, nor of {said['forgotten']} calls")
    return [
        *lines,
        *_books(said),
        f"the standby took writes {said['promoted_s']:g} s after the kill, and work resumed {said['resumed_s']:g} s "
        f"after that (bar {watching.RESUME_BAR_S:g} s)",
    ]


LINES = {"rounds": _rounds, "failover": _failover, "behind": _failover}


def _spread(found: Mapping[str, float]) -> str:
    if not found["n"]:
        return "not measured"
    return f"median {found['median']:g} s, worst {found['max']:g} s of {found['n']:.0f}"


def keep(what: str, said: Mapping[str, Any]) -> None:
    """Into docs/proof, with the machine and the commit; the page is made from it."""
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    kept[what] = {"measured_at": when, "commit": _commit(), **said, "machine": machine.facts()}
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(kept), "utf-8")


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def page(kept: Mapping[str, Any]) -> str:
    """docs/proof/chaos.md."""
    lines = [
        "# The last kept chaos run",
        "",
        'Made by `make chaos ARGS="--keep"`, `make chaos ARGS="failover --keep"` and '
        '`make chaos ARGS="failover --behind 5 --keep"`; `chaos.json` holds every round. '
        "[What the run does, and how to read it](../explanation/chaos.md)",
    ]
    for what, title in TITLES.items():
        if what in kept:
            lines += ["", f"## {title}", "", *_kept(what, kept[what])]
    return "\n".join(lines) + "\n"


def _kept(what: str, said: Mapping[str, Any]) -> list[str]:
    run = said["machine"]
    lines = [
        f"**{said['verdict']}**: seed {said['seed']}, commit {said['commit']}, {said['measured_at']}, "
        f"{run['cores']} cores, Python {run['python']}.",
        "",
        *(f"- {line}" for line in LINES[what](said)),
        *(f"- with a person: {times} x {cause}" for cause, times in said["with_a_person"].items()),
        *(f"- broken: {bar}" for bar in said["broken_bars"]),
        *(f"- never happened: {kind}" for kind in said["never_happened"]),
        *(f"- instead: {one}" for one in said.get("stand_ins", ())),
    ]
    if faults := said.get("faults"):
        lines += ["", "| fault | what happens | times |", "|---|---|---:|"]
        lines += [f"| `{kind}` | {KINDS[kind]} | {times} |" for kind, times in faults.items()]
    return lines
