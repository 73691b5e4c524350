"""Payouts and settlements on the command line: the same readings as the console's."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from crossdock.cli.printing import as_json, note, table
from crossdock.cli.reach import DATA, JSON, with_desk

if TYPE_CHECKING:
    from crossdock.api.desk import Desk
    from crossdock.api.settlements import SettlementView
    from crossdock.store.reading_orders import OrderRow


def add(app: typer.Typer) -> None:
    app.command()(settlements)


def settlements(
    settlement: str = typer.Argument("", help="One settlement, by its key or its source's id; all when left out."),
    channel: str = typer.Option("", help="Only those of this channel connection."),
    limit: int = typer.Option(50, min=1, max=500, help="How many at most."),
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """List settlements, the newest first, or show one: its lines, what each was matched to, and what is off."""

    async def read(desk: "Desk") -> Any:
        from crossdock.api import settlements as reading

        if settlement:
            return await reading.settlement(desk, settlement)
        page = await reading.settlements(desk, channel or None, None, limit)
        if page.below is not None:
            note("There are more: narrow it, or raise --limit.")
        return page.settlements

    found = with_desk(data, read)
    if json:
        as_json(found)
    elif settlement:
        _print(found)
    else:
        _list(found)


def _list(found: "list[OrderRow]") -> None:
    columns = ("settlement", "key", "status", "deposit", "paid out", "why not finished")
    rows = [(s.label, s.key, s.status, f"{s.amount or ''} {s.currency or ''}", s.placed_at, s.reason) for s in found]
    table(columns, rows, "No settlements.")


def _print(view: "SettlementView") -> None:
    row = view.row
    typer.echo(f"{row.label or row.key}  {row.status}  {view.deposit:f} {view.currency}  ({row.key})")
    for problem in view.exceptions:
        typer.echo(f"  {problem.title}. {problem.hint}")
    if view.difference:
        typer.echo(f"  The lines come to {view.total:f}: {view.difference:+f} {view.currency} is not explained.")
    if view.posted_on is not None:
        documents = ", ".join(f"{kind} {id_}" for kind, id_ in view.document.items())
        typer.echo(f"  Posted on {view.posted_on}" + (f": {documents}" if documents else ""))
    typer.echo("")
    table(("posting", "lines", "amount"), [(p.posting, p.lines, f"{p.amount:f}") for p in view.postings], "No rows.")
    typer.echo("")
    rows = [
        (
            line.id,
            line.kind,
            f"{line.amount:f}",
            f"{line.fee:f}",
            line.status,
            line.to or line.order_id or "",
            line.told,
        )
        for line in view.lines
    ]
    table(("line", "kind", "amount", "fee", "matched", "to", "the source says"), rows, "No lines.")
