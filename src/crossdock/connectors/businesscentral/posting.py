"""Posting shipments and invoices out of a sales order, and finding the posted ones again.

The standard API has one verb, shipAndInvoice, which posts what the lines' shipQuantity and invoiceQuantity ask for. So
the quantities, a mark and the posting go in one transactional batch: nobody can come between them. The mark is the
description of the order's first line, which the posted document inherits: no other field of it can hold a reference.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crossdock.connectors.businesscentral.client import LARGEST_BATCH, Ask
from crossdock.connectors.businesscentral.mapping import MARK, NOT_SHIPPED
from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.connectors.businesscentral.wire import Invoice, OrderLine, SalesOrder
from crossdock.domain.commands import PostShipment
from crossdock.domain.fulfilment import Invoice as Billed
from crossdock.domain.money import ZERO
from crossdock.domain.outcome import Rejected
from crossdock.kit.manifest import Untranslatable

ACTION = "Microsoft.NAV.shipAndInvoice"


def render_shipment(command: PostShipment, order: SalesOrder, text: str) -> list[list[Ask]]:
    """Batches that ship what the shipment holds and invoice nothing; all but the last one only prepare."""
    taken = _allot(command, order)
    wanted = {line.id: (taken.get(line.id, ZERO), ZERO) for line in order.lines}
    return _batches(order, wanted, text)


def render_invoice(order: SalesOrder, text: str) -> list[list[Ask]]:
    """Batches that invoice what was shipped, and all of what needs no shipment. Empty: there is nothing to invoice."""
    wanted = {}
    for line in order.lines:
        ship = line.open if _billed_unshipped(line) else ZERO
        wanted[line.id] = (ship, ship + line.shipped_quantity - line.invoiced_quantity)
    return _batches(order, wanted, text) if any(bill for _, bill in wanted.values()) else []


def read_invoice(invoice: Invoice) -> Billed:
    return Billed(
        id=invoice.id,
        number=invoice.number,
        total=invoice.total_amount_including_tax,
        currency=invoice.currency_code,
        invoiced_at=instant(invoice.last_modified_date_time),
        tax=invoice.total_tax_amount,
    )


def instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError("no time zone")
    except (ValueError, OverflowError) as error:
        raise Untranslatable("bad_instant", f"not an instant: {text!r}", field="lastModifiedDateTime") from error
    return at


def _batches(order: SalesOrder, wanted: Mapping[str, tuple[Decimal, Decimal]], text: str) -> list[list[Ask]]:
    asks: list[Ask] = []
    for line in order.lines:
        if line.line_type != "Comment":
            asks += _quantities(_path(order, line), line, *wanted[line.id])
    asks += _mark(order, text)
    ahead = LARGEST_BATCH - 10  # room in the last batch for the posting and what reads it back
    return [asks[:ahead], *_rest(asks[ahead:], ahead)] if len(asks) > ahead else [asks]


def _rest(asks: list[Ask], size: int) -> Iterable[list[Ask]]:
    return (asks[start : start + size] for start in range(0, len(asks), size))


def _path(order: SalesOrder, line: OrderLine) -> str:
    return f"salesOrders({order.id})/salesOrderLines({line.id})"


def _quantities(path: str, line: OrderLine, ship: Decimal, bill: Decimal) -> list[Ask]:
    """Each by itself and in this order: setting shipQuantity makes Business Central set invoiceQuantity anew."""
    asks = []
    if line.ship_quantity != ship:
        asks.append(Ask("PATCH", path, {"shipQuantity": ship}, line.etag))
    if asks or line.invoice_quantity != bill:
        asks.append(Ask("PATCH", path, {"invoiceQuantity": bill}, "*" if asks else line.etag))
    return asks


def _mark(order: SalesOrder, text: str) -> list[Ask]:
    """What the posted document will be known by."""
    for line in order.lines:
        if line.sequence == MARK and line.line_type == "Comment":
            return [Ask("PATCH", _path(order, line), {"description": text}, line.etag)]
    body = {"sequence": MARK, "lineType": "Comment", "description": text}  # somebody has deleted it
    return [Ask("POST", f"salesOrders({order.id})/salesOrderLines", body)]


def _billed_unshipped(line: OrderLine) -> bool:
    """G/L accounts, and items that the channel says are not shipped."""
    return line.line_type == "Account" or line.description2.endswith(NOT_SHIPPED)


def _allot(command: PostShipment, order: SalesOrder) -> dict[str, Decimal]:
    """Which lines the shipped quantities belong to: by the channel's line id, else by item."""
    lines = [line for line in order.lines if line.line_type == "Item"]
    left = {line.id: line.open for line in lines}
    taken: dict[str, Decimal] = {}
    for shipped in command.shipment.lines:
        item = command.item_refs.get(shipped.sku or "")
        candidates = [line.id for line in lines if line.description2 == shipped.line_id[:50]]
        candidates = candidates or [line.id for line in lines if item in (line.item_id, line.line_object_number)]
        rest = _take(shipped.quantity, candidates, left, taken)
        if rest:
            what = f"shipment {command.shipment.id} of order {command.order_key}: line {shipped.line_id}"
            had = shipped.quantity - rest
            detail = f"{what} ({shipped.sku}): {shipped.quantity} shipped, sales order {order.number} has {had} open"
            hint = "Compare the sales order's lines with the shipment; correct the order there, then retry."
            raise Unbookable(Rejected("over_fulfilment", detail, f"lines[{shipped.line_id}]", hint))
    return taken


def _take(wanted: Decimal, candidates: Sequence[str], left: dict[str, Decimal], taken: dict[str, Decimal]) -> Decimal:
    for ref in candidates:
        part = min(wanted, left[ref])
        if part > 0:
            left[ref] -= part
            taken[ref] = taken.get(ref, ZERO) + part
            wanted -= part
    return wanted


def posting(order: SalesOrder, last: list[Ask], reading: str, day: date) -> tuple[list[Ask], int]:
    """The last batch with the posting and what reads it back, and the posting's place in it.

    What is posted takes the order's *Posting Date*, which may be changed while it is released: it is set in the same
    transaction, whatever posting it was last set for. That comes after the lines: in a foreign currency it brings
    another rate, which changes each of them, and the ETags that they were read with would be stale.
    Source: page 30028 "APIV2 - Sales Orders", read 2026-11-27.
    """
    asks = list(last)
    if order.posting_date != day.isoformat():
        asks.append(Ask("PATCH", f"salesOrders({order.id})", {"postingDate": day.isoformat()}, "*"))
    post = Ask("POST", f"salesOrders({order.id})/{ACTION}", {})
    return [*asks, post, Ask("GET", reading)], len(asks)


def expanded(kind: str, filter_: str) -> str:
    lines: Mapping[str, Any] = {"salesShipments": "salesShipmentLines", "salesInvoices": "salesInvoiceLines"}
    return f"{kind}?$filter={filter_}&$expand={lines[kind]}"
