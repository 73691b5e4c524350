"""Keys of the partner API."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from crossdock.cli.printing import as_json, table
from crossdock.cli.reach import DATA, JSON, REASON, myself, with_desk

if TYPE_CHECKING:
    from crossdock.api.desk import Desk

_CONNECTION = typer.Argument(..., help="The portal's connection.")


def add(app: typer.Typer) -> None:
    keys = typer.Typer(help="Keys of the partner API: make, list, revoke.", no_args_is_help=True)
    for name, command in (("make", made), ("list", listed), ("revoke", revoked)):
        keys.command(name)(command)
    app.add_typer(keys, name="partner-key")


def made(
    connection: str = _CONNECTION,
    name: str = typer.Option(..., "--name", help="Who will use it."),
    scope: list[str] = typer.Option(  # noqa: B008 - typer's way
        ["orders:write", "orders:read"],
        help="orders:write, orders:read, customers:read, products:read, prices:read, stock:read, returns:write; "
        "repeatable.",
    ),
    days: int | None = typer.Option(None, "--days", help="How long it opens; left out: until it is revoked."),
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Make a key for a portal's connection. It is shown this once."""

    async def act(desk: "Desk") -> str:
        from crossdock.api import partner_keys
        from crossdock.api.problems import Refusal

        desk = await _knowing(desk)
        try:
            made = await partner_keys.make(desk, myself(), partner_keys.KeyWish(connection, name, scope, days))
        except Refusal as refused:
            raise typer.BadParameter(refused.detail) from refused
        return made.key

    key = with_desk(data, act)
    as_json({"connection": connection, "name": name, "key": key}) if json else typer.echo(key)


async def _knowing(desk: "Desk") -> "Desk":
    """The desk with the connectors of its connections, which say what may have a key."""
    import msgspec

    from crossdock import app

    found = await desk.store.connections()
    known = {name: app.connector(row.system) for name, row in found.items() if row.system in app.SYSTEMS}
    return msgspec.structs.replace(desk, connectors=known)


def listed(data: Path = DATA, json: bool = JSON) -> None:
    """List all keys, revoked ones too; never what opens the door."""

    async def read(desk: "Desk") -> list[Any]:
        from crossdock.partner import keys

        return list(await keys.listed(desk.pool))

    found = with_desk(data, read)
    if json:
        as_json(found)
        return
    rows = [
        (k.connection, k.name, k.state, " ".join(k.scopes), k.created_at, k.expires_at, k.revoked_at) for k in found
    ]
    table(
        ("connection", "name", "state", "scopes", "since", "until", "revoked"),
        rows,
        "No keys. Make one: crossdock partner-key make",
    )


def revoked(
    connection: str = _CONNECTION,
    name: str = typer.Argument(..., help="The key's name."),
    reason: str = REASON,
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Take a key away, with a reason: the next request with it is refused."""

    async def act(desk: "Desk") -> None:
        from crossdock.api import partner_keys
        from crossdock.api.problems import Refusal

        try:
            await partner_keys.revoke_named(desk, myself(), connection, name, reason)
        except Refusal as refused:
            raise typer.BadParameter(refused.detail) from refused

    with_desk(data, act)
    as_json({"connection": connection, "name": name}) if json else typer.echo(f"{connection}/{name} opens no more")
