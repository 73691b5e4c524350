"""``prove``: the promise, tried on simulated vendors, clocks, networks and crashes."""

import os
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import typer

from crossdock.cli import proving
from crossdock.cli.printing import as_json, error, note
from crossdock.cli.reach import DATA, JSON
from crossdock.proof import REPORT

_REPORT = typer.Option(None, help="Write the report to this file, as JSON.")
_KEEP = typer.Option(False, "--keep", help="Keep the report in the data folder, for the console to show.")
_SCENARIO = typer.Option(None, help="Instead: run the one scenario in this file, as a violation's report prints it.")
STORES = ("memory", "postgres")


def _server() -> AbstractContextManager[str]:
    from crossdock.proof.server import own_server

    note("Starting a PostgreSQL for the simulation.")
    return own_server()


def add(app: typer.Typer) -> None:
    app.command()(prove)


def prove(
    seeds: int = typer.Option(500, min=1, help="How many seeds to run."),
    seed: int = typer.Option(1, min=0, help="The first seed. With --seeds 1: that very run."),
    profile: str | None = typer.Option(None, help="One fault profile instead of a mixture; --profiles lists them."),
    profiles: bool = typer.Option(False, "--profiles", help="List the fault profiles and stop."),
    jobs: int = typer.Option(0, min=0, help="Processes (0: one for each core)."),
    store: str = typer.Option("memory", help="Where the tables are: memory, or postgres (the embedded one; slower)."),
    report: Path | None = _REPORT,
    keep: bool = _KEEP,
    data: Path = DATA,
    sweep: str | None = typer.Option(None, help="Instead: kill a golden run at every boundary; all for all of them."),
    scenario: Path | None = _SCENARIO,
    json: bool = JSON,
) -> int:
    """Run the real engine against simulated vendors, with faults and crashes: no order may be lost or doubled."""
    from crossdock.proof import story
    from crossdock.proof.campaign import campaign
    from crossdock.proof.plan import PROFILES
    from crossdock.proof.telling import Progress, lines, listing, verdict
    from crossdock.proof.telling import store as store_report

    if profiles:
        typer.echo("\n".join(listing()))
        return 0
    if profile is not None and profile not in PROFILES:
        error(f"There is no fault profile {profile!r}. There are: {', '.join(PROFILES)}.")
        return 2
    if store not in STORES:
        error(f"There is no store {store!r}. There are: {', '.join(STORES)}.")
        return 2
    if sweep is not None:
        return proving.sweep(sweep, jobs or os.cpu_count() or 1, json)
    if scenario is not None:
        return proving.one_scenario(scenario, json)
    with ExitStack() as stack:
        server = stack.enter_context(_server()) if store == "postgres" else None
        progress = stack.enter_context(Progress(seeds, quiet=json))
        processes = jobs or os.cpu_count() or 1
        done = campaign(seed, seeds, profile=profile, jobs=processes, server=server, told=progress.told)
    for file in [one for one in (report, data / REPORT if keep else None) if one is not None]:
        store_report(done, file, profile)
        note(f"The report is in {file}.")
    smallest = proving.shrunk(done, profile, quiet=json)
    if json:
        from crossdock.proof.telling import plain

        as_json({**plain(done, profile), "shrunk": [story.plain(one) for one in smallest]})
    else:
        typer.echo("\n".join(lines(done, profile)))
        for one in smallest:
            typer.echo("\n" + "\n".join(story.lines(one)))
    return verdict(done, profile, seeds)
