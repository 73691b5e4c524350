"""What comes back to a warehouse: what it was told to expect, what it says is there, and what became of that.

A warehouse tells a return as running totals, late, twice and out of order: the largest total of each row is kept, so
that the order of what was told does not matter. A number that is counted down later is a person's to correct.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from crossdock.domain.money import ZERO
from crossdock.domain.order import Order, OrderLine


class ReceivedRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Units of one product under one return. ``id``: the warehouse's own, the same in everything it tells of it."""

    id: str
    received: Decimal = ZERO
    restocked: Decimal = ZERO  # of those received: put back where they are sold from
    line_id: str | None = None  # None: the warehouse names no line of the order
    sku: str | None = None
    condition: str | None = None  # the warehouse's word


class Receipt(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A return as the warehouse has it. ``finished``: no more is expected of it, what is not restocked is written off.

    ``reference``: what we called it when we announced it, where the warehouse tells that.
    """

    id: str
    rows: tuple[ReceivedRow, ...] = ()
    reference: str | None = None
    finished: bool = False


class AnnouncedLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Units that a warehouse is to expect."""

    line_id: str
    quantity: Decimal
    sku: str | None = None
    title: str | None = None
    reason: str | None = None


class Received(msgspec.Struct, frozen=True, gc=False):
    """A receipt as joined so far. ``at``: when it last told more."""

    receipt: Receipt
    source: str
    at: datetime


class Announced(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a warehouse was last told of a return. ``number``: how often it was told; no lines: that none comes."""

    lines: tuple[AnnouncedLine, ...]
    target: str
    at: datetime
    number: int = 1


class Posted(msgspec.Struct, frozen=True, gc=False):
    """Units that the ERP was told of, by one command. ``restock``: into stock; else written off."""

    restock: bool
    lines: dict[str, Decimal]


class ReceiptTaken(msgspec.Struct, frozen=True, gc=False, tag="receipt_taken"):
    """A journal entry: the warehouse told more of a return. ``receipt``: joined with what was known."""

    receipt: Receipt
    source: str
    at: datetime


class ReturnAnnounced(msgspec.Struct, frozen=True, gc=False, tag="return_announced", omit_defaults=True):
    """A journal entry: the warehouse is told what to expect. No lines: it was told that none comes."""

    return_id: str
    lines: tuple[AnnouncedLine, ...]
    target: str
    at: datetime
    number: int = 1


class ReceiptPosted(msgspec.Struct, frozen=True, gc=False, tag="receipt_posted"):
    """A journal entry: the ERP is told of units that came back."""

    id: str
    restock: bool
    lines: dict[str, Decimal]
    at: datetime


class StockLeft(msgspec.Struct, frozen=True, gc=False, tag="stock_left"):
    """A journal entry: units of a refund that its credit memo does not put back into stock. A receipt does, or none."""

    refund_id: str
    lines: dict[str, Decimal]
    at: datetime


class ReturnTold(msgspec.Struct, frozen=True, gc=False, tag="return_told", omit_defaults=True):
    """A journal entry: the channel is told what came back. ``number``: how often it was told of this one."""

    receipt: str  # its key in the state
    content: Receipt
    number: int
    at: datetime
    return_id: str | None = None  # None: it was not known which return it is of


class Told(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the channel was last told of a receipt."""

    content: Receipt
    number: int
    return_id: str | None = None


class Tally(NamedTuple):
    """Units of one line: all that are there, those restocked, those written off. The rest is still looked at."""

    received: Decimal = ZERO
    restocked: Decimal = ZERO
    written_off: Decimal = ZERO


class Counted(NamedTuple):
    """What came back in all. ``unknown``: what the warehouse calls products that the order does not have."""

    lines: dict[str, Tally]
    unknown: tuple[str, ...]


def joined(one: Receipt | None, other: Receipt) -> Receipt:
    """Everything that two tellings of one return say together."""
    if one is None:
        return msgspec.structs.replace(other, rows=tuple(sorted(other.rows, key=lambda row: row.id)))
    rows = {row.id: row for row in one.rows}
    for row in other.rows:
        rows[row.id] = _joined_row(rows[row.id], row) if row.id in rows else row
    ordered = tuple(rows[id_] for id_ in sorted(rows))
    return Receipt(one.id, ordered, one.reference or other.reference, one.finished or other.finished)


def _joined_row(one: ReceivedRow, other: ReceivedRow) -> ReceivedRow:
    further = max(one, other, key=lambda row: (row.received, row.restocked, row.condition or ""))
    return ReceivedRow(
        one.id,
        max(one.received, other.received),
        max(one.restocked, other.restocked),
        one.line_id or other.line_id,
        one.sku or other.sku,
        further.condition or one.condition or other.condition,
    )


def is_there(receipt: Receipt) -> bool:
    """Whether anything of it has come."""
    return any(row.received > ZERO for row in receipt.rows)


def counted(order: Order, receipts: Iterable[Receipt], allowed: Mapping[str, Decimal]) -> Counted:
    """What came back of each line. Lines of one product are told apart by what may come back of each: a warehouse may
    know only the product."""
    found: dict[str, Tally] = {}
    unknown: list[str] = []
    for receipt in receipts:
        for row in receipt.rows:
            if row.received <= ZERO:
                continue
            lines = _lines_of(order, row)
            if not lines:
                unknown.append(row.sku or row.line_id or row.id)
                continue
            _spread(found, _units(row, receipt.finished), [line.id for line in lines], allowed)
    return Counted(found, tuple(dict.fromkeys(unknown)))


def by_line(order: Order, receipt: Receipt, allowed: Mapping[str, Decimal]) -> Receipt:
    """The receipt with a row for each line that its units belong to, where it is told otherwise. Goods that the order
    does not have stay as they are told."""
    found = counted(order, (receipt,), allowed).lines
    told: dict[str | None, Decimal] = {}
    for row in receipt.rows:
        if row.received > ZERO and _lines_of(order, row):
            told[row.line_id] = told.get(row.line_id, ZERO) + row.received
    if told == {line_id: tally.received for line_id, tally in found.items()}:
        return receipt
    skus = {line.id: line.sku for line in order.lines}
    own = (ReceivedRow(id_, tally.received, tally.restocked, id_, skus[id_]) for id_, tally in sorted(found.items()))
    others = (row for row in receipt.rows if not _lines_of(order, row))
    return msgspec.structs.replace(receipt, rows=(*own, *others))


def _lines_of(order: Order, row: ReceivedRow) -> list[OrderLine]:
    """The line that is named, and others of the same product."""
    named = [line for line in order.lines if line.id == row.line_id]
    sku = named[0].sku if named else row.sku
    return named + [line for line in order.lines if sku and line.sku == sku and line.id != row.line_id]


def _units(row: ReceivedRow, finished: bool) -> Tally:
    restocked = min(row.restocked, row.received)
    return Tally(row.received, restocked, row.received - restocked if finished else ZERO)


def _spread(found: dict[str, Tally], units: Tally, lines: list[str], allowed: Mapping[str, Decimal]) -> None:
    """Over the lines, as far as each allows; what none allows stays with the first."""
    for line_id in lines:
        room = allowed.get(line_id, ZERO) - found.get(line_id, Tally()).received
        part = _part(units, min(room, units.received))
        if part.received > ZERO:
            found[line_id] = _sum(found.get(line_id, Tally()), part)
            units = Tally(*(whole - taken for whole, taken in zip(units, part, strict=True)))
    if units.received > ZERO:
        found[lines[0]] = _sum(found.get(lines[0], Tally()), units)


def _part(units: Tally, quantity: Decimal) -> Tally:
    """So many of the units, restocked ones first."""
    restocked = min(units.restocked, quantity)
    return Tally(quantity, restocked, min(units.written_off, quantity - restocked))


def _sum(one: Tally, other: Tally) -> Tally:
    return Tally(*(mine + theirs for mine, theirs in zip(one, other, strict=True)))
