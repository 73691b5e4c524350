"""What commands print: a table or plain lines for people, JSON for programs."""

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer

PIPED = 200  # columns when nobody's terminal says how wide it is


def error(text: str) -> None:
    """One paragraph on standard error."""
    typer.echo(f"crossdock: {text}", err=True)


def note(text: str) -> None:
    """Progress and remarks: standard error, so that data stays clean."""
    typer.echo(text, err=True)


def as_json(value: Any) -> None:
    """JSON-ready data on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode() + "\n")


def as_it_is(content: bytes) -> None:
    """A file's very bytes on standard output: what is signed must not be written anew."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def agree(question: str, preview: Any, show: Callable[[], None], *, yes: bool, json: bool) -> None:
    """Before many things are changed: say what it would be, and ask. A program is not asked: it says ``yes``, or gets
    the preview and exit code 1."""
    if yes:
        return
    if json:
        as_json(preview)
        note("Nothing was done: this is what it would be. To do it, add --yes.")
        raise typer.Exit(1)
    show()
    typer.confirm(question, abort=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """A table as wide as the terminal, or a sentence when there is nothing."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    filled = [[Text(_text(cell)) for cell in row] for row in rows]  # Text: brackets in data are not markup
    if not filled:
        typer.echo(empty)
        return
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in filled:
        shown.add_row(*row)
    Console(width=None if sys.stdout.isatty() else PIPED).print(shown)


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    return when(cell) if isinstance(cell, datetime) else str(cell)


def when(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
