"""What NetSuite can be asked to do. Every operation is class UNIQUE: each document carries an external id of ours.

A repeat looks by that id first, because a second PUT would reset lines that people have edited since, and because
transforms have no upsert at all.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import msgspec

from crossdock.connectors.netsuite.answers import Stopped
from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.deposits import apply_deposit, find_application, find_deposit, post_deposit
from crossdock.connectors.netsuite.documents import (
    CLOSED_STATES,
    external_id,
    fulfilment_id,
    invoice_id,
    read_invoice,
    render_amendment,
    render_as_booked,
    render_bill,
    render_closing,
    render_fulfilment,
)
from crossdock.connectors.netsuite.mapping import DEFAULT_CURRENCIES, render_order
from crossdock.connectors.netsuite.merging import chosen, header_only
from crossdock.connectors.netsuite.payments import find_customer_payment, post_payment
from crossdock.connectors.netsuite.receiving import find_return, post_return
from crossdock.connectors.netsuite.refund_operations import credit, find_credit, find_payment, pay
from crossdock.connectors.netsuite.sending import classified, is_taken, made_once, ours
from crossdock.connectors.netsuite.settling import find_settlement, post_settlement
from crossdock.connectors.netsuite.wire import SalesOrder
from crossdock.domain.commands import AmendBooking, BookOrder, CloseBooking, MakeInvoice, PostShipment
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, RateLimited, Rejected, RetryLater
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Call, Operation, Repeat, Result

_Send = Callable[[NetSuite, Any, Call], Awaitable[Result]]
_LookUp = Callable[[NetSuite, Any, Call], Awaitable[Result | None]]


@classified
async def find_booking(client: NetSuite, payload: BookOrder, call: Call) -> Result | None:
    """Our sales order, if an earlier send made it."""
    order = await client.sales_order(f"eid:{external_id(payload.order.key)}")
    return None if order is None else Result(_booked(order.id, payload, order))


@made_once(find_booking)
async def book(client: NetSuite, payload: BookOrder, call: Call) -> Result:
    """Create the sales order under our external id, after proving that its total will be the channel's."""
    made = await client.put_sales_order(external_id(payload.order.key), render_order(payload, client.settings))
    return Result(_booked(made, payload, None))


def _booked(internal_id: str, payload: BookOrder, found: SalesOrder | None) -> Done:
    facts: dict[str, Any] = {"total": str(payload.order.totals.total.on(payload.basis))}
    if found is not None:
        facts = {"total": str(found.total), "number": found.tran_id}
    return Done(refs={"salesOrder": internal_id}, facts=facts, repeated=found is not None)


@classified
async def amend(client: NetSuite, payload: AmendBooking, call: Call) -> Result:
    """Replace the lines of a sales order of which nothing is fulfilled or billed yet, unless people edited them."""
    order = await _existing(client, payload.erp_ref)
    state, refs = order.order_status.id if order.order_status else "", {"salesOrder": order.id}
    if state in CLOSED_STATES or any(line.quantity_fulfilled for line in order.lines()):
        word = CLOSED_STATES.get(state, "fulfilled in part")
        return Result(Conflict("already_under_way", f"sales order {order.id} is {word}; it is not amended", refs))
    document = render_amendment(payload, client.settings)
    if payload.base is None:
        await client.patch_sales_order(order.id, document, whole=True)
    elif (stopped := await _merged(client, payload, document, order)) is not None:
        return stopped
    return Result(Done(refs=refs, facts={"total": str(payload.order.totals.total.on(payload.basis))}))


async def _merged(
    client: NetSuite, payload: AmendBooking, document: dict[str, Any], order: SalesOrder
) -> Result | None:
    """Write what both sides want. Or what they do not agree about; or that it changed while we looked."""
    assert payload.base is not None
    written = render_as_booked(payload, payload.base, client.settings)
    choice = chosen(written, document, order, client.settings.get("line_field"), (payload.prefer, payload.seen))
    if isinstance(choice, Conflict):
        return Result(choice)
    if await client.order_modified(order.id) != order.last_modified_date:
        return Result(RetryLater(f"sales order {order.id} was changed while it was compared", 1.0, "changed_meanwhile"))
    changes = document if choice.lines else header_only(document)
    await client.patch_sales_order(order.id, changes, whole=choice.lines)
    return None


@classified
async def close(client: NetSuite, payload: CloseBooking, call: Call) -> Result:
    """Close the lines that are still open. There is no cancel verb in the API."""
    order = await _existing(client, payload.erp_ref)
    state = order.order_status.id if order.order_status else ""
    refs = {"salesOrder": order.id}
    if state == "G":
        return Result(Conflict("already_billed", f"sales order {order.id} is billed; it cannot be closed", refs))
    changes = render_closing(order)
    if state in CLOSED_STATES or not changes["item"]["items"]:
        return Result(Done(refs=refs, repeated=True))
    await client.patch_sales_order(order.id, changes)
    return Result(Done(refs=refs))


@classified
async def find_shipment(client: NetSuite, payload: PostShipment, call: Call) -> Result | None:
    """Our item fulfilment of this shipment, if an earlier send made it."""
    return await ours(client, "itemFulfillment", fulfilment_id(payload))


