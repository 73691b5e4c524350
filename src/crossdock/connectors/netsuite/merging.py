"""What we wrote, what the channel wants and what people made of a sales order, line by line: see ``domain.merge``.

NetSuite has no version of a record to write against, and its REST API replaces the lines of an order whole, with their
tax details, or adds to them. So lines go through only where one side changed lines at all: the channel's, where people
changed none; the header alone, where the channel changed none. Where both did, even different lines, a person chooses.

A line's key is the channel's line id (setting ``line_field``), else its item, counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.connectors.netsuite.wire import OrderLine, SalesOrder
from crossdock.domain.merge import CHANNEL, SIDES, Clash, Row, Rows, print_of, told
from crossdock.domain.money import ZERO
from crossdock.domain.outcome import Conflict

HINT = (
    "NetSuite replaces an order's lines whole: compare them below, then merge. The channel's: all lines become what "
    "the channel shows. The ERP's: the lines stay as they are there."
)
LINES = frozenset({"item", "taxDetails", "taxDetailsOverride", "shippingCost", "shippingTaxDetailsReference"})
_SHIPPING = "shipping"


class Choice(msgspec.Struct, frozen=True):
    """``lines``: the channel's lines are written; else only the header is."""

    lines: bool


def chosen(
    written: Mapping[str, Any],
    wanted: Mapping[str, Any],
    order: SalesOrder,
    line_field: str | None,
    choice: tuple[str, str],
) -> Choice | Conflict:
    """Whose lines the order is to have. ``choice``: the side that a person prefers, and the differences it is for."""
    base, ours, theirs = _rows(written, line_field), _rows(wanted, line_field), _there(order, line_field)
    if order.shipping_cost is None:  # not shown: nothing can be said of it
        theirs[_SHIPPING] = base[_SHIPPING]
    if any(line.amount is None for line in order.lines()):
        base, ours, theirs = _without_amounts(base), _without_amounts(ours), _without_amounts(theirs)
    if theirs in (base, ours):
        return Choice(lines=theirs != ours)
    if ours == base:
        return Choice(lines=False)
    clashes = tuple(_clashes(base, ours, theirs))
    prefer, seen = choice
    if prefer in SIDES and seen == print_of(clashes):
        return Choice(lines=prefer == CHANNEL)
    detail = f"lines of sales order {order.tran_id or order.id} were edited there and in the channel"
    facts = {"differences": told(clashes), "seen": print_of(clashes)}
    return Conflict("edited_on_both_sides", detail, {"salesOrder": order.id}, HINT, facts)


def header_only(document: Mapping[str, Any]) -> dict[str, Any]:
    """The amendment without anything that is of lines or of their amounts."""
    return {name: value for name, value in document.items() if name not in LINES}


def _clashes(base: Rows, ours: Rows, theirs: Rows) -> list[Clash]:
    """Every line about which the three do not agree."""
    found = []
    for key in dict.fromkeys((*ours, *theirs, *base)):
        was, wanted, there = base.get(key), ours.get(key), theirs.get(key)
        if was != wanted or was != there:
            found.append(Clash(key, was, wanted, there))
    return found


def _rows(document: Mapping[str, Any], line_field: str | None) -> dict[str, Row]:
    rows = document["item"]["items"]
    keys = _keys([(row.get(line_field) if line_field else None, row["item"]["id"]) for row in rows])
    found = {key: _row(row["item"]["id"], row["quantity"], row["amount"]) for key, row in zip(keys, rows, strict=True)}
    return {**found, _SHIPPING: {"amount": document.get("shippingCost") or ZERO}}


def _there(order: SalesOrder, line_field: str | None) -> dict[str, Row]:
    lines = order.lines()
    marks: Sequence[str | None] = order.column(line_field) if line_field else [None] * len(lines)
    keys = _keys([(mark, line.item.id) for mark, line in zip(marks, lines, strict=True)])
    rows = {key: _row_there(line) for key, line in zip(keys, lines, strict=True)}
    return {**rows, _SHIPPING: {"amount": order.shipping_cost or ZERO}}


def _without_amounts(rows: Rows) -> dict[str, Row]:
    """Where a role may not see amounts, lines are told apart by item and quantity."""
    return {key: {name: value for name, value in row.items() if name != "amount"} for key, row in rows.items()}


def _row_there(line: OrderLine) -> Row:
    if line.is_closed:  # nothing of it is to come any more
        return _row(line.item.id, ZERO, ZERO)
    return _row(line.item.id, line.quantity, line.amount or ZERO)


def _row(item: str, quantity: Decimal, amount: Decimal) -> Row:
    return {"item": item, "quantity": Decimal(quantity), "amount": Decimal(amount)}


def _keys(named: Sequence[tuple[str | None, str]]) -> list[str]:
    seen: Counter[str] = Counter()
    keys = []
    for mark, item in named:
        key = str(mark) if mark else f"item {item}"
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key}, {seen[key]}.")
    return keys
