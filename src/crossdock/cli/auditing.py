"""``verify-audit``: whether what people did is still told as it was recorded."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crossdock.cli.printing import as_json, error
from crossdock.cli.reach import DATA, JSON, with_desk

if TYPE_CHECKING:
    from crossdock.api.desk import Desk
    from crossdock.governance.audit import Verdict


def add(app: typer.Typer) -> None:
    app.command("verify-audit")(verify_audit)


def verify_audit(
    head: str = typer.Option("", "--head", help="The head that an earlier run printed and you kept elsewhere."),
    data: Path = DATA,
    json: bool = JSON,
) -> int:
    """Verify the audit's chain: that no act in it was changed or taken out. Exit code 1 when one was."""

    async def read(desk: "Desk") -> "Verdict":
        from crossdock.governance import audit

        return await audit.verify(desk.pool, head.strip().lower())

    found = with_desk(data, read)
    if json:
        as_json(found)
    elif found.broken_at is not None:
        error(f"Act {found.broken_at} was changed, or one before it taken out: {found.links} before it hold.")
    elif found.cut_off:
        error(f"The end of the chain was cut off: it holds, and has no link {head}.")
    else:
        acts = f"{found.links} act{'s' * (found.links != 1)}"
        typer.echo(f"{acts}, none changed. Keep the head elsewhere, it shows what is cut off later:\n{found.head}")
    return int(found.broken_at is not None or found.cut_off)
