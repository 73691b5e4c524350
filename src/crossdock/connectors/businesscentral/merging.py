"""What we wrote, what the channel wants and what people made of a sales order, line by line: see ``domain.merge``.

A line's key is what it is for: the channel's line id, or the account and its text; lines for the same are counted.
Comments carry marks of ours and are always ours.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import InvalidOperation
from typing import Any

import msgspec

from crossdock.connectors.businesscentral.mapping import tax_rates
from crossdock.connectors.businesscentral.proof import Rendered, Unbookable, document_total
from crossdock.connectors.businesscentral.wire import NO_GUID, OrderLine, SalesOrder
from crossdock.domain.merge import Merged, Rows, merge, print_of, told
from crossdock.domain.money import minor_unit
from crossdock.domain.outcome import Conflict, Rejected

Row = dict[str, Any]
_THEIRS = 100_000_000  # above every number of ours: these rows stand already, and get their own number again
HINT = "Compare the lines below, then merge: take the channel's where both changed one, or keep the ERP's."


class Plan(msgspec.Struct, frozen=True):
    """The order as it is to stand. ``computed``: its total is not the channel's, because people changed it."""

    rendered: Rendered
    computed: bool


def merged(
    written: Rendered, wanted: Rendered, order: SalesOrder, settings: Mapping[str, Any], prefer: str, seen: str
) -> Plan | Conflict:
    """The order that both sides want, or what they do not agree about."""
    lines = {key: line for key, line in zip(_keys_there(order.lines), order.lines, strict=True) if key is not None}
    theirs = {key: _there(line) for key, line in lines.items()}
    base, ours = _rows(written, lines), _rows(wanted, lines)
    result = merge(base, ours, theirs, prefer)
    if result.clashes and (not prefer or seen != print_of(result.clashes)):
        return _conflict(order, result)
    return _plan(wanted, lines, result, settings)


def _conflict(order: SalesOrder, result: Merged) -> Conflict:
    lines = ", ".join(clash.key for clash in result.clashes)
    detail = f"sales order {order.number} was edited there too, otherwise than in the channel: {lines}"
    facts = {"differences": told(result.clashes), "seen": print_of(result.clashes)}
    return Conflict("edited_on_both_sides", detail, {"salesOrder": order.id}, HINT, facts)


def _plan(wanted: Rendered, lines: Mapping[str, OrderLine], result: Merged, settings: Mapping[str, Any]) -> Plan:
    comments = [row for row in wanted.lines if row["lineType"] == "Comment"]
    ours = {key: row for key, row in zip(_keys(wanted.lines), wanted.lines, strict=True) if key is not None}
    kept = set(result.kept)
    rows, places = [], {row["sequence"]: wanted.places[row["sequence"]] for row in comments}
    for nth, key in enumerate(result.rows):
        row = _as_it_stands(lines[key], _THEIRS + nth) if key in kept else ours[key]
        rows.append(row)
        places[row["sequence"]] = f"line {key} in Business Central" if key in kept else wanted.places[row["sequence"]]
    rendered = msgspec.structs.replace(wanted, lines=[*comments, *rows], places=places)
    if not kept:
        return Plan(rendered, False)
    return Plan(msgspec.structs.replace(rendered, total=_total(rendered, settings)), True)


def _total(rendered: Rendered, settings: Mapping[str, Any]) -> Any:
    """What Business Central will come to with people's lines in it. Raises ``Unbookable`` for a rate we do not know."""
    rates = {code: rate for rate, code in tax_rates(settings).items()}
    inclusive = bool(rendered.header["pricesIncludeTax"])
    try:
        return document_total(rendered.lines, rates, minor_unit(rendered.currency), inclusive=inclusive)
    except (KeyError, InvalidOperation) as error:
        detail = f"a line changed in Business Central has a tax code that `tax_codes` lacks: {error}"
        raise Unbookable(Rejected("setting_missing", detail, "tax_codes", "Add it, then retry.")) from error


def _as_it_stands(line: OrderLine, sequence: int) -> Row:
    by_id = line.item_id != NO_GUID
    return {
        "sequence": sequence,
        "lineType": line.line_type,
        "itemId" if by_id else "lineObjectNumber": line.item_id if by_id else line.line_object_number,
        "description": line.description,
        "description2": line.description2,
        "quantity": line.quantity,
        "taxCode": line.tax_code,
        "unitPrice": line.unit_price,
        "discountAmount": line.discount_amount,
    }


def _rows(rendered: Rendered, there: Mapping[str, OrderLine]) -> Rows:
    """Fields as the other side spells them: an item is named by id or by number, as the setting has it."""
    keyed = zip(_keys(rendered.lines), rendered.lines, strict=True)
    return {key: _ours(row, there.get(key)) for key, row in keyed if key is not None}


def _ours(row: Mapping[str, Any], there: OrderLine | None) -> Row:
    named = str(row.get("itemId") or row.get("lineObjectNumber") or "")
    if there is not None and (
        named in (there.item_id, there.line_object_number) or ("itemId" in row and there.item_id == NO_GUID)
    ):
        named = there.line_object_number
    return {
        "item": named,
        "quantity": row["quantity"],
        "unit price": row["unitPrice"],
        "discount": row["discountAmount"],
        "tax code": row["taxCode"],
    }


def _there(line: OrderLine) -> Row:
    return {
        "item": line.line_object_number,
        "quantity": line.quantity,
        "unit price": line.unit_price,
        "discount": line.discount_amount,
        "tax code": line.tax_code,
    }


def _keys(rows: Sequence[Mapping[str, Any]]) -> list[str | None]:
    named = ("lineType", "description2", "lineObjectNumber", "description")
    return _counted([tuple(str(row.get(name) or "") for name in named) for row in rows])


def _keys_there(lines: Sequence[OrderLine]) -> list[str | None]:
    told = [(line.line_type, line.description2, line.line_object_number, line.description) for line in lines]
    return _counted(told)


def _counted(told: Sequence[tuple[str, ...]]) -> list[str | None]:
    seen: Counter[str] = Counter()
    keys: list[str | None] = []
    for kind, mark, number, text in told:
        if kind == "Comment":
            keys.append(None)
            continue
        # An item that people added carries no line id of the channel's: its number says which it is.
        text = text.strip()
        key = (mark or f"item {number}") if kind == "Item" else f"{text} ({number}{f', {mark}' if mark else ''})"
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key}, {seen[key]}.")
    return keys
