"""Amazon's settlement report, flat file V2, as rows of text: tab separated, a header, then a row that sums it all up.

Source: report type ``GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2`` and its list of attributes
(developer-docs.amazon.com/sp-api/docs/report-type-values-settlement), read 2026-11-26. How dates and decimals are
written differs by marketplace and is not documented: ISO 8601, ``2026-03-17 05:23:19 UTC``,
``17.03.2026 05:23:19 UTC``; a decimal point, or a comma in European files.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from crossdock.domain.money import plausible
from crossdock.kit.manifest import Untranslatable

NEEDED = (
    "settlement-id", "deposit-date", "total-amount", "currency", "transaction-type", "order-id", "amount-type",
    "amount-description", "amount",
)  # fmt: skip
# Read where a file has them. A large seller's file has a hundred thousand rows: nothing else of them is touched.
READ = (
    *NEEDED, "settlement-start-date", "settlement-end-date", "fulfillment-id", "posted-date", "posted-date-time",
)  # fmt: skip
# Bytes. A report is read and decided within one transaction of the decider, which has 5 s; 30,000 rows (4.7 MB) took 2.
LARGEST = 8 * 1024 * 1024
_AMOUNT = re.compile(r"-?\d{1,15}(?:\.\d{1,6}|,\d{1,2})?\Z")
_SPACED = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d:\d\d:\d\d)(?: UTC)?\Z")
_DOTTED = re.compile(r"(\d\d)\.(\d\d)\.(\d{4}) (\d\d:\d\d:\d\d)(?: UTC)?\Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")

Row = Mapping[str, str]


def rows(body: bytes) -> Iterator[tuple[int, Row]]:
    """Each row that holds something, with its number in the file. Raises ``Untranslatable`` for another header, and
    for a file that is too large.

    Ids and amounts are ASCII in every marketplace's encoding, so a letter that is none of UTF-8 costs only that letter.
    """
    if len(body) >= LARGEST:
        said = f"The report has {LARGEST} bytes or more: about 50,000 rows are read at once."
        hint = "Enter it in the ERP by hand; ask Amazon for shorter settlement periods."
        raise Untranslatable("amazon.settlement_too_large", said, hint=hint)
    lines = body.decode("utf-8-sig", "replace").split("\n")
    header = [name.strip().lower() for name in lines[0].rstrip("\r").split("\t")]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        text = f"This is no settlement report, flat file V2: the columns {', '.join(missing)} are missing."
        raise Untranslatable("amazon.settlement_header", text, field=missing[0])
    places = [(name, header.index(name)) for name in READ if name in header]
    for number, line in enumerate(lines[1:], 2):
        if not line or line.isspace():
            continue
        cells = line.split("\t")
        width = len(cells)
        yield number, {name: cells[place].strip() for name, place in places if place < width}


def cell(row: Row, name: str) -> str:
    """The cell's text; empty where the row is shorter."""
    return row.get(name, "")


def amount(row: Row, name: str, number: int) -> Decimal:
    """An amount of money; raises ``Untranslatable`` naming the row."""
    text = cell(row, name)
    if not _AMOUNT.match(text) or not plausible(value := Decimal(text.replace(",", "."))):
        said = f"Row {number}: {name} is {text[:40]!r}, which is no amount."
        raise Untranslatable("amazon.settlement_amount", said, field=name)
    return value


@lru_cache(maxsize=2048)  # rows of one day repeat their instants
def instant(text: str) -> datetime | None:
    """An instant in any of the ways that Amazon writes one; None for another. A day alone is its noon in UTC, which is
    the same day for every company that is no more than 11 hours off."""
    try:
        if found := _SPACED.match(text):
            text = f"{found[1]}-{found[2]}-{found[3]}T{found[4]}+00:00"
        elif found := _DOTTED.match(text):
            text = f"{found[3]}-{found[2]}-{found[1]}T{found[4]}+00:00"
        elif _DAY.match(text):
            text = f"{text}T12:00:00+00:00"
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
