"""Pausing and resuming connections."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crossdock.cli.printing import as_json
from crossdock.cli.reach import DATA, JSON, myself, with_desk

if TYPE_CHECKING:
    from crossdock.api.acts import Done
    from crossdock.api.desk import Desk


def add(app: typer.Typer) -> None:
    app.command()(pause)
    app.command()(resume)


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


def _act(connection: str, reason: str | None, data: Path, json: bool) -> None:
    async def act(desk: "Desk") -> "Done":
        from crossdock.api import acts

        return await acts.pause(desk, myself(), connection, reason)

    done = with_desk(data, act)
    as_json(done) if json else typer.echo(done.said)
