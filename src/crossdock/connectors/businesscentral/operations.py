"""What Business Central can be asked to do. Making and posting are class SEARCHABLE, deleting absorbs its repeat.

The vendor gives up an operation after 8 and a request after 10 minutes, and may commit until then: so long nothing is
looked up, and a lease is longer still. (Vendor facts, limits.)
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, timedelta
from typing import Any, cast

import msgspec

from crossdock.connectors.businesscentral import booking
from crossdock.connectors.businesscentral.addresses import posting_date
from crossdock.connectors.businesscentral.amending import amend
from crossdock.connectors.businesscentral.answers import Stopped, decoded
from crossdock.connectors.businesscentral.client import Ask, BusinessCentral
from crossdock.connectors.businesscentral.credit_operations import credit, find_credit
from crossdock.connectors.businesscentral.keys import (
    invoice_mark,
    is_marked,
    shipment_mark,
    shipment_text,
    stored_key,
)
from crossdock.connectors.businesscentral.payments import find_payment, post_payment
from crossdock.connectors.businesscentral.polls import invoices_since
from crossdock.connectors.businesscentral.posting import (
    expanded,
    instant,
    posting,
    read_invoice,
    render_invoice,
    render_shipment,
)
from crossdock.connectors.businesscentral.repaying import find_repayment, pay
from crossdock.connectors.businesscentral.sending import classified, of_order, refused
from crossdock.connectors.businesscentral.settling import find_settlement, post_settlement
from crossdock.connectors.businesscentral.webhook import KIND
from crossdock.connectors.businesscentral.wire import Invoice, Invoices, SalesOrder, Shipment, Shipments
from crossdock.domain.commands import CloseBooking, MakeInvoice, PostShipment, ReadBack
from crossdock.domain.events import InvoiceSeen
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, Rejected, RetryLater
from crossdock.kit.manifest import Call, Follow, Operation, Repeat, Result, Unreachable, Untranslatable

NOTICE_OVERLAP = timedelta(seconds=5)  # of one change among several the latest may be told
SETTLE_S = 660.0  # the request's 10 minutes and a margin; the primary database has no search lag
LEASE_S = 900.0
TIMEOUT_S = 120.0

_Send = Callable[[BusinessCentral, Any, Call], Awaitable[Result]]
_LookUp = Callable[[BusinessCentral, Any, Call], Awaitable[Result | None]]


# -- shipments --------------------------------------------------------------------------------------------------


@classified
async def find_shipment(client: BusinessCentral, payload: PostShipment, call: Call) -> Result | None:
    """Our posted shipment, if an earlier send made it."""
    (body,) = await client.read(expanded("salesShipments", of_order(payload.order_key, client)))
    found = _marked_shipment(decoded(body, Shipments, wrote=False).value, payload)
    return None if found is None else Result(_shipped(found, repeated=True))


@classified
async def post_shipment(client: BusinessCentral, payload: PostShipment, call: Call) -> Result:
    """Record the goods leaving: post what the shipment holds, and invoice nothing."""
    if call.tries and (found := await find_shipment(client, payload, call)) is not None:
        return cast("Result", found)
    order = await client.sales_order(payload.erp_ref)
    if order is None:
        return await booking.gone(client, payload.order_key, payload.erp_ref)
    batches = render_shipment(payload, order, shipment_text(payload))
    reading = expanded("salesShipments", of_order(payload.order_key, client))
    try:
        day = posting_date(payload.shipment.shipped_at, payload.posted_on, client.settings)
        body = await _posted(client, order, batches, reading, day)
    except Stopped as stopped:
        return await refused(stopped, lambda: find_shipment(client, payload, call))
    made = _marked_shipment(decoded(body, Shipments, wrote=True).value, payload)
    if made is None:
        return Result(OutcomeUnknown("posted; the shipment is not shown yet", code="read_failed"))
    return Result(_shipped(made, repeated=False))


def _marked_shipment(shipments: list[Shipment], payload: PostShipment) -> Shipment | None:
    mark = shipment_mark(payload)
    return min((one for one in shipments if is_marked(one.sales_shipment_lines, mark)), key=_nth, default=None)


def _nth(posted: Shipment | Invoice) -> tuple[int, str]:
    """What people post afterwards carries the last mark too: the one with the lowest number is ours."""
    return len(posted.number), posted.number


def _shipped(shipment: Shipment, *, repeated: bool) -> Done:
    return Done({"salesShipment": shipment.id, "salesShipmentNumber": shipment.number}, repeated=repeated)


# -- invoices ---------------------------------------------------------------------------------------------------


@classified
async def find_invoice(client: BusinessCentral, payload: MakeInvoice, call: Call) -> Result | None:
    """Our posted invoice, if an earlier send made it."""
    (body,) = await client.read(expanded("salesInvoices", of_order(payload.order_key, client)))
    found = _marked_invoice(decoded(body, Invoices, wrote=False).value, payload)
    return None if found is None else Result(_invoiced(found, repeated=True))


@classified
async def make_invoice(client: BusinessCentral, payload: MakeInvoice, call: Call) -> Result:
    """Bill what is shipped and not yet billed, and tell what Business Central made of it."""
    if call.tries and (found := await find_invoice(client, payload, call)) is not None:
        return cast("Result", found)
    order = await client.sales_order(payload.erp_ref)
    if order is None:
        return await booking.gone(client, payload.order_key, payload.erp_ref)
    batches = render_invoice(order, invoice_mark(payload))
    if not batches:
        hint = "Was the shipment posted, or has somebody invoiced it there?"
        detail = f"sales order {order.number} has nothing shipped that is not invoiced"
        return Result(Rejected("nothing_to_invoice", detail, "erp_ref", hint))
    reading = expanded("salesInvoices", of_order(payload.order_key, client))
    try:
        day = posting_date(client.line.now(), payload.posted_on, client.settings)
        body = await _posted(client, order, batches, reading, day)
    except Stopped as stopped:
        return await refused(stopped, lambda: find_invoice(client, payload, call))
    made = _marked_invoice(decoded(body, Invoices, wrote=True).value, payload)
    if made is None:
        return Result(OutcomeUnknown("posted; the invoice is not shown yet", code="read_failed"))
    return Result(_invoiced(made, repeated=False))


def _marked_invoice(invoices: list[Invoice], payload: MakeInvoice) -> Invoice | None:
    mark = invoice_mark(payload)
    return min((one for one in invoices if is_marked(one.sales_invoice_lines, mark)), key=_nth, default=None)


def _invoiced(invoice: Invoice, *, repeated: bool) -> Done:
    facts = {"invoice": msgspec.to_builtins(read_invoice(invoice))}
    return Done({"invoice": invoice.id, "invoiceNumber": invoice.number}, facts, repeated)


async def _posted(
    client: BusinessCentral, order: SalesOrder, batches: list[list[Ask]], reading: str, day: date
) -> msgspec.Raw:
    """Send the batches, the posting of that day in the last of them; what reads it back."""
    for preparing in batches[:-1]:
        await client.together(preparing)
    last, posts = posting(order, batches[-1], reading, day)
    parts = await client.together(last, posts=posts)
    return parts[-1].body


# -- closing ----------------------------------------------------------------------------------------------------


@classified
async def close(client: BusinessCentral, payload: CloseBooking, call: Call) -> Result:
    """Delete the sales order: the API has no state "cancelled". What has left already cannot be deleted."""
    order = await client.sales_order(payload.erp_ref)
    if order is None:
        there = await booking.standing(client, stored_key(payload.order_key, client.settings))
        if there.posted:
            return booking.already_posted(there, payload.erp_ref)
        if there.orders:
            return booking.still_open(there, payload.erp_ref)
        return Result(Done({"salesOrder": payload.erp_ref}, repeated=True))
    refs = {"salesOrder": order.id}
    if any(line.shipped_quantity > line.invoiced_quantity for line in order.lines):
        detail = f"goods of sales order {order.number} were shipped and not invoiced; it cannot be deleted"
        return Result(Conflict("already_shipped", detail, refs))
    deleted = await client.delete_order(order)
    return Result(Done(refs, repeated=not deleted))


# -- notifications ----------------------------------------------------------------------------------------------


@classified
async def read_back(client: BusinessCentral, payload: ReadBack, call: Call) -> Result:
    """Read the invoices that changed since a notification's instant, and tell their orders. Changes nothing there."""
    if payload.kind != KIND:
        return Result(Rejected("read_unknown", f"there is nothing called {payload.kind!r} that is read back"))
    try:
        found = await invoices_since(client, instant(payload.external_id) - NOTICE_OVERLAP)
    except Untranslatable as error:
        return Result(Rejected(error.code, error.detail, "external_id"))
    except Unreachable as error:
        told = error.__cause__.outcome if isinstance(error.__cause__, Stopped) else None
        return Result(told or RetryLater(str(error), code="unreadable_answer"))
    events = ((key, InvoiceSeen(invoice, client.line.connection)) for key, invoice in found)
    return Result(Done(), tuple(Follow("order", key, event) for key, event in events))


