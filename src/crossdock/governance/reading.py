"""Turns marked YAML into typed values, collecting faults with their lines instead of stopping at the first."""

import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import msgspec

from crossdock.governance.faults import Fault, nearest
from crossdock.governance.marks import Marked, Path
from crossdock.governance.tables import Tables

T = TypeVar("T", bound=msgspec.Struct)

# What a setting of a connection may be, as people are told
KINDS: Mapping[type[Any], str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list: [one, two]",
    dict: "'name: value' lines, or table:NAME",
}
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^(\d+)\s*([smhd])$")
_TABLE = "table:"


class Reader:
    """Reads values at paths of one document."""

    def __init__(self, marked: Marked, tables: Tables) -> None:
        self._marked, self._tables = marked, tables
        self.faults: list[Fault] = []

    def fault(self, path: Path, wrong: str, right: str = "") -> None:
        self.faults.append(Fault(self._marked.file, self._marked.line(path), wrong, right))

    def at(self, path: Path) -> Any:
        """The value at a path; None where there is none."""
        value = self._marked.value
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int):
                value = value[step]
            else:
                return None
        return value

    def mapping(self, path: Path) -> dict[str, Any]:
        """A mapping; absent reads as empty, anything else is a fault."""
        value = self.at(path)
        if value is None or isinstance(value, dict):
            return value or {}
        self.fault(path, f"'{path[-1] if path else 'The file'}' must hold 'name: value' lines.")
        return {}

    def items(self, path: Path) -> int:
        """How many items a list has; absent is none, anything else is a fault."""
        value = self.at(path)
        if value is None or isinstance(value, list):
            return len(value or ())
        self.fault(path, f"'{path[-1]}' must be a list.", "Begin each item with '- '.")
        return 0

    def known(self, given: Mapping[str, Any], path: Path, known: Collection[str], what: str = "keys") -> None:
        """A fault for each key that is not known."""
        for key in given:
            if key not in known:
                self.fault((*path, key), f"'{key}' is not one of the {what} here.", nearest(key, known))

    def table_or(self, value: Any, path: Path) -> Any:
        """``table:NAME`` replaced by the translation table of that name, a fault where there is none; other values as
        they are."""
        if not _is_table(value):
            return value
        name = value.removeprefix(_TABLE)
        if name not in self._tables:
            right = nearest(name, self._tables, "Tables") or f"Write tables/{name}.csv with the columns from,to."
            self.fault(path, f"There is no table '{name}'.", right)
        return self._tables.get(name, {})

    def struct(
        self, kind: type[T], path: Path, without: Collection[str] = (), hidden: Collection[str] = (), **given: Any
    ) -> T | None:
        """Build a struct from the mapping at the path; None when a fault was noted.

        ``without``: keys that the caller reads itself; ``hidden``: fields that are not keys; ``given``: their values.
        """
        before, values = len(self.faults), self.mapping(path)
        fields = {f.name: f for f in msgspec.structs.fields(kind) if f.name not in hidden}
        self.known(values, path, {*fields, *without} - set(given))
        for name, field in fields.items():
            if name in given:
                continue
            if name in values and (values[name] is not None or not field.required):
                if values[name] is not None:
                    given[name] = self._convert(field.type, values[name], (*path, name))
            elif field.required:
                self.fault(path, f"'{name}' is missing.", f"Add '{name}: …'.")
        return kind(**given) if len(self.faults) == before else None

    def duration(self, path: Path) -> float | None:
        """Seconds from "90s", "30m", "48h" or "7d"; None where there is none."""
        value = self.at(path)
        if value is None:
            return None
        match = _DURATION.match(str(value))
        if match is None:
            self.fault(path, f"'{value}' is not a length of time.", "Write 90s, 30m, 48h or 7d.")
            return None
        return int(match[1]) * _UNITS[match[2]]

    def _convert(self, kind: Any, value: Any, path: Path) -> Any:
        tabled = _is_table(value)  # whose values are all text
        value = self.table_or(value, path)
        if isinstance(value, int) and not isinstance(value, bool) and "str" in str(kind) and kind is not Any:
            value = str(value)  # an unquoted 1042 where text is wanted
        try:
            return msgspec.convert(value, kind, strict=not (tabled or _is_number_text(value, kind)))
        except msgspec.ValidationError as error:
            shown = "this" if "secrets" in path else repr(value)
            self.fault(path, f"'{path[-1]}' cannot be {shown}: {error}.")
            return None


def _is_table(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(_TABLE)


def _is_number_text(value: Any, kind: Any) -> bool:
    return isinstance(value, str) and kind is float


def listed(text: str) -> list[str]:
    """A list that was written as text, with commas: never the text's letters one by one."""
    parts = (part.strip(" \"'") for part in text.strip().strip("[]").split(","))
    return [part for part in parts if part]
