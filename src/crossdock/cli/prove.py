"""``prove``: the promise, tried on simulated vendors, clocks, networks and crashes."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crossdock.cli import proving
from crossdock.cli.printing import as_json, error, note
from crossdock.cli.reach import DATA, JSON
from crossdock.proof import REPORT

if TYPE_CHECKING:
    from crossdock.proof.campaign import Report

_REPORT = typer.Option(None, help="Write the report to this file, as JSON.")
_RESUME = typer.Option(False, "--resume", help="Go on with the campaign in --report, if it is there and not whole.")
_KEEP = typer.Option(False, "--keep", help="Keep the report in the data folder, for the console to show.")
_MUTANTS = typer.Option(False, "--mutants", help="Instead: plant bugs, one by one, and say which seed caught each.")
_PLANTED = typer.Argument(None, help="With --mutants: the folder of the planted bugs (tests/proof/mutants).")
_SCENARIO = typer.Option(None, help="Instead: run the one scenario in this file, as a violation's report prints it.")
STORES = ("memory", "postgres")
IN_MEMORY = "restored"  # its tables are put back as a whole


def _server() -> AbstractContextManager[str]:
    from crossdock.proof.server import own_server

    note("Starting a PostgreSQL for the simulation.")
    return own_server()


def add(app: typer.Typer) -> None:
    app.command()(prove)


def prove(
    planted: Path | None = _PLANTED,
    seeds: int = typer.Option(500, min=1, help="How many seeds to run."),
    seed: int = typer.Option(1, min=0, help="The first seed. With --seeds 1: that very run."),
    profile: str | None = typer.Option(None, help="One fault profile instead of a mixture; --profiles lists them."),
    profiles: bool = typer.Option(False, "--profiles", help="List the fault profiles and stop."),
    jobs: int = typer.Option(0, min=0, help="Processes (0: one for each core)."),
    store: str = typer.Option("memory", help="Where the tables are: memory, or postgres (the embedded one; slower)."),
    report: Path | None = _REPORT,
    resume: bool = _RESUME,
    keep: bool = _KEEP,
    data: Path = DATA,
    sweep: str | None = typer.Option(None, help="Instead: kill a golden run at every boundary; all for all of them."),
    scenario: Path | None = _SCENARIO,
    mutants: bool = _MUTANTS,
    json: bool = JSON,
) -> int:
    """Run the real engine against simulated vendors, with faults and crashes: no order may be lost or doubled. Exit
    code 1 when a promise was broken, 6 when too little came up to prove anything."""
    processes = jobs or os.cpu_count() or 1
    kept = [one for one in (report, data / REPORT if keep else None) if one is not None]
    if keep:
        (data / REPORT).parent.mkdir(parents=True, exist_ok=True)
    if profiles:
        return proving.listing()
    if wrong := _wrong(profile, store, kept) or _misplaced(planted, mutants, sweep, store, resume, report):
        error(wrong)
        return 2
    if mutants:
        return proving.mutants(planted or proving.PLANTED, processes, json)
    if sweep is not None:
        return proving.sweep(sweep, processes, json)
    if scenario is not None:
        with _server() if store == "postgres" else nullcontext() as server:
            return proving.one_scenario(scenario, json, server)
    try:
        so_far = _so_far(report, seed, profile, store) if resume and report is not None else None
    except ValueError as other:
        error(str(other))
        return 2
    return _campaign(seed, seeds, profile, processes, store, kept, so_far, json)


def _wrong(profile: str | None, store: str, kept: Sequence[Path]) -> str | None:
    """What is wrong with the options, said before hours are spent on them."""
    from crossdock.proof.plan import AFTERWARDS, ON_REQUEST, PROFILES

    if profile is not None and profile not in (known := (*PROFILES, *ON_REQUEST, AFTERWARDS)):
        return f"There is no fault profile {profile!r}. There are: {', '.join(known)}."
    if store not in STORES:
        return f"There is no store {store!r}. There are: {', '.join(STORES)}."
    if profile in (IN_MEMORY, AFTERWARDS) and store != "memory":
        return f"--profile {profile} has its tables in memory: leave --store out."
    missing = next((file.parent for file in kept if not file.parent.is_dir()), None)
    return None if missing is None else f"There is no folder {missing} for the report."


def _misplaced(
    planted: Path | None, mutants: bool, sweep: str | None, store: str, resume: bool, report: Path | None
) -> str | None:
    """Options that would be passed over in silence."""
    if planted and not mutants:
        return f"{planted} is only read with --mutants."
    if (mutants or sweep is not None) and store != "memory":
        return "--mutants and --sweep have their tables in memory: leave --store out."
    if resume and report is None:
        return "--resume goes on with the report in --report FILE: name it."
    return None


def _so_far(file: Path, seed: int, profile: str | None, store: str) -> "Report | None":
    """What an earlier sitting did. Raises ``ValueError`` when the file is of something else."""
    from crossdock.proof.campaign import another
    from crossdock.proof.telling import kept

    so_far = kept(file)
    if so_far is not None and (differs := another(so_far, seed, profile, store)):
        raise ValueError(f"{file} is of another campaign: {differs}. Give another file, or run what it is of.")
    if so_far is not None:
        so_far.sittings += 1
        note(f"Going on after {so_far.seeds:,} seeds.")
    return so_far


def _campaign(
    seed: int,
    seeds: int,
    profile: str | None,
    jobs: int,
    store: str,
    kept: Sequence[Path],
    so_far: "Report | None",
    json: bool,
) -> int:
    from crossdock.proof import story
    from crossdock.proof.campaign import campaign, stoppable
    from crossdock.proof.telling import Keeping, Progress, lines, plain, verdict
    from crossdock.proof.telling import store as store_report

    keeping = Keeping(kept, profile)

    with ExitStack() as stack:
        server = stack.enter_context(_server()) if store == "postgres" else None
        progress = stack.enter_context(Progress(seeds, quiet=json))

        def told(report: "Report") -> None:
            progress.told(report)
            keeping.told(report)

        with stoppable():
            done = campaign(seed, seeds, profile=profile, jobs=jobs, server=server, so_far=so_far, told=told)
        for file in kept:
            store_report(done, file, profile)
            note(f"The report is in {file}.")
        smallest = proving.shrunk(done, profile, server, quiet=json)
    if json:
        as_json({**plain(done, profile), "shrunk": [story.plain(one) for one in smallest]})
    else:
        typer.echo("\n".join(lines(done, profile)))
        for one in smallest:
            typer.echo("\n" + "\n".join(story.lines(one)))
    return verdict(done, profile, seeds)
