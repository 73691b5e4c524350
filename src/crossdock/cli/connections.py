"""Pausing and resuming connections, what their settings do not map, and what was read of their masters."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from crossdock.cli.printing import as_json, table
from crossdock.cli.reach import CONFIG, DATA, JSON, myself, with_desk

if TYPE_CHECKING:
    from crossdock.api.acts import Done
    from crossdock.api.desk import Desk
    from crossdock.governance.mapped import Coverage
    from crossdock.store.reading_masters import ItemMaster, MasterCount


def add(app: typer.Typer) -> None:
    app.command()(pause)
    app.command()(resume)
    app.command()(unmapped)
    app.command()(masters)


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


def masters(
    sku: str = typer.Argument("", help="One SKU, with its prices and units; without it: how many masters are kept."),
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Tell what was read of the ERPs' items, customers, prices and units, and how long ago."""
    if sku:
        _item(sku, data, json)
        return

    async def read(desk: "Desk") -> "dict[str, list[MasterCount]]":
        from crossdock.store import reading_masters

        names = sorted(await desk.store.connections())
        return {name: found for name in names if (found := await reading_masters.counts(desk.pool, name))}

    found = with_desk(data, read)
    if json:
        as_json(found)
        return
    rows = [(name, one.kind, one.n, one.oldest_at, one.newest_at) for name, kept in found.items() for one in kept]
    table(("connection", "kind", "kept", "oldest", "newest"), rows, "No masters were read yet.")


def _item(sku: str, data: Path, json: bool) -> None:
    async def read(desk: "Desk") -> "list[ItemMaster]":
        from crossdock.store import reading_masters

        return await reading_masters.item(desk.pool, sku)

    found = with_desk(data, read)
    if json:
        as_json(found)
        return
    if not found:
        typer.echo(f"No system's masters have the SKU {sku}.")
    for one in found:
        state = "only its prices are known" if one.active is None else "active" if one.active else "inactive"
        units = ", ".join(f"{unit} = {rate}" for unit, rate in one.units.items()) or one.unit or "not told"
        typer.echo(f"{one.connection}: {one.title or sku}, {state}; units: {units}")
        tax = "tax included" if one.includes_tax else "without tax"
        rows = [
            (
                price.title or price.list or "own price",
                f"{price.least} {one.unit}".strip(),
                price.amount,
                price.currency,
            )
            for price in one.prices
        ]
        table(("list", "from", f"price, {tax}", "currency"), rows, "  no price was read")


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
