"""Goods that came back -> return authorisation and item receipt. Class UNIQUE: both carry external ids of ours.

NetSuite puts goods back by an item receipt, made out of a return authorisation, made out of the sales order. The
authorisation is closed at once: left *Pending Refund*, it would invite people to credit a second time what the
channel's refund credits already (``refund.credit``). Each row says whether it goes back into stock or is written off.
Sources: the REST record operations of ``salesOrder``, ``returnAuthorization`` and ``itemReceipt`` (2026.1); the
vendor's help on receiving a customer return.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from crossdock.connectors.netsuite.answers import Stopped
from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.documents import candidates_of, external_id, is_moved, line_ids, take
from crossdock.connectors.netsuite.mapping import posting_date
from crossdock.connectors.netsuite.proof import Unbookable
from crossdock.connectors.netsuite.sending import classified, is_taken
from crossdock.connectors.netsuite.wire import Authorisation, ItemReceipt, OrderLine, SalesOrder
from crossdock.domain.commands import PostReturn
from crossdock.domain.money import ZERO
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, Rejected
from crossdock.kit.manifest import Call, Result

APPROVED = {"id": "B"}  # Pending Receipt


def authorisation_id(command: PostReturn) -> str:
    return external_id(command.order_key, f"RA-{command.receipt_id}")


def receipt_id(command: PostReturn) -> str:
    return external_id(command.order_key, f"IR-{command.receipt_id}")


@classified
async def find_return(client: NetSuite, payload: PostReturn, call: Call) -> Result | None:
    """Our item receipt, if an earlier send made it and closed what it was made of."""
    there = await client.item_receipt(f"eid:{receipt_id(payload)}")
    known = await client.authorisation(f"eid:{authorisation_id(payload)}") if there is not None else None
    if there is None or known is None or _open(known):
        return None
    return Result(_differs(payload, there) or _done(known.id, there.id, repeated=True))


@classified
async def post_return(client: NetSuite, payload: PostReturn, call: Call) -> Result:
    """Authorise, receive, close: each only if it is not there yet: a repeat goes on where the last one ended."""
    known = await client.authorisation(f"eid:{authorisation_id(payload)}") or await _authorise(client, payload)
    key = f"eid:{receipt_id(payload)}"
    there = await client.item_receipt(key)
    if there is not None and (conflict := _differs(payload, there)) is not None:
        return Result(conflict)
    received = await _receive(client, payload, known, key) if there is None else there.id
    if _open(known):
        await client.patch_authorisation(known.id, render_closed(known))
    return Result(_done(known.id, received, repeated=there is not None))


async def _receive(client: NetSuite, payload: PostReturn, known: Authorisation, key: str) -> str:
    """The item receipt's internal id. Raises ``Stopped``."""
    try:
        document = render_receipt(payload, known, client.settings)
        return await client.transform(known.id, "itemReceipt", document, "returnAuthorization")
    except Stopped as stopped:
        there = await client.item_receipt(key) if is_taken(stopped) else None
        if there is None:
            raise stopped from None
        if (conflict := _differs(payload, there)) is not None:
            raise Stopped(conflict) from None
        return there.id


def _differs(payload: PostReturn, there: ItemReceipt) -> Conflict | None:
    """What else NetSuite has under the number: a database that lost time numbers anew, and may count differently."""
    units: dict[str, list[Decimal]] = {}
    for place, rows in enumerate(([*_wanted(payload)], [(line.item.id, line.quantity) for line in there.lines()])):
        for item, quantity in rows:
            units.setdefault(item, [ZERO, ZERO])[place] += quantity
    told = {
        item: {"came": str(ours), "netsuite": str(theirs)} for item, (ours, theirs) in units.items() if ours != theirs
    }
    if not told and all(line.restock in (None, payload.restock) for line in there.lines()):
        return None
    what = "put into stock" if payload.restock else "written off"
    detail = f"item receipt {there.id} has other goods than came back and are to be {what}"
    hint = "Compare the receipt with what the warehouse counted; correct it in NetSuite, then resolve."
    return Conflict("received_otherwise", detail, {"itemReceipt": there.id}, hint, {"differences": told})


