"""Translation tables: ``tables/NAME.csv`` with the columns ``from`` and ``to`` (others are notes for people)."""

import csv
from collections.abc import Mapping
from pathlib import Path

from crossdock.governance.faults import Fault, nearest

Tables = Mapping[str, dict[str, str]]


def load_tables(folder: Path) -> tuple[Tables, list[Fault]]:
    """Every table of the folder by name, and what is wrong with them. No folder: no tables."""
    tables: dict[str, dict[str, str]] = {}
    faults: list[Fault] = []
    for file in sorted(folder.glob("*.csv")) if folder.is_dir() else ():
        tables[file.stem] = _load(file, faults)
    return tables, faults


def _load(file: Path, faults: list[Fault]) -> dict[str, str]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        faults.append(Fault(str(file), 0, f"The table cannot be read: {error}.", "Save it as UTF-8."))
        return {}
    rows = csv.DictReader(text.splitlines(), strict=True)
    try:
        return _rows(file, rows, faults)
    except csv.Error as error:
        faults.append(Fault(str(file), rows.line_num, f"This is not valid CSV: {error}."))
        return {}


def _rows(file: Path, rows: "csv.DictReader[str]", faults: list[Fault]) -> dict[str, str]:
    columns = [column.strip() for column in rows.fieldnames or ()]
    rows.fieldnames = columns
    for needed in ("from", "to"):
        if needed not in columns:
            right = f"The first line names the columns: from,to. {nearest(needed, columns, 'It has')}"
            faults.append(Fault(str(file), 1, f"There is no column '{needed}'.", right))
            return {}
    table: dict[str, str] = {}
    for row in rows:
        source, target = (row["from"] or "").strip(), (row["to"] or "").strip()
        if not source or not target:
            faults.append(Fault(str(file), rows.line_num, "A value is missing.", "Fill in both from and to."))
        elif source in table:
            faults.append(Fault(str(file), rows.line_num, f"'{source}' is given twice.", "Keep one of the lines."))
        else:
            table[source] = target
    return table
