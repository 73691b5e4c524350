"""``invariants``: whether the rows of the database agree with each other."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crossdock.cli.printing import as_json
from crossdock.cli.reach import DATA, JSON, with_desk

if TYPE_CHECKING:
    from crossdock.api.desk import Desk
    from crossdock.store.invariants import Checked


def add(app: typer.Typer) -> None:
    app.command()(invariants)


def invariants(data: Path = DATA, json: bool = JSON) -> int:
    """Check now what the schedule role checks once a day: that no row of the database contradicts another. Says what
    is wrong, of which ids, and what to do. Only reads. Exit code 1 when something is wrong or could not be checked."""

    async def read(desk: "Desk") -> "list[Checked]":
        from crossdock.store import invariants

        return await invariants.check(desk.pool)

    checked = with_desk(data, read)
    if json:
        as_json(checked)
    else:
        for one in checked:
            _say(one)
    return int(not all(one.holds for one in checked))


def _say(one: "Checked") -> None:
    mark = typer.style("ok  ", fg="green") if one.holds else typer.style("FAIL", fg="red")
    typer.echo(f"{mark} {one.invariant.name}: {one.invariant.must}")
    if one.count is None:
        typer.echo(f"     Not known: {one.unread}. Try again when less is going on.")
    elif not one.holds:
        for row in one.broken:
            typer.echo(f"     {row.id}  {row.says}")
        if one.count.n > len(one.broken):
            typer.echo(f"     … {one.count.n}{' or more' * one.count.capped} {one.invariant.of} in all")
        typer.echo(f"     {one.invariant.do}")