def _searchable(purpose: str, title: str, send: _Send, look_up: _LookUp, cost: int) -> Operation:
    return Operation(purpose, title, Repeat.SEARCHABLE, send, look_up, SETTLE_S, LEASE_S, TIMEOUT_S, cost)


OPERATIONS: Mapping[str, Operation] = {
    operation.purpose: operation
    for operation in (
        _searchable(
            "order.book", "Book the sales order", classified(booking.book), classified(booking.find_booking), 3
        ),
        _searchable("shipment.post", "Post the shipment", post_shipment, find_shipment, 2),
        _searchable("invoice.make", "Make the invoice", make_invoice, find_invoice, 2),
        # An amendment names the ETag it read and sends only what differs: one that is saved late is refused whole.
        Operation("booking.amend", "Amend the sales order", Repeat.UNIQUE, amend, None, 0.0, LEASE_S, TIMEOUT_S, 2),
        _searchable("refund.credit", "Make the credit memo", credit, find_credit, 3),
        _searchable("payment.post", "Post the customer's payment", post_payment, find_payment, 2),
        _searchable("refund.pay", "Record that a refund was paid back", pay, find_repayment, 3),
        _searchable("settlement.post", "Post a settlement through a journal", post_settlement, find_settlement, 2),
        Operation("read_back", "Read changed invoices", Repeat.READ, read_back, None, 0.0, LEASE_S, TIMEOUT_S),
        Operation("booking.close", "Delete the sales order", Repeat.UNIQUE, close, None, 0.0, LEASE_S, TIMEOUT_S, 2),
    )
}
