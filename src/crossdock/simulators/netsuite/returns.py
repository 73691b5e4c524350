"""Sales order or invoice -> return authorisation -> item receipt: what the account takes back, and where it goes.

Lines that a body does not name come along whole. An item receipt takes no more than is authorised; a second
authorisation of the same goods is nobody's business but the people's.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from crossdock.simulators.netsuite.answers import user_error
from crossdock.simulators.netsuite.ledger import ZERO, Document, Ledger, Line
from crossdock.simulators.netsuite.transforms import NO_LINES, made_from, unused

Body = Mapping[str, Any]


def authorise(ledger: Ledger, order: Document, body: Body, now: datetime) -> Document:
    """What left of the order, or was billed by an invoice, of each line as much as is named of it."""
    external_id = unused(ledger, "returnAuthorization", body)
    named = _named(body, {line.line for line in order.lines})
    document = made_from(ledger, order, "returnAuthorization", "RMA", external_id, now)
    for line in order.lines:
        ships = line.stocked and order.type == "salesOrder"
        row, left = named.get(line.line), line.fulfilled if ships else line.quantity
        if row is None and not left:
            continue
        quantity = Decimal((row or {}).get("quantity", left))
        if quantity <= ZERO or quantity > left:
            raise user_error(f"{quantity} of line {line.line} cannot be returned, {left} left.", "quantity")
        document.lines.append(_copy(line, len(document.lines) + 1, quantity))
    if not document.lines:
        raise user_error(NO_LINES, "item")
    document.status = str((body.get("orderStatus") or {}).get("id", "A"))
    ledger.add(document)
    return document


def receive(ledger: Ledger, authorised: Document, body: Body, now: datetime) -> Document:
    """Take goods in: back into stock, unless a row says otherwise."""
    external_id = unused(ledger, "itemReceipt", body)
    if authorised.status in "ACH":
        raise user_error("The return is not approved or is closed.", "createdFrom")
    named = _named(body, {line.line for line in authorised.lines if line.stocked})
    document = made_from(ledger, authorised, "itemReceipt", "IR", external_id, now)
    for line in authorised.lines:
        row = named.get(line.line, {})
        if line.closed or not line.stocked or not row.get("itemReceive", True):
            continue
        quantity = Decimal(row.get("quantity", line.open))
        if quantity <= ZERO or quantity > line.open:
            raise user_error(
                f"Over receipt is not allowed: {quantity} of line {line.line}, {line.open} remain.", "quantity"
            )
        received = _copy(line, line.line, quantity)
        received.custom = {"restock": bool(row.get("restock", True))}
        document.lines.append(received)
        line.fulfilled += quantity
    if not document.lines:
        raise user_error(NO_LINES, "item")
    authorised.status, authorised.modified = status_of(authorised), now
    ledger.add(document)
    return document


def returned(ledger: Ledger, invoice: Document, now: datetime) -> Document:
    """What people do on an invoice's page: *Authorize Return*, then all of it is received. To credit it is left."""
    authorised = authorise(ledger, invoice, {"orderStatus": {"id": "B"}}, now)
    receive(ledger, authorised, {}, now)
    return authorised


def close(authorised: Document, body: Body, now: datetime) -> None:
    """Close the lines that are named."""
    rows = {int(row["line"]): row for row in (body.get("item") or {}).get("items", []) if "line" in row}
    unknown = set(rows) - {line.line for line in authorised.lines}
    if unknown:
        raise user_error(f"Invalid line {min(unknown)}.", "item.items")
    for line in authorised.lines:
        line.closed = bool(rows.get(line.line, {}).get("isClosed", line.closed))
    authorised.status, authorised.modified = status_of(authorised), now


def status_of(authorised: Document) -> str:
    """Of a return: B pending receipt, D partly received, F pending refund, H closed."""
    if all(line.closed for line in authorised.lines):
        return "H"
    if not any(line.fulfilled for line in authorised.lines):
        return authorised.status if authorised.status in "AB" else "B"
    return "F" if all(line.fulfilled >= line.quantity for line in authorised.lines) else "D"


def restocked(ledger: Ledger) -> dict[str, Decimal]:
    """Item -> units put back into stock, by receipts and by credit memos with lines of the item."""
    sums: dict[str, Decimal] = {}
    for document in (*ledger.of("itemReceipt"), *ledger.of("creditMemo")):
        for line in document.lines:
            if line.stocked and line.custom.get("restock", True):
                sums[line.item] = sums.get(line.item, ZERO) + line.quantity
    return sums


def books(ledger: Ledger) -> dict[str, Any]:
    """JSON-ready, beside the ledger's own."""
    return {
        "return_authorisations": [book(each, ledger.documents) for each in ledger.of("returnAuthorization")],
        "item_receipts": [book(each, ledger.documents) for each in ledger.of("itemReceipt")],
        "restocked": {item: str(quantity) for item, quantity in sorted(restocked(ledger).items())},
    }


def book(document: Document, documents: Mapping[str, Document]) -> dict[str, Any]:
    """A return authorisation or an item receipt of the books."""
    parent = documents.get(document.created_from or "")
    return {
        "id": document.id,
        "external_id": document.external_id,
        "from": parent.external_id if parent else None,
        "status": document.status,
        "lines": [
            {"item": line.item, "quantity": str(line.quantity), "restock": line.custom.get("restock", True)}
            for line in document.lines
        ],
    }


def _named(body: Body, known: set[int]) -> dict[int, Body]:
    named = {int(row["orderLine"]): row for row in (body.get("item") or {}).get("items", []) if "orderLine" in row}
    unknown = set(named) - known
    if unknown:
        raise user_error(f"Invalid order line {min(unknown)}.", "item.items")
    return named


def _copy(line: Line, number: int, quantity: Decimal) -> Line:
    return Line(line=number, item=line.item, type=line.type, quantity=quantity, rate=line.rate, amount=ZERO)
