"""Amending a sales order of which nothing has left: only what differs is sent, in one transaction, and read back.

Where it is known what we wrote, lines that people changed meanwhile stay as they made them, and lines that the
channel changed too, otherwise, are a person's question (``merging``).

Lines are recognised by what they are for (the channel's line id, or the account and its text), so that a line that
stays keeps its number. The header's ETag, which every change of the order or of a line replaces, guards the whole:
where anybody, or an earlier send that was saved late, came between, nothing of it is done.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from crossdock.connectors.businesscentral import booking
from crossdock.connectors.businesscentral.addresses import header_amended
from crossdock.connectors.businesscentral.answers import decoded
from crossdock.connectors.businesscentral.client import LARGEST_BATCH, LINES, Ask, BusinessCentral
from crossdock.connectors.businesscentral.keys import stored_key
from crossdock.connectors.businesscentral.mapping import MARK, STEP, is_note, render_order
from crossdock.connectors.businesscentral.merging import merged
from crossdock.connectors.businesscentral.proof import Rendered, difference
from crossdock.connectors.businesscentral.sending import classified
from crossdock.connectors.businesscentral.wire import NO_GUID, OrderLine, SalesOrder
from crossdock.domain.commands import AmendBooking, BookOrder
from crossdock.domain.outcome import Conflict, Done
from crossdock.kit.manifest import Call, Result

Row = dict[str, Any]
_ACCOUNTS = ("tax", "channel_tax", "shipping", "tip", "duty", "fee", "gift_card", "rounding")
# In this order: a quantity named after the price would set the price from the price list again.
_FIELDS = (("quantity", "quantity"), ("taxCode", "tax_code"), ("unitPrice", "unit_price"))


class Plan(msgspec.Struct, frozen=True):
    """What is to be done to an order, and the order as it is then to stand."""

    rendered: Rendered
    asks: list[Ask]
    foreign: list[OrderLine]  # lines that other people added


@classified
async def amend(client: BusinessCentral, payload: AmendBooking, call: Call) -> Result:
    """Make the sales order what the channel now shows. A repeat finds nothing left to change."""
    wanted = BookOrder(payload.order, payload.customer_ref, payload.item_refs, payload.basis, payload.ship_method)
    rendered = render_order(wanted, client.settings)
    order = await client.sales_order(payload.erp_ref)
    if order is None:
        return await booking.gone(client, payload.order.key, payload.erp_ref)
    refs = {"salesOrder": order.id}
    if any(line.shipped_quantity or line.invoiced_quantity for line in order.lines):
        detail = f"sales order {order.number} is shipped or billed in part; it is not amended"
        return Result(Conflict("already_under_way", detail, refs))
    if payload.base is not None:
        wrote = msgspec.structs.replace(wanted, order=payload.base)
        base = render_order(wrote, client.settings)
        found = merged(base, rendered, order, client.settings, payload.prefer, payload.seen)
        if isinstance(found, Conflict):
            return Result(found)
        rendered = found.rendered
    made = plan(rendered, order, client.settings)
    if made.foreign and payload.base is None:
        what = ", ".join(f"{line.sequence} ({line.description})" for line in made.foreign)
        detail = f"sales order {order.number} has lines that Crossdock did not make: {what}"
        return Result(Conflict("booking_differs", f"{detail}. Amend it there by hand, then resolve.", refs))
    key = stored_key(payload.order.key, client.settings)
    header = {"externalDocumentNumber": key, **header_amended(wanted, client.settings)}
    whole = await _sent(client, order, header, made.asks)
    wrong = difference(made.rendered, whole)
    if wrong is not None:
        return Result(Conflict("booking_differs", f"{wrong.detail}. {wrong.hint}", refs))
    return Result(Done(refs, {"total": str(whole.total_amount_including_tax), "number": whole.number}))


async def _sent(client: BusinessCentral, order: SalesOrder, header: Row, asks: Sequence[Ask]) -> SalesOrder:
    """The order as it then stands. Up to 98 changes are done together or not at all."""
    path = f"salesOrders({order.id})"
    size = LARGEST_BATCH - 2
    for start in range(0, max(len(asks), 1), size):
        guard = Ask("PATCH", path, header, order.etag)
        parts = await client.together([guard, *asks[start : start + size], Ask("GET", f"{path}?{LINES}")])
        order = decoded(parts[-1].body, SalesOrder, wrote=True)
    return order


def plan(rendered: Rendered, order: SalesOrder, settings: Mapping[str, Any]) -> Plan:
    """Which lines stay, change, go and come. Pure."""
    there = _by_purpose(order)
    highest = max([MARK, *(line.sequence for line in order.lines)])
    rows, places, changed, added = [], {}, [], []
    for row in rendered.lines:
        place = rendered.places[row["sequence"]]
        known = there[_purpose(row)].pop(0) if there[_purpose(row)] else None
        if known is not None:
            row = {**row, "sequence": known.sequence}
            changed += _changed(order, known, row)
        else:
            if row["lineType"] != "Comment":  # those are known by their numbers
                highest += STEP
                row = {**row, "sequence": highest}
            added.append(Ask("POST", f"salesOrders({order.id})/salesOrderLines", row))
        rows.append(row)
        places[row["sequence"]] = place
    unasked = [line for lines in there.values() for line in lines]
    left = [line for line in unasked if line.line_type != "Comment"]
    foreign = [line for line in left if not _is_ours(line, settings)]
    noted = [line for line in unasked if line.line_type == "Comment" and is_note(line.sequence, line.description)]
    gone = [Ask("DELETE", _path(order, line), None, line.etag) for line in (*left, *noted)]
    standing = msgspec.structs.replace(rendered, lines=rows, places=places)
    return Plan(standing, [*gone, *changed, *added], foreign)


def _by_purpose(order: SalesOrder) -> dict[tuple[str, str], list[OrderLine]]:
    found: dict[tuple[str, str], list[OrderLine]] = defaultdict(list)
    for line in order.lines:
        if line.line_type == "Comment":
            found["Comment", str(line.sequence)].append(line)
        elif line.line_type == "Item":
            found["Item", line.description2].append(line)
        else:
            found["Account", f"{line.line_object_number} {line.description2} {line.description}"].append(line)
    return found


def _purpose(row: Mapping[str, Any]) -> tuple[str, str]:
    if row["lineType"] == "Comment":
        return "Comment", str(row["sequence"])
    if row["lineType"] == "Item":
        return "Item", row["description2"]
    return "Account", f"{row['lineObjectNumber']} {row.get('description2', '')} {row['description']}"


def _changed(order: SalesOrder, line: OrderLine, row: Mapping[str, Any]) -> list[Ask]:
    """What makes the line what it is to be; one of another item is replaced."""
    path = _path(order, line)
    if row["lineType"] == "Comment":
        text = row["description"]
        return [Ask("PATCH", path, {"description": text}, line.etag)] if line.description != text else []
    if _of_another_item(line, row):
        return [
            Ask("DELETE", path, None, line.etag),
            Ask("POST", f"salesOrders({order.id})/salesOrderLines", dict(row)),
        ]
    wanted = {name: row[name] for name, field in _FIELDS if row[name] != getattr(line, field)}
    if wanted or row["discountAmount"] != line.discount_amount:
        wanted |= {"unitPrice": row["unitPrice"], "discountAmount": row["discountAmount"]}
    return [Ask("PATCH", path, wanted, line.etag)] if wanted else []


def _of_another_item(line: OrderLine, row: Mapping[str, Any]) -> bool:
    if "itemId" in row:
        return line.item_id not in (row["itemId"], NO_GUID)
    return line.line_type == "Item" and line.line_object_number != str(row["lineObjectNumber"])


def _is_ours(line: OrderLine, settings: Mapping[str, Any]) -> bool:
    """Items carry the channel's line id; accounts are those of the settings."""
    if line.line_type == "Item":
        return bool(line.description2)
    return line.line_object_number in {str(settings.get(f"{name}_account") or "") for name in _ACCOUNTS}


def _path(order: SalesOrder, line: OrderLine) -> str:
    return f"salesOrders({order.id})/salesOrderLines({line.id})"