@made_once(find_shipment)
async def post_shipment(client: NetSuite, payload: PostShipment, call: Call) -> Result:
    """Record the goods leaving: transform the sales order into an item fulfilment in state Shipped."""
    order = await _existing(client, payload.erp_ref, lines=True)
    try:
        made = await client.transform(order.id, "itemFulfillment", render_fulfilment(payload, order, client.settings))
    except Stopped as stopped:
        if isinstance(stopped.outcome, Rejected) and not is_taken(stopped) and await _moved_on(client, order):
            # Two shipments of one item at once meant the same line: the refusal is about what was true before.
            return Result(RetryLater(f"sales order {order.id} was fulfilled meanwhile", 1.0, "changed_meanwhile"))
        raise
    return Result(Done(refs={"itemFulfillment": made}))


async def _moved_on(client: NetSuite, order: SalesOrder) -> bool:
    """Whether something else left since the order was read."""
    now = await _existing(client, order.id, lines=True)
    return [line.quantity_fulfilled for line in now.lines()] != [line.quantity_fulfilled for line in order.lines()]


@classified
async def find_invoice(client: NetSuite, payload: MakeInvoice, call: Call) -> Result | None:
    """Our invoice, if an earlier send made it."""
    body = await client.invoice(f"eid:{invoice_id(payload)}")
    return None if body is None else Result(_invoiced(client, body, repeated=True))


@made_once(find_invoice)
async def make_invoice(client: NetSuite, payload: MakeInvoice, call: Call) -> Result:
    """Bill what is fulfilled and not yet billed, then read number, total and tax of what NetSuite made."""
    try:
        document = render_bill(payload, client.line.now(), client.settings)
        made = await client.transform(payload.erp_ref, "invoice", document)
    except Stopped as stopped:
        return await _unbillable(client, payload, call, stopped)
    try:
        body = await client.invoice(made)
    except (Stopped, NotSent) as failed:
        # The invoice stands but could not be read: the repeat finds it by its external id.
        unread = OutcomeUnknown(detail=f"invoice {made} made, reading it failed: {failed}", code="read_failed")
        refused = failed.outcome if isinstance(failed, Stopped) else None
        return Result(unread, throttle_s=refused.after_s if isinstance(refused, RateLimited) else 0.0)
    if body is None:
        return Result(OutcomeUnknown(detail=f"invoice {made} made, NetSuite does not show it yet", code="read_failed"))
    return Result(_invoiced(client, body, repeated=False))


def _invoiced(client: NetSuite, body: Any, *, repeated: bool) -> Done:
    currencies: Mapping[str, str] = client.settings.get("currencies") or DEFAULT_CURRENCIES
    invoice = read_invoice(body, client.settings, currencies)
    return Done(
        refs={"invoice": body.id, "invoiceNumber": body.tran_id},
        facts={"invoice": msgspec.to_builtins(invoice)},
        repeated=repeated,
    )


async def _unbillable(client: NetSuite, payload: MakeInvoice, call: Call, stopped: Stopped) -> Result:
    """NetSuite's own people may have billed it: that is a conflict to look at, not bad data."""
    if isinstance(stopped.outcome, Rejected) and stopped.outcome.code == "user_error":
        order = await client.sales_order(payload.erp_ref)
        if order is not None and order.order_status is not None and order.order_status.id == "G":
            if (ours := await find_invoice(client, payload, call)) is not None:  # saved since we looked for it
                return cast("Result", ours)
            detail = f"sales order {order.id} is already billed in NetSuite, by an invoice that is not ours"
            return Result(Conflict("already_billed", detail, {"salesOrder": order.id}))
    raise stopped


async def _existing(client: NetSuite, ref: str, *, lines: bool = True) -> SalesOrder:
    order = await client.sales_order(ref, lines=lines)
    if order is None:
        hint = "It was deleted or the role may not see it. Restore it, or cancel the order here."
        raise Stopped(Rejected("sales_order_gone", f"sales order {ref} is not in NetSuite", "erp_ref", hint))
    return order


def _operation(purpose: str, title: str, send: _Send, look_up: _LookUp | None, settle_s: float = 0.0) -> Operation:
    # NetSuite itself gives up after 15 min; saves of 5 to 30 s are common, so the lease covers the slow ones.
    return Operation(purpose, title, Repeat.UNIQUE, send, look_up, settle_s, lease_s=180.0, timeout_s=60.0)


OPERATIONS: Mapping[str, Operation] = {
    operation.purpose: operation
    for operation in (
        # An upsert never doubles, but one that is saved late would open again what was closed meanwhile.
        _operation("order.book", "Book the sales order", book, find_booking, settle_s=30.0),
        # The same lines again are the same order; one that is saved late must undo nothing that came after it either.
        _operation("booking.amend", "Amend the sales order", amend, None, settle_s=30.0),
        _operation("booking.close", "Close the sales order", close, None),
        _operation("shipment.post", "Post the item fulfilment", post_shipment, find_shipment),
        _operation("invoice.make", "Make the invoice", make_invoice, find_invoice),
        _operation("refund.credit", "Make the credit memo", credit, find_credit),
        _operation("refund.pay", "Make the customer refund", pay, find_payment),
        _operation("return.post", "Receive goods that came back", post_return, find_return),
        _operation("payment.post", "Make the customer payment", post_payment, find_customer_payment),
        _operation("deposit.post", "Make the customer deposit", post_deposit, find_deposit),
        _operation("deposit.apply", "Apply the customer deposit to an invoice", apply_deposit, find_application),
        _operation("settlement.post", "Enter a settlement as a journal entry", post_settlement, find_settlement),
    )
}
