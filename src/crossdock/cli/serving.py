"""``serve`` and ``migrate``: the running product."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from crossdock.cli.printing import as_json, note
from crossdock.cli.reach import CONFIG, DATA, JSON, database_url
from crossdock.supervise import ROLES

if TYPE_CHECKING:
    from crossdock.serve import Serving


def add(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(migrate)


def serve(
    config: Path = CONFIG,
    data: Path = DATA,
    roles: str = typer.Option(",".join(ROLES), help="Which parts run here; any split over hosts shares one database."),
    workers: int = typer.Option(1, min=1, max=64, help="How many processes decide, and how many deliver."),
    intake: str = typer.Option("", help="Where webhooks are taken, host:port (default from crossdock.yaml)."),
    console: str = typer.Option("", help="Where the console listens, host:port (default from crossdock.yaml)."),
    drain: float = typer.Option(30.0, min=1, help="Seconds that work in hand gets to finish when told to stop."),
) -> int:
    """Run Crossdock until Ctrl-C or SIGTERM. Without DATABASE_URL it brings its own PostgreSQL."""
    from crossdock.app import configuration
    from crossdock.serve import Serving

    wanted = _roles(roles)
    found = configuration(config)
    changes = {name: value for name, value in (("intake", intake), ("console", console)) if value}
    found = msgspec.structs.replace(found, serve=msgspec.structs.replace(found.serve, **changes))
    return asyncio.run(_serve(Serving(found, wanted, workers, data, database_url(), drain)))


async def _serve(serving: "Serving") -> int:
    from crossdock.supervise import stop_on_signals

    stop = asyncio.Event()
    stop_on_signals(stop)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving.database(note))
        if link := await serving.first_visit(url):
            note(f"Nobody has an account yet. Set up the first: {link}")
        listens = serving.config.serve
        scheme = "https" if listens.tls_certificate else "http"
        note(f"webhooks  {scheme}://{listens.intake}/in/<system>/<connection>")
        note(f"console   {serving.public_url}")
        if listens.partner:
            note(f"partners  {scheme}://{listens.partner}/partner/v1")
        await serving.run(url, stop, note)
    note("stopped; everything that was accepted is kept")
    return 0


def _roles(text: str) -> list[str]:
    wanted = [role.strip() for role in text.split(",") if role.strip()]
    unknown = [role for role in wanted if role not in ROLES]
    if unknown or not wanted:
        raise typer.BadParameter(f"There is no role '{', '.join(unknown)}'. Roles: {', '.join(ROLES)}.")
    return [role for role in ROLES if role in wanted]


def migrate(data: Path = DATA, json: bool = JSON) -> None:
    """Bring the database's schema up to this version. Safe to repeat; `serve` does it itself when embedded."""
    from crossdock.store.migrate import migrate as apply
    from crossdock.store.migrate import sees_sessions

    url = database_url()
    if url is None:
        from crossdock.embedded_use import embedded

        with embedded(data, note) as own:
            applied = asyncio.run(apply(own))
    else:
        applied = asyncio.run(apply(url))
        if not asyncio.run(sees_sessions(url)):
            note(
                "The database's role cannot see other roles' sessions: nobody will be warned of readers that make dead "
                "rows pile up. As a superuser: grant pg_read_all_stats to <role>"
            )
    if json:
        as_json({"applied": applied})
    else:
        typer.echo(f"applied: {', '.join(f'{n:04}' for n in applied)}" if applied else "nothing to do")
