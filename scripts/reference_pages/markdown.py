"""Pages and tables in Markdown."""

from collections.abc import Iterable
from typing import Any

NOTE = "Made from {source} by `make docs`; do not edit."
Rows = Iterable[Iterable[object]]


def table(head: Iterable[str], rows: Rows) -> str:
    """A Markdown table."""
    columns = list(head)
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)])


def _cell(value: object) -> str:
    return "" if value is None else " ".join(str(value).split()).replace("|", "\\|")


def page(title: str, source: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", NOTE.format(source=source), *(part for part in parts if part)]) + "\n"


def words(value: Any) -> str:
    """An enumeration's value as people read it."""
    return str(value.value).replace("_", " ")
