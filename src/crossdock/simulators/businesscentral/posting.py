"""Posting a sales order: what of it is to be shipped and invoiced becomes posted documents; a whole one is gone.

They take the order's *Posting Date*, which must be a day that may be posted on.

Source: the vendor's published page of sales orders (its action answers with the order where nothing was invoiced) and
its posting rules: each half happens where a quantity asks for it, and without any there is nothing to post.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from crossdock.simulators.businesscentral.answers import dialog
from crossdock.simulators.businesscentral.catalogue import Customer, Item
from crossdock.simulators.businesscentral.ledger import ZERO, Document, Ledger, Line
from crossdock.simulators.businesscentral.stock import SALE, move

NOTHING = "There is nothing to post because the document does not contain a quantity or amount."


def ship_and_invoice(
    ledger: Ledger, order: Document, items: dict[str, Item], customers: dict[str, Customer], now: datetime
) -> bool:
    """Post what the lines say is to be shipped and invoiced. Whether there was something to invoice."""
    priced = [line for line in order.lines if line.kind != "Comment"]
    ships = any(line.to_ship for line in priced)
    invoices = any(line.to_invoice for line in priced)
    if not (ships or invoices):
        raise dialog(NOTHING)
    _may_post(order, priced, items, customers)
    ledger.may_post_on(order.day, f"Sales Header Document Type='Order',No.='{order.number}'")
    if ships:
        _ship(ledger, order, items, now)
    if invoices:
        _invoice(ledger, order, now)
    for line in order.lines:
        line.shipped += line.to_ship
        line.invoiced += line.to_invoice
        line.start_over()
    order.status = "Open"  # what people call released
    if all(line.invoiced >= line.quantity for line in priced):
        ledger.remove(order)
    else:
        ledger.touch(order, now, order.lines)
    return invoices


def _may_post(order: Document, priced: list[Line], items: dict[str, Item], customers: dict[str, Customer]) -> None:
    if any(not line.quantity for line in priced):
        raise dialog("You must specify a quantity on each line before posting.")
    if customers[order.customer].blocked != " ":
        raise dialog(f"You cannot post this document when Customer {customers[order.customer].number} is blocked.")
    blocked = [line.number for line in priced if line.kind == "Item" and items[line.object_id].blocked]
    if blocked:
        raise dialog(f"Blocked must be equal to 'No' in Item: No.={blocked[0]}. Current value is 'Yes'.")


def _ship(ledger: Ledger, order: Document, items: dict[str, Item], now: datetime) -> None:
    """Every line stands on the posted shipment, those that did not ship with quantity 0."""
    shipment = _posted(ledger, order, "salesShipment", "SHP", now)
    for line in order.lines:
        shipment.lines.append(_copied(ledger, line, line.to_ship, line.discount))
        if line.kind == "Item":
            move(ledger, items[line.object_id], -line.to_ship, SALE, shipment.number, now)
    ledger.add(shipment)


def _invoice(ledger: Ledger, order: Document, now: datetime) -> None:
    invoice = _posted(ledger, order, "salesInvoice", "INV", now)
    for line in order.lines:
        if line.kind != "Comment" and not line.to_invoice:
            continue
        share = line.to_invoice / line.quantity if line.quantity else ZERO
        invoice.lines.append(_copied(ledger, line, line.to_invoice, order.round(line.discount * share)))
    if invoice.total < 0:
        raise dialog("The total amount for the invoice must be 0 or greater.")
    invoice.status = "Open"
    ledger.add(invoice)


def _posted(ledger: Ledger, order: Document, kind: str, prefix: str, now: datetime) -> Document:
    return Document(
        id=ledger.new_id(kind),
        kind=kind,
        number=ledger.number(prefix),
        created=now,
        modified=now,
        external=order.external,
        customer=order.customer,
        currency=order.currency,
        inclusive=order.inclusive,
        status="",
        order_id=order.id,
        order_number=order.number,
        header={**order.header, "postingDate": order.day.isoformat()},
        version=ledger.version(),
    )


def _copied(ledger: Ledger, line: Line, quantity: Decimal, discount: Decimal) -> Line:
    return msgspec.structs.replace(
        line,
        id=ledger.new_id("line"),
        quantity=quantity,
        discount=discount,
        to_ship=ZERO,
        to_invoice=ZERO,
        shipped=ZERO,
        invoiced=ZERO,
        version=ledger.version(),
    )
