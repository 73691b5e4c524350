"""``connectors``: which systems this version can talk to, what it can ask of them, and what proves that."""

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from crossdock.cli.printing import as_json, table
from crossdock.cli.reach import JSON

# Where a copy of the source holds every connector to what the engine relies on, each operation and topic.
_CONFORMANCE = "tests/conformance"


def add(app: typer.Typer) -> None:
    app.command()(connectors)


def connectors(
    system: str | None = typer.Argument(None, help="Only this one, with its operations."), json: bool = JSON
) -> None:
    """List the systems that can be connected: role, API version, operations with their class, and what proves them."""
    from crossdock import app

    if system is not None and system not in app.SYSTEMS:
        raise typer.BadParameter(f"there is no connector {system!r}. There are: {', '.join(app.SYSTEMS)}.")
    told = [facts(one) for one in ([system] if system else app.SYSTEMS)]
    if json:
        as_json(told if system is None else told[0])
    elif system is None:
        columns = ("system", "title", "role", "API", "operations", "proven by")
        table(columns, [(t["system"], t["title"], t["role"], _version(t), _classes(t), _proofs(t)) for t in told], "")
    else:
        _whole(told[0])


def facts(system: str) -> dict[str, Any]:
    """What a connector declares, and what there is to prove it by, as JSON-ready data."""
    from crossdock import app

    connector = app.connector(system)
    manifest = connector.manifest
    return {
        "system": system,
        "title": manifest.title,
        "role": manifest.role,
        "api_version": manifest.api_version,
        "sunset": str(manifest.sunset) if manifest.sunset else None,
        "mapping_version": manifest.mapping_version,
        "webhooks": connector.webhook is not None,
        "polls": {poll.name: poll.every_s for poll in connector.polls.values()},
        "operations": {
            one.purpose: {"title": one.title, "class": one.repeat.value, "settle_s": one.settle_s}
            for one in connector.operations.values()
        },
        "proof": proof(system),
    }


def proof(system: str) -> dict[str, Any]:
    """The simulator, samples and suites that hold the connector; suites are there in a copy of the source only."""
    samples = files("crossdock.connectors") / system / "samples"
    source = Path(__file__).parents[3]
    suites = (_CONFORMANCE, f"tests/simulators/{system}", f"src/crossdock/connectors/{system}/tests")
    return {
        "simulator": f"crossdock.simulators.{system}" if find_spec(f"crossdock.simulators.{system}") else None,
        "samples": sum(one.is_file() for one in samples.iterdir()) if samples.is_dir() else 0,
        "suites": [suite for suite in suites if (source / suite).is_dir()],
    }


def _version(told: dict[str, Any]) -> str:
    return f"{told['api_version']}, ends {told['sunset']}" if told["sunset"] else str(told["api_version"])


def _classes(told: dict[str, Any]) -> str:
    return ", ".join(f"{purpose} ({one['class']})" for purpose, one in told["operations"].items())


def _proofs(told: dict[str, Any]) -> str:
    proven = told["proof"]
    found = ["simulator"] if proven["simulator"] else []
    found += [f"{proven['samples']} sample" + "s" * (proven["samples"] > 1)] if proven["samples"] else []
    return ", ".join([*found, *proven["suites"]])


def _whole(told: dict[str, Any]) -> None:
    typer.echo(f"{told['title']}: {told['role']}, API {_version(told)}, mapping {told['mapping_version']}")
    typer.echo(f"Proven by: {_proofs(told)}\n")
    rows = [
        (purpose, one["title"], one["class"], f"{one['settle_s']:g}" if one["settle_s"] else "")
        for purpose, one in told["operations"].items()
    ]
    table(("operation", "what it does", "class", "settle, s"), rows, "It is asked for nothing.")
    polls = [(name, f"{every_s:g}") for name, every_s in told["polls"].items()]
    typer.echo("")
    table(("poll", "every, s"), polls, "It is not polled.")
