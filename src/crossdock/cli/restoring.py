"""``restored``: whether the database lost time, and what a person says of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crossdock.cli.printing import as_json, when
from crossdock.cli.reach import DATA, JSON, REASON, myself, with_desk

if TYPE_CHECKING:
    from crossdock.api.acts import Done
    from crossdock.api.desk import Desk
    from crossdock.store.origin import Doubt


def add(app: typer.Typer) -> None:
    app.command()(restored)


def restored(
    reason: str = REASON,
    days: float | None = typer.Option(None, "--days", help="Days for which first sends look (7 unless said)."),
    end: bool = typer.Option(False, "--end", help="It is made up for: send without a look from now on."),
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Say that the database was put back to an earlier time; without --reason, tell whether it was.

    Other systems then have documents that it forgot. A dump that was loaded into another PostgreSQL, a recovery to a
    point in time and a standby that took over are noticed without this command; a copied data directory is not.
    """
    if not reason and not end:
        if days is not None:
            raise typer.BadParameter("--days goes with --reason: say why, it is kept with the act.")
        _tell(data, json)
        return
    if end and days is not None:
        raise typer.BadParameter("--end ends it at once: leave --days out.")

    async def act(desk: "Desk") -> "Done":
        from crossdock.api import restoring

        if end:
            return await restoring.end(desk, myself(), reason)
        return await restoring.mark(desk, myself(), reason, restoring.DAYS if days is None else days)

    done = with_desk(data, act)
    as_json(done) if json else typer.echo(done.said)


def _tell(data: Path, json: bool) -> None:
    async def read(desk: "Desk") -> "Doubt | None":
        from crossdock.store import origin

        return await origin.standing(desk.pool)

    found = with_desk(data, read)
    if json:
        as_json(found)
    elif found is None:
        typer.echo("As far as is known, the database lost no time: first sends are sent without a look.")
    else:
        typer.echo(
            f"The database may have lost time at {when(found.restored_at)}. Until {when(found.doubted_until)} "
            "whatever is sent for the first time is looked for first. "
            "If nothing was lost: crossdock restored --end --reason ..."
        )
