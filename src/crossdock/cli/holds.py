"""Held orders: which rules hold them, and a release of many with a preview."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from crossdock.cli.printing import agree, as_json, note, table
from crossdock.cli.reach import DATA, JSON, REASON, YES, myself, with_desk

if TYPE_CHECKING:
    from crossdock.api.desk import Desk
    from crossdock.api.holds import BulkProgress, HoldGroup, HoldPreview
    from crossdock.store.bulk import BulkAct

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def add(app: typer.Typer) -> None:
    app.command()(holds)
    app.command()(release)


def holds(data: Path = DATA, json: bool = JSON) -> None:
    """List the rules that hold orders: how many, why, since when, and who may release them."""

    async def read(desk: "Desk") -> "list[HoldGroup]":
        from crossdock.api.holds import groups

        return await groups(desk, myself())

    found = with_desk(data, read)
    if json:
        as_json(found)
        return
    rows = [
        (g.held.n, g.held.rule, g.held.title.partition(": ")[2], g.when, g.keepers, g.held.oldest_at) for g in found
    ]
    columns = ("orders", "rule", "why", "holds an order when", "may be released by", "oldest")
    table(columns, rows, "No order is held.")


def release(
    rule: str = typer.Option("", "--rule", help="The rule, as `crossdock holds` names it."),
    channel: str = typer.Option("", help="Only orders of this channel connection."),
    older_than: str = typer.Option("", "--older-than", help="Only orders held for so long: 30m, 48h, 7d."),
    preview: bool = typer.Option(False, "--preview", help="Only say what it would do."),
    yes: bool = YES,
    resume: str = typer.Option("", "--resume", help="An act's id: go on with a release of yours that was cut off."),
    undo: str = typer.Option("", "--undo", help="An act's id: hold again what it released and is not booked yet."),
    reason: str = REASON,
    data: Path = DATA,
    json: bool = JSON,
) -> None:
    """Release the orders that a rule holds: one act, with a preview, that can be taken back until they are booked."""
    if len([one for one in (rule, undo, resume) if one]) != 1:
        raise typer.BadParameter("Say --rule, or --undo or --resume with an act's id.")
    if not rule:
        _told(with_desk(data, lambda desk: _undo(desk, undo, reason) if undo else _resume(desk, resume)), json)
        return

    async def look(desk: "Desk") -> "HoldPreview":
        from crossdock.api.holds import HoldFilter
        from crossdock.api.holds import preview as count

        return await count(desk, myself(), HoldFilter(rule, channel or None, _seconds(older_than)))

    shown = with_desk(data, look)
    if preview:
        as_json(shown) if json else _show(shown)
        return
    if not reason.strip() and (yes or not json):
        raise typer.BadParameter("Say why: --reason. To look only: --preview.")
    agree("Release them?", shown, lambda: _show(shown), yes=yes, json=json)
    _told(with_desk(data, lambda desk: _release(desk, shown, reason)), json)


async def _release(desk: "Desk", shown: "HoldPreview", reason: str) -> "BulkProgress":
    from crossdock.api.holds import BulkRelease
    from crossdock.api.holds import release as go

    wanted = BulkRelease(shown.rule, reason, shown.as_of, shown.upto, desk.unique(), shown.channel, shown.older_than_s)
    return await go(desk, myself(), wanted, _progress(shown))


def _progress(shown: "HoldPreview") -> Any:
    def told(act: "BulkAct") -> None:
        note(f"{act.told + act.changed + act.refused} of {shown.total}{' or more' if shown.more else ''}, act {act.id}")

    return told


async def _resume(desk: "Desk", act: str) -> "BulkProgress":
    from crossdock.api.holds import resume

    return await resume(desk, myself(), act, lambda at: note(f"{at.told + at.changed + at.refused}"))


async def _undo(desk: "Desk", act: str, reason: str) -> "BulkProgress":
    from crossdock.api.holds import undo

    return await undo(desk, myself(), act, reason)


def _show(shown: "HoldPreview") -> None:
    typer.echo(f"{shown.total}{' or more' if shown.more else ''} orders are held by {shown.rule}")
    rows = (
        ("will go on", shown.go_on),
        ("held by another rule too, stay held by that", shown.also_held),
        ("have another open exception", shown.stuck),
        ("changed meanwhile, left alone", shown.changed),
        ("not yours to release, left alone", shown.not_yours),
    )
    for words, count in rows:
        typer.echo(f"{count:8}  {words}")


def _told(done: "BulkProgress", json: bool) -> None:
    if json:
        as_json(done)
        return
    act = done.act
    typer.echo(f"{act.told} told, {act.changed} changed meanwhile, {act.refused} not yours; act {act.id}")
    if act.undone_at is not None:
        typer.echo(f"Taken back by {act.undone_by}: what is not booked yet is held again.")
    elif act.told:
        typer.echo(f"To take it back: crossdock release --undo {act.id} --reason …")


def _seconds(text: str) -> float | None:
    if not text:
        return None
    if text[-1] not in _UNITS or not text[:-1].strip().isdigit():
        raise typer.BadParameter(f"'{text}' is not a length of time. Write 30m, 48h or 7d.")
    return int(text[:-1]) * _UNITS[text[-1]]
