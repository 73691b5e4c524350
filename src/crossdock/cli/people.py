"""Who may sign in to the console."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from crossdock.cli.printing import as_json, table
from crossdock.cli.reach import CONFIG, DATA, JSON, myself, with_desk

if TYPE_CHECKING:
    from crossdock.api.desk import Desk

_NAME = typer.Argument(..., help="The person's name.")
_ROLE = typer.Option("viewer", help="viewer, customer_service, operator, integrator or admin.")


def add(app: typer.Typer) -> None:
    users = typer.Typer(help="Accounts: list, add, password, role, remove.", no_args_is_help=True)
    for name, command in (
        ("list", listed),
        ("add", added),
        ("password", password),
        ("role", role),
        ("remove", removed),
    ):
        users.command(name)(command)
    app.add_typer(users, name="user")
    app.command("setup-link")(setup_link)


def setup_link(
    role: str = typer.Option("admin", help="viewer, customer_service, operator, integrator or admin."),
    config: Path = CONFIG,
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Make a one-time link, good for a day, with which somebody sets up an account."""
    from crossdock.app import configuration, public_url

    base = public_url(configuration(config))

    async def act(desk: "Desk") -> str:
        from crossdock.api import entry

        return f"{base}/setup?token={await entry.invite(desk, myself().name, role)}"

    link = with_desk(data, act)
    as_json({"link": link, "role": role}) if json else typer.echo(link)


def listed(data: Path = DATA, json: bool = JSON) -> None:
    """List all accounts."""
    from crossdock.governance import people

    found = with_desk(data, lambda desk: people.accounts(desk.pool))
    if json:
        as_json(found)
        return
    rows = [(a.name, a.role, "locked" if a.locked else "", a.created_at) for a in found]
    table(("name", "role", "", "since"), rows, "Nobody has an account. Make a link: crossdock setup-link")


def added(name: str = _NAME, role: str = _ROLE, data: Path = DATA, json: bool = JSON) -> None:
    """Make an account; asks for its password."""
    from crossdock.governance import people

    secret = _ask_password()
    _change(data, json, "people.add", lambda within: people.add(within, name, role, secret))


def password(name: str = _NAME, data: Path = DATA, json: bool = JSON) -> None:
    """Set a new password, which ends a lockout and signs the person out everywhere."""
    from crossdock.governance import people

    secret = _ask_password()
    _change(data, json, "people.password", lambda within: people.set_password(within, name, secret))


def role(
    name: str = _NAME, role: str = typer.Argument(..., help="The new role."), data: Path = DATA, json: bool = JSON
) -> None:
    """Give a person another role."""
    from crossdock.governance import people

    _change(data, json, "people.role", lambda within: people.set_role(within, name, role))


def removed(name: str = _NAME, data: Path = DATA, json: bool = JSON) -> None:
    """Take an account away and sign the person out everywhere."""
    from crossdock.governance import people

    _change(data, json, "people.remove", lambda within: people.remove(within, name))


def _ask_password() -> str:
    return str(typer.prompt("Password (at least 12 characters)", hide_input=True, confirmation_prompt=True))


def _change(data: Path, json: bool, action: str, work: Callable[[Any], Awaitable[Any]]) -> None:
    """Change an account, audited, in one transaction: ``work`` is given its connection."""

    async def act(desk: "Desk") -> Any:
        from crossdock.governance import audit

        async with desk.pool.acquire() as within, within.transaction():
            person = await work(within)
            await audit.append_within(within, myself().name, action, person.name, "", {"role": person.role})
        return person

    person = with_desk(data, act)
    as_json(person) if json else typer.echo(f"{person.name}: {person.role}")
