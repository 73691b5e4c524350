"""Three ways to one: what we wrote, what the channel now wants, and what the ERP's people have made of it. Pure.

A document is its lines by key, a line its fields. A line that changed on one side only is that side's; one that both
changed alike is no question; one that both changed otherwise is a person's. Lines are taken whole: half of one side's
price and half of the other's quantity is what nobody wanted.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

CHANNEL, ERP = "channel", "erp"
SIDES = (CHANNEL, ERP)

Value = str | Decimal
Row = Mapping[str, Value]
Rows = Mapping[str, Row]  # a document's lines


class Clash(msgspec.Struct, frozen=True):
    """A line that both sides changed. None: the line is not there on that side."""

    key: str
    base: Row | None
    channel: Row | None
    erp: Row | None


class Merged(msgspec.Struct, frozen=True):
    """``rows``: the document that both want; where they clash, unless a side was chosen, as the ERP has it."""

    rows: dict[str, Row]
    clashes: tuple[Clash, ...] = ()
    kept: tuple[str, ...] = ()  # keys of lines that are other than the channel wants them


class MergeChosen(msgspec.Struct, frozen=True, gc=False, tag="merge_chosen", omit_defaults=True):
    """A person said whose lines count where both sides changed them. ``seen``: the clashes that the person saw."""

    prefer: str
    seen: str
    by: str
    at: datetime


class BookingWritten(msgspec.Struct, frozen=True, gc=False, tag="booking_written"):
    """The sales order is written without what these refunds took off the order; noted where there are any."""

    refunds: tuple[str, ...]
    at: datetime


def merge(base: Rows, channel: Rows, erp: Rows, prefer: str = "") -> Merged:
    """The lines that follow from three documents. ``prefer``: whose counts where both changed one."""
    rows: dict[str, Row] = {}
    clashes, kept = [], []
    for key in dict.fromkeys((*channel, *erp, *base)):
        was, ours, theirs = base.get(key), channel.get(key), erp.get(key)
        chosen = theirs
        if ours == theirs or theirs == was:
            chosen = ours
        elif ours != was:
            clashes.append(Clash(key, was, ours, theirs))
            chosen = ours if prefer == CHANNEL else theirs
        if chosen is not None:
            rows[key] = chosen
        if chosen != ours:
            kept.append(key)
    return Merged(rows, tuple(clashes), tuple(kept))


def print_of(clashes: tuple[Clash, ...]) -> str:
    """What tells these clashes from others, in a few letters: a person's choice is for what the person saw."""
    told = [(each.key, *map(_spelled, (each.base, each.channel, each.erp))) for each in clashes]
    return blake2b(msgspec.json.encode(sorted(told, key=lambda one: one[0])), digest_size=8).hexdigest()


def _spelled(row: Row | None) -> list[tuple[str, str]] | None:
    return None if row is None else sorted((name, text(value)) for name, value in row.items())


def text(value: Value) -> str:
    """A value for people, the same for 2, 2.0 and 2.00."""
    if isinstance(value, str):
        return value
    return f"{value.normalize():f}" if value else "0"


def told(clashes: tuple[Clash, ...]) -> list[dict[str, Any]]:
    """The clashes for people, field by field: only what the sides do not agree about."""
    found = []
    for clash in clashes:
        sides = {"base": clash.base, CHANNEL: clash.channel, ERP: clash.erp}
        names = dict.fromkeys(name for row in sides.values() for name in row or ())
        for name in names:
            values = {side: None if row is None else text(row.get(name, "")) for side, row in sides.items()}
            if len(set(values.values())) > 1:
                found.append({"line": clash.key, "field": name, **values})
    return found
