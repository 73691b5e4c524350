"""What Business Central can be asked to do. Making and posting are class SEARCHABLE, deleting absorbs its repeat.

The vendor gives up an operation after 8 and a request after 10 minutes, and may commit until then: so long nothing is
looked up, and a lease is longer still. (Vendor facts, limits.)
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import wraps
from typing import Any, cast

import msgspec

from crossdock.connectors.businesscentral import booking
from crossdock.connectors.businesscentral.answers import Stopped, decoded
from crossdock.connectors.businesscentral.client import Ask, BusinessCentral, quoted
from crossdock.connectors.businesscentral.keys import (
    invoice_mark,
    is_marked,
    shipment_mark,
    shipment_text,
    stored_key,
)
from crossdock.connectors.businesscentral.polls import invoices_since
from crossdock.connectors.businesscentral.posting import (
    expanded,
    instant,
    posting,
    read_invoice,
    render_invoice,
    render_shipment,
)
from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.connectors.businesscentral.webhook import KIND
from crossdock.connectors.businesscentral.wire import Invoice, Invoices, SalesOrder, Shipment, Shipments
from crossdock.domain.commands import CloseBooking, MakeInvoice, Payload, PostShipment, ReadBack
from crossdock.domain.events import InvoiceSeen
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, Rejected, RetryLater
from crossdock.kit.manifest import Call, Follow, Operation, Repeat, Result, Unreachable, Untranslatable

NOTICE_OVERLAP = timedelta(seconds=5)  # of one change among several the latest may be told
SETTLE_S = 660.0  # the request's 10 minutes and a margin; the primary database has no search lag
LEASE_S = 900.0
TIMEOUT_S = 120.0

_Send = Callable[[BusinessCentral, Any, Call], Awaitable[Result]]
_LookUp = Callable[[BusinessCentral, Any, Call], Awaitable[Result | None]]


def _classified(send: Any) -> Any:
    """Turn what ends an operation early into its result; NotSent and AnswerLost pass through."""

    @wraps(send)
    async def run(client: BusinessCentral, payload: Payload, call: Call) -> Result | None:
        try:
            found: Result | None = await send(client, payload, call)
        except (Stopped, Unbookable) as ended:
            return Result(ended.outcome)
        except Untranslatable as error:  # the document stands, but what is shown of it cannot be read
            return Result(OutcomeUnknown(detail=error.detail, code="read_failed"))
        return found

    return run


def _of_order(order_key: str, client: BusinessCentral) -> str:
    return f"externalDocumentNumber%20eq%20{quoted(stored_key(order_key, client.settings))}"


# -- shipments --------------------------------------------------------------------------------------------------


@_classified
async def find_shipment(client: BusinessCentral, payload: PostShipment, call: Call) -> Result | None:
    """Our posted shipment, if an earlier send made it."""
    (body,) = await client.read(expanded("salesShipments", _of_order(payload.order_key, client)))
    found = _marked_shipment(decoded(body, Shipments, wrote=False).value, payload)
    return None if found is None else Result(_shipped(found, repeated=True))


@_classified
async def post_shipment(client: BusinessCentral, payload: PostShipment, call: Call) -> Result:
    """Record the goods leaving: post what the shipment holds, and invoice nothing."""
    if call.tries and (found := await find_shipment(client, payload, call)) is not None:
        return cast("Result", found)
    order = await client.sales_order(payload.erp_ref)
    if order is None:
        return await _gone(client, payload.order_key, payload.erp_ref)
    batches = render_shipment(payload, order, shipment_text(payload))
    reading = expanded("salesShipments", _of_order(payload.order_key, client))
    try:
        body = await _posted(client, order, batches, reading)
    except Stopped as stopped:
        return await _refused(stopped, lambda: find_shipment(client, payload, call))
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


@_classified
async def find_invoice(client: BusinessCentral, payload: MakeInvoice, call: Call) -> Result | None:
    """Our posted invoice, if an earlier send made it."""
    (body,) = await client.read(expanded("salesInvoices", _of_order(payload.order_key, client)))
    found = _marked_invoice(decoded(body, Invoices, wrote=False).value, payload)
    return None if found is None else Result(_invoiced(found, repeated=True))


@_classified
async def make_invoice(client: BusinessCentral, payload: MakeInvoice, call: Call) -> Result:
    """Bill what is shipped and not yet billed, and tell what Business Central made of it."""
    if call.tries and (found := await find_invoice(client, payload, call)) is not None:
        return cast("Result", found)
    order = await client.sales_order(payload.erp_ref)
    if order is None:
        return await _gone(client, payload.order_key, payload.erp_ref)
    batches = render_invoice(order, invoice_mark(payload))
    if not batches:
        hint = "Was the shipment posted, or has somebody invoiced it there?"
        detail = f"sales order {order.number} has nothing shipped that is not invoiced"
        return Result(Rejected("nothing_to_invoice", detail, "erp_ref", hint))
    reading = expanded("salesInvoices", _of_order(payload.order_key, client))
    try:
        body = await _posted(client, order, batches, reading)
    except Stopped as stopped:
        return await _refused(stopped, lambda: find_invoice(client, payload, call))
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


async def _posted(client: BusinessCentral, order: SalesOrder, batches: list[list[Ask]], reading: str) -> msgspec.Raw:
    """Send the batches, the posting in the last of them; what reads it back."""
    for preparing in batches[:-1]:
        await client.together(preparing)
    last, posts = posting(order, batches[-1], reading)
    parts = await client.together(last, posts=posts)
    return parts[-1].body


async def _refused(stopped: Stopped, find: Callable[[], Awaitable[Result | None]]) -> Result:
    """A refusal, unless the document stands: older versions post a shipment, then fail for want of an invoice."""
    if isinstance(stopped.outcome, Rejected):
        found = await find()
        if found is not None:
            return found
    return Result(stopped.outcome)


# -- closing ----------------------------------------------------------------------------------------------------


@_classified
async def close(client: BusinessCentral, payload: CloseBooking, call: Call) -> Result:
    """Delete the sales order: the API has no state "cancelled". What has left already cannot be deleted."""
    order = await client.sales_order(payload.erp_ref)
    if order is None:
        there = await booking.standing(client, stored_key(payload.order_key, client.settings))
        if there.posted:
            return _already_posted(there, payload.erp_ref)
        return Result(Done({"salesOrder": payload.erp_ref}, repeated=True))
    refs = {"salesOrder": order.id}
    if any(line.shipped_quantity > line.invoiced_quantity for line in order.lines):
        detail = f"goods of sales order {order.number} were shipped and not invoiced; it cannot be deleted"
        return Result(Conflict("already_shipped", detail, refs))
    deleted = await client.delete_order(order)
    return Result(Done(refs, repeated=not deleted))


# -- notifications ----------------------------------------------------------------------------------------------


@_classified
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


async def _gone(client: BusinessCentral, order_key: str, ref: str) -> Result:
    """The order is not among the open ones: posted whole by somebody, or deleted."""
    there = await booking.standing(client, stored_key(order_key, client.settings))
    if there.posted:
        return _already_posted(there, ref)
    hint = "It was deleted or the application may not see it. Restore it, or cancel the order here."
    return Result(Rejected("sales_order_gone", f"sales order {ref} is not in Business Central", "erp_ref", hint))


def _already_posted(there: booking.Standing, ref: str) -> Result:
    detail = f"sales order {ref} was posted in Business Central: {', '.join(there.posted)}"
    return Result(Conflict("already_billed" if there.invoices else "already_shipped", detail, {"salesOrder": ref}))


def _searchable(purpose: str, title: str, send: _Send, look_up: _LookUp, cost: int) -> Operation:
    return Operation(purpose, title, Repeat.SEARCHABLE, send, look_up, SETTLE_S, LEASE_S, TIMEOUT_S, cost)


OPERATIONS: Mapping[str, Operation] = {
    operation.purpose: operation
    for operation in (
        _searchable(
            "order.book", "Book the sales order", _classified(booking.book), _classified(booking.find_booking), 3
        ),
        _searchable("shipment.post", "Post the shipment", post_shipment, find_shipment, 2),
        _searchable("invoice.make", "Make the invoice", make_invoice, find_invoice, 2),
        Operation("read_back", "Read changed invoices", Repeat.READ, read_back, None, 0.0, LEASE_S, TIMEOUT_S),
        Operation("booking.close", "Delete the sales order", Repeat.UNIQUE, close, None, 0.0, LEASE_S, TIMEOUT_S, 2),
    )
}
