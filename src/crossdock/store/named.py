"""Loads the named statements of ``sql/*.sql``.

A statement begins with ``-- name: claim`` and one line ``-- what it does``, and runs to the next name. The files are
valid as pasted into psql.
"""

from collections.abc import Iterator
from importlib.resources import files


class Statements:
    """The statements of one file, by attribute: ``Statements("claims").claim``."""

    def __init__(self, noun: str, package: str = "crossdock.store") -> None:
        self._noun = noun
        self._by_name = _parse((files(package) / "sql" / f"{noun}.sql").read_text("utf-8"))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._by_name.items())

    def __getattr__(self, name: str) -> str:
        try:
            return self._by_name[name]
        except KeyError:
            raise AttributeError(f"sql/{self._noun}.sql has no statement {name!r}") from None


def _parse(text: str) -> dict[str, str]:
    statements: dict[str, str] = {}
    for block in text.split("-- name:")[1:]:
        name, described, *body = block.strip().splitlines()
        if not described.startswith("-- "):
            raise ValueError(f"statement {name.strip()!r} needs a line that says what it does")
        statements[name.strip()] = "\n".join(body).strip().rstrip(";")
    return statements
