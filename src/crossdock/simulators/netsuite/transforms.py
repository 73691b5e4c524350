"""Sales order -> item fulfilment, and -> invoice, with the account's rules about quantities and tax."""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crossdock.simulators.netsuite.answers import Refusal, bad_ref, user_error
from crossdock.simulators.netsuite.catalogue import LOCATIONS, SHIPS_FROM
from crossdock.simulators.netsuite.ledger import ZERO, Document, Ledger, Line
from crossdock.simulators.netsuite.sales import status_of

NO_LINES = "You must have at least one valid line item for this transaction."


def fulfil(ledger: Ledger, order: Document, body: Mapping[str, Any], now: datetime) -> Document:
    """Open stocked lines ship in full unless the body says otherwise. Only ship status C relieves stock."""
    external_id = unused(ledger, "itemFulfillment", body)
    shipped: list[tuple[Line, Decimal]] = []
    named = {int(row["orderLine"]): row for row in (body.get("item") or {}).get("items", []) if "orderLine" in row}
    unknown = set(named) - {line.line for line in order.lines if line.stocked}
    if unknown:
        raise user_error(f"Invalid order line {min(unknown)}.", "item.items")
    for line in order.lines:
        row = named.get(line.line, {})
        if not line.stocked or line.closed or not row.get("itemReceive", True):
            continue
        place = str((row.get("location") or {}).get("id", SHIPS_FROM))
        if place not in LOCATIONS:
            raise bad_ref("item.items.location", place)
        quantity = Decimal(row.get("quantity", line.open))
        if quantity > line.open:
            raise user_error(
                f"Over fulfillment is not allowed: {quantity} of line {line.line}, {line.open} remain.", "quantity"
            )
        if quantity > 0:
            shipped.append((line, quantity))
    if not shipped:
        raise user_error(NO_LINES, "item")
    packages = (body.get("package") or {}).get("items", [])
    if any(not package.get("packageWeight") for package in packages):
        raise user_error("Please enter value(s) for: Package Weight", "package.items")
    document = made_from(ledger, order, "itemFulfillment", "IF", external_id, now)
    document.lines = [_copy(line, quantity, ZERO) for line, quantity in shipped]
    document.header["tracking"] = [p["packageTrackingNumber"] for p in packages if p.get("packageTrackingNumber")]
    if (body.get("shipStatus") or {}).get("id") == "C":
        for line, quantity in shipped:
            line.fulfilled += quantity
    _touch(ledger, order, document, now)
    return document


def bill(ledger: Ledger, order: Document, body: Mapping[str, Any], now: datetime) -> Document:
    """Bill what is fulfilled and not billed; charges go on the first invoice, the last one takes what tax is left."""
    external_id = unused(ledger, "invoice", body)
    due = [(line, _billable(line)) for line in order.lines if not line.closed]
    due = [(line, quantity) for line, quantity in due if quantity > 0]
    if not any(line.stocked for line, _ in due) and any(line.stocked for line in order.lines):
        raise user_error(NO_LINES, "item")
    if not due:
        raise user_error(NO_LINES, "item")
    document = made_from(ledger, order, "invoice", "INV", external_id, now)
    earlier = ledger.bills_of(order)
    for line, quantity in due:
        document.lines.append(_billed_line(document, line, quantity, earlier))
        document.tax_details += _billed_tax(document, order, line, quantity, earlier)
        line.billed += quantity
    if not earlier:
        document.shipping = order.shipping
        shipping = order.header.get("shippingTaxDetailsReference")
        document.tax_details += [
            row for row in order.tax_details if shipping and row["taxDetailsReference"] == shipping
        ]
    document.status = "A"
    _touch(ledger, order, document, now)
    return document


def _billable(line: Line) -> Decimal:
    return (line.fulfilled if line.stocked else line.quantity) - line.billed


def _billed_line(document: Document, line: Line, quantity: Decimal, earlier: list[Document]) -> Line:
    if line.billed + quantity >= line.quantity:  # the last part takes what is left
        before = [row for invoice in earlier for row in invoice.lines if row.line == line.line]
        copied = _copy(line, quantity, line.tax - sum((row.tax for row in before), ZERO))
        copied.amount = line.amount - sum((row.amount for row in before), ZERO)
        return copied
    copied = _copy(line, quantity, document.round(line.tax * quantity / line.quantity))
    copied.amount = document.round(line.rate * quantity)
    return copied


def _billed_tax(
    document: Document, order: Document, line: Line, quantity: Decimal, earlier: list[Document]
) -> list[dict[str, Any]]:
    rows = []
    for index, row in enumerate(order.tax_details):
        if line.reference is None or row["taxDetailsReference"] != line.reference:
            continue
        if line.billed + quantity >= line.quantity:
            before = [r["taxAmount"] for invoice in earlier for r in invoice.tax_details if r.get("of") == index]
            amount = row["taxAmount"] - sum(before, ZERO)
        else:
            amount = (row["taxAmount"] * quantity / line.quantity).quantize(document.unit, ROUND_HALF_UP)
        rows.append({**row, "taxAmount": amount, "of": index})
    return rows


def _copy(line: Line, quantity: Decimal, tax: Decimal) -> Line:
    return Line(
        line=line.line,
        item=line.item,
        type=line.type,
        quantity=quantity,
        rate=line.rate,
        amount=line.amount,
        tax=tax,
        reference=line.reference,
    )


def unused(ledger: Ledger, kind: str, body: Mapping[str, Any]) -> str | None:
    """The external id that a body names; raises ``Refusal`` where one of that kind has it."""
    external_id = body.get("externalId")
    if external_id and ledger.find(kind, f"eid:{external_id}") is not None:
        raise Refusal(400, "DUP_RCRD", "This record already exists", "externalId")
    return external_id


def made_from(
    ledger: Ledger, parent: Document, kind: str, prefix: str, external_id: str | None, now: datetime
) -> Document:
    """An empty document made out of another, for the same customer in the same currency."""
    return Document(
        id=ledger.new_id(),
        type=kind,
        number=ledger.number(prefix),
        created=now,
        modified=now,
        external_id=external_id,
        entity=parent.entity,
        currency=parent.currency,
        created_from=parent.id,
    )


def _touch(ledger: Ledger, order: Document, document: Document, now: datetime) -> None:
    order.status = status_of(order, order.status)
    order.modified = now
    ledger.add(document)
