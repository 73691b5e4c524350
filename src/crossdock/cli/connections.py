"""Pausing and resuming connections."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crossdock.cli.printing import as_json, table
from crossdock.cli.reach import CONFIG, DATA, JSON, myself, with_desk

if TYPE_CHECKING:
    from crossdock.api.acts import Done
    from crossdock.api.desk import Desk
    from crossdock.governance.mapped import Coverage


def add(app: typer.Typer) -> None:
    app.command()(pause)
    app.command()(resume)
    app.command()(unmapped)


def pause(
    connection: str = typer.Argument(..., help="The connection's name."),
    reason: str = typer.Option(..., "--reason", "-r", help="Why: everybody who sees it will ask."),
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Stop sending to a system. What is to be sent waits; what arrives is still accepted."""
    _act(connection, reason, data, json)


def resume(
    connection: str = typer.Argument(..., help="The connection's name."), data: Path = DATA, json: bool = JSON
) -> None:
    """Send again. What waited goes out a share at a time, so that live orders keep their pace."""
    _act(connection, None, data, json)


def unmapped(config: Path = CONFIG, data: Path = DATA, json: bool = JSON) -> int:
    """Tell what the settings do not map, on either side. Exit code 1 when an order could need it."""
    from crossdock.app import Manifests, configuration
    from crossdock.governance.mapped import mappings

    wanted = mappings(configuration(config), Manifests())

    async def read(desk: "Desk") -> "list[Coverage]":
        from crossdock.api.unmapped import unmapped as covered

        return await covered(desk.pool, wanted)

    found = with_desk(data, read)
    if json:
        as_json(found)
    else:
        for one in found:
            typer.echo(told(one))
            table(("", "code", "what"), [(gap.side, gap.code, gap.says) for gap in one.gaps], "  all mapped")
    return int(any(gap.side == "ours" for one in found for gap in one.gaps))


def told(one: "Coverage") -> str:
    """One list in one line."""
    how_far = f"{one.mapped} of {one.have} mapped" if one.known else "not read yet"
    return f"{one.connection} {one.title.lower()}: {how_far}"


def _act(connection: str, reason: str | None, data: Path, json: bool) -> None:
    async def act(desk: "Desk") -> "Done":
        from crossdock.api import acts

        return await acts.pause(desk, myself(), connection, reason)

    done = with_desk(data, act)
    as_json(done) if json else typer.echo(done.said)
