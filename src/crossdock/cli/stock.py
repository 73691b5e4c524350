"""``stock``: what is there, what is promised, and how each published number was made."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crossdock.cli.printing import as_json, table, when
from crossdock.cli.reach import DATA, JSON, with_desk

if TYPE_CHECKING:
    from crossdock.api.desk import Desk
    from crossdock.store.reading_stock import StockPage, StockWhole


def add(app: typer.Typer) -> None:
    app.command()(stock)


def stock(
    sku: str = typer.Argument("", help="One SKU, with how each of its numbers was made; without it: all of them."),
    search: str = typer.Option("", "--search", "-s", help="Only SKUs that contain this."),
    after: str = typer.Option("", help="Go on after this SKU."),
    limit: int = typer.Option(50, min=1, max=500, help="How many at most."),
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Show stock: on hand, reserved, and what each channel was told; with a SKU, every term of every number."""
    if sku:
        _one(sku, data, json)
        return

    async def read(desk: "Desk") -> "StockPage":
        from crossdock.store import reading_stock

        return await reading_stock.page(desk.pool, search=search, after=after, limit=limit)

    found = with_desk(data, read)
    if json:
        as_json(found)
        return
    rows = [
        (
            x.sku,
            x.on_hand,
            x.committed,
            x.reserved,
            ", ".join(f"{s.place}: {s.told}" for s in x.shown),
            x.as_of,
            x.reason,
        )
        for x in found.lines
    ]
    table(("SKU", "on hand", "committed", "reserved", "told", "as of", "why not done"), rows, "No stock is known.")
    if found.after:
        typer.echo(f"There are more: --after {found.after}")


def _one(sku: str, data: Path, json: bool) -> None:
    async def read(desk: "Desk") -> "StockWhole":
        from crossdock.api.problems import Refusal
        from crossdock.store import reading_stock

        found = await reading_stock.one(desk.pool, sku)
        if found is None:
            raise Refusal("not_found", f"Nothing is known of the stock of '{sku}'.")
        return found

    whole = with_desk(data, read)
    if json:
        as_json(whole)
    else:
        _print(whole)


def _print(whole: "StockWhole") -> None:
    typer.echo(f"{whole.sku}  {whole.status}" + (f"  ({whole.reason})" if whole.reason else ""))
    rows = [(there.place, there.on_hand, there.committed, there.as_of) for there in whole.positions]
    table(("where", "on hand", "committed", "as of"), rows, "No position is known: nothing is published.")
    if whole.held:
        typer.echo("")
        held = [(h.order_key, h.channel, h.quantity, h.reserved_at, h.committed_at) for h in whole.held]
        table(("order", "channel", "reserved", "since", "in the ERP since"), held, "")
        if whole.held_more:
            typer.echo(f"More orders hold it: these are the oldest {len(held)}.")
    for place in whole.shown:
        at = f", told {when(place.told_at)}" if place.told_at else ""
        typer.echo(f"\n{place.place}: {place.status}, can sell {place.held}{at}, version {place.version}")
        terms = [(term["name"], f"{term['quantity']:+d}", term["source"], term["as_of"]) for term in place.terms]
        table(("term", "units", "whose word", "as of"), terms, "")
