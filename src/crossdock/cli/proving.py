"""What ``crossdock prove`` does besides campaigns: sweeps, single scenarios, and shrinking what a campaign found."""

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from crossdock.cli.printing import as_json, error, note

if TYPE_CHECKING:
    from crossdock.proof.campaign import Report
    from crossdock.proof.shrink import Runs, Shrunk

ALL = "all"
PLANTED = Path("tests/proof/mutants")
PATIENT = ("I10",)  # what only shows when nothing is left to wait for …
HASTE_S = 180.0  # … everything else is told after so much quiet, also of what never comes to rest
SHRUNK_AT_MOST = 3  # one for each invariant, the first seeds that broke it


def listing() -> int:
    """Say which fault profiles there are; the exit code."""
    from crossdock.proof.telling import listing as profiles

    typer.echo("\n".join(profiles()))
    return 0


def sweep(name: str, jobs: int, json: bool) -> int:
    """Kill the golden runs at every boundary; the exit code."""
    from crossdock.proof.golden import GOLDEN
    from crossdock.proof.sweep import lines
    from crossdock.proof.sweep import sweep as swept_all

    if name != ALL and name not in GOLDEN:
        error(f"There is no golden run {name!r}. There are: {', '.join(GOLDEN)}, and all.")
        return 2
    swept = swept_all(list(GOLDEN) if name == ALL else [name], jobs=jobs)
    if json:
        sums = {name: sum(getattr(one, name) for one in swept) for name in ("kills", "twice", "violations")}
        as_json({"sweeps": msgspec.to_builtins(swept), **sums})
    else:
        typer.echo("\n".join(lines(swept)))
    return 1 if any(one.violations for one in swept) else 0


def mutants(folder: Path, jobs: int, json: bool) -> int:
    """Hunt the planted bugs of a copy of the source; the exit code."""
    from crossdock.proof import planted

    try:
        bugs = planted.load(folder)
    except FileNotFoundError as missing:
        error(f"{missing}. Planted bugs are test code: run this in a copy of the source, or name their folder.")
        return 2
    hunts = []
    began = time.monotonic()
    for mutant, hunt in zip(bugs, planted.hunt_all(folder, len(bugs), jobs), strict=True):
        hunts.append(hunt)
        if not json:
            typer.echo("\n".join(planted.lines(mutant, hunt)))
    left_out = planted.not_planted(folder)
    if json:
        as_json({**planted.plain(hunts, time.monotonic() - began), "not_planted": dict(left_out)})
    else:
        typer.echo(planted.sentence(hunts))
        for name, why in left_out.items():
            typer.echo(f"Not planted: {name}: {why}.")
    return 1 if any(hunt.seeds is None for hunt in hunts) else 0


def one_scenario(file: Path, json: bool, server: str | None = None) -> int:
    """Run the scenario in a file, on the PostgreSQL ``server`` if there is one; the exit code."""
    from crossdock.proof import story

    try:
        scenario = story.decode(file.read_bytes())
    except (OSError, story.BadScenario) as bad:
        error(f"{file}: {bad}")
        return 2
    with ExitStack() as stack:
        ran = _runs(server, stack)(scenario)
    broken = list(dict.fromkeys(one.invariant for one in ran.violations))
    if json:
        told = {name: story.story(ran, name) for name in broken}
        counts = {"faults": ran.faults, "recoveries": ran.recoveries}
        as_json({"seeds": 1, "violations": len(ran.violations), "invariants": told, **counts, "digest": ran.digest})
    else:
        for name in broken:
            typer.echo("\n".join([name, *story.story(ran, name)]))
        typer.echo(f"{len(ran.violations)} violations. Digest {ran.digest}")
    return 1 if broken else 0


def shrunk(report: "Report", profile: str | None, server: str | None = None, *, quiet: bool) -> "list[Shrunk]":
    """The smallest scenario for each invariant that the campaign broke. ``server``: the PostgreSQL that it ran on."""
    if not report.broken:
        return []
    with ExitStack() as stack:
        return _shrunk(report, profile, _runs(server, stack), quiet=quiet)


def _runs(server: str | None, stack: ExitStack) -> "Runs":
    from crossdock.proof.run import run

    if server is None:
        return run
    from crossdock.proof.postgres import InPostgres
    from crossdock.proof.server import Server

    return partial(run, tables=partial(InPostgres, stack.enter_context(Server(server))))


def _shrunk(report: "Report", profile: str | None, runs: "Runs", *, quiet: bool) -> "list[Shrunk]":
    from crossdock.proof.plan import scenario
    from crossdock.proof.shrink import shrink

    firsts: dict[str, Any] = {}
    for one in report.broken:
        firsts.setdefault(one.invariant, one)
    found = []
    for one in list(firsts.values())[:SHRUNK_AT_MOST]:
        if not quiet:
            note(f"Shrinking seed {one.seed}, which broke {one.invariant}.")
        hasty = runs if one.invariant in PATIENT else partial(runs, patience_s=HASTE_S)
        try:
            found.append(shrink(scenario(one.seed, profile), one.invariant, runs=hasty))
        except Exception as error:  # noqa: BLE001 - the report must be told, whatever becomes of this
            note(f"Seed {one.seed} could not be shrunk: {error!r}.")
    return found