def _wanted(payload: PostReturn) -> Iterator[tuple[str, Decimal]]:
    for one in payload.lines:
        yield payload.item_refs.get(one.sku or "", ""), one.quantity


async def _authorise(client: NetSuite, payload: PostReturn) -> Authorisation:
    """The return authorisation as NetSuite has it. Raises ``Stopped``."""
    order = await client.sales_order(payload.erp_ref, lines=True)
    if order is None:
        hint = "It was deleted or the role may not see it. Restore it, or post the return by hand and resolve."
        raise Stopped(
            Rejected("sales_order_gone", f"sales order {payload.erp_ref} is not in NetSuite", "erp_ref", hint)
        )
    document = render_authorisation(payload, order, client.settings)
    key = f"eid:{authorisation_id(payload)}"
    try:
        made = await client.transform(order.id, "returnAuthorization", document)
    except Stopped as stopped:
        known = await client.authorisation(key) if is_taken(stopped) else None
        if known is None:
            raise stopped from None
        return known
    known = await client.authorisation(made)
    if known is None:
        detail = f"return authorisation {made} made, NetSuite does not show it yet"
        raise Stopped(OutcomeUnknown(detail, "read_failed"))
    return known


def render_authorisation(command: PostReturn, order: SalesOrder, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The transform's body: the sales order's lines that come back, approved, on the day they came."""
    taken = _allot(command, order.lines(), line_ids(order, settings), order.id)
    return {
        "externalId": authorisation_id(command),
        "tranDate": posting_date(command.received_at, command.posted_on, settings),
        "orderStatus": APPROVED,
        "memo": f"{command.order_key} received back {command.receipt_id}",
        "item": {"items": [{"orderLine": line, "quantity": quantity} for line, quantity in sorted(taken.items())]},
    }


def render_receipt(command: PostReturn, known: Authorisation, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The transform's body. Lines not named would be received in full: every line of goods is named, received or not.

    What was not named of the sales order may have come along into the authorisation.
    """
    taken = _allot(command, known.lines(), {}, known.id)
    rows: list[dict[str, Any]] = []
    for line in known.lines():
        quantity = taken.get(line.line)
        if quantity is None and not is_moved(line):
            continue
        row: dict[str, Any] = {"orderLine": line.line, "itemReceive": quantity is not None}
        if quantity is not None:
            row |= {"quantity": quantity, "restock": command.restock}
        rows.append(row)
    return {
        "externalId": receipt_id(command),
        "tranDate": posting_date(command.received_at, command.posted_on, settings),
        "item": {"items": rows},
    }


def render_closed(known: Authorisation) -> dict[str, Any]:
    """Close every line that is still open: nothing more is received or credited out of it."""
    return {"item": {"items": [{"line": line.line, "isClosed": True} for line in known.lines() if not line.is_closed]}}


def _allot(
    command: PostReturn, lines: list[OrderLine], ids: Mapping[int, str | None], document: str
) -> dict[int, Decimal]:
    """Which lines the units belong to: by the line-id column where set, else by item. Raises ``Unbookable``."""
    left = {line.line: line.quantity for line in lines}
    taken: dict[int, Decimal] = {}
    for one in command.lines:
        candidates = candidates_of(one.line_id, command.item_refs.get(one.sku or ""), lines, ids)
        rest = take(one.quantity, candidates, left, taken)
        if rest:
            what = f"{one.quantity} of line {one.line_id} ({one.sku}) came back"
            detail = f"{what}, but document {document} has {one.quantity - rest} of it"
            hint = "Compare the document's lines with the order; post the return in NetSuite by hand, then resolve."
            raise Unbookable(Rejected("over_receipt", detail, f"lines[{one.line_id}]", hint))
    return taken


def _open(known: Authorisation) -> bool:
    return any(not line.is_closed for line in known.lines())


def _done(authorisation: str, received: str, *, repeated: bool) -> Done:
    return Done({"returnAuthorization": authorisation, "itemReceipt": received}, repeated=repeated)
