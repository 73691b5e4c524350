"""Booking: a header, then its lines in one transaction, read back to the cent. Looked for first, always.

Business Central does not mind a second order with our number, so the header is only made where no sales order, invoice
or shipment carries it: a posted order is gone from the sales orders. A header whose lines are missing is ours, half
made, and is completed: lines have numbers of ours, which it does refuse to have twice. What does not come to the
channel's total is taken back while it is certain that nobody else has touched it; else a person decides.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from crossdock.connectors.businesscentral.answers import Stopped, decoded
from crossdock.connectors.businesscentral.client import (
    LARGEST_BATCH,
    LINES,
    Ask,
    BusinessCentral,
    already_there,
    quoted,
)
from crossdock.connectors.businesscentral.keys import stored_key
from crossdock.connectors.businesscentral.mapping import render_order
from crossdock.connectors.businesscentral.proof import NOTE, Rendered, Unbookable, difference
from crossdock.connectors.businesscentral.wire import (
    NO_GUID,
    Invoice,
    Invoices,
    Orders,
    SalesOrder,
    Shipment,
    Shipments,
)
from crossdock.domain.commands import BookOrder
from crossdock.domain.outcome import Conflict, Done, Outcome, OutcomeUnknown, Rejected, RetryLater
from crossdock.kit.manifest import Call, Result


class Standing(msgspec.Struct, frozen=True):
    """Everything in Business Central that carries one external document number."""

    orders: list[SalesOrder]
    invoices: list[Invoice]
    shipments: list[Shipment]

    @property
    def posted(self) -> list[str]:
        """The numbers of posted documents."""
        return [invoice.number for invoice in self.invoices] + [shipment.number for shipment in self.shipments]


async def standing(client: BusinessCentral, key: str) -> Standing:
    """What carries the number: open, invoiced and shipped, read together."""
    where = f"$filter=externalDocumentNumber%20eq%20{quoted(key)}"
    orders, invoices, shipments = await client.read(
        f"salesOrders?{where}&{LINES}", f"salesInvoices?{where}", f"salesShipments?{where}"
    )
    return Standing(
        decoded(orders, Orders, wrote=False).value,
        decoded(invoices, Invoices, wrote=False).value,
        decoded(shipments, Shipments, wrote=False).value,
    )


async def find_booking(client: BusinessCentral, payload: BookOrder, call: Call) -> Result | None:
    """Our sales order where an earlier send made it whole; None where there is none, or only half of one."""
    there = await standing(client, stored_key(payload.order.key, client.settings))
    found = _settled(there)
    if found is not None or not there.orders:
        return found
    rendered = _rendered(payload, client)
    if isinstance(rendered, Unbookable):
        return _unprovable(there.orders[0], rendered)
    return None if _missing(rendered, there.orders[0]) else _compared(rendered, there.orders[0], repeated=True)


async def book(client: BusinessCentral, payload: BookOrder, call: Call) -> Result:
    """Make the sales order, or complete what an earlier send began."""
    rendered = _rendered(payload, client)
    if isinstance(rendered, Unbookable) and not call.tries:
        raise rendered  # nothing is sent, not even a question, for what cannot be booked
    there = await standing(client, stored_key(payload.order.key, client.settings))
    found = _settled(there)
    if found is not None:
        return found
    if isinstance(rendered, Unbookable):
        if there.orders:
            return _unprovable(there.orders[0], rendered)
        raise rendered
    if not there.orders:
        return await _complete(client, rendered, await client.create_order(rendered.header), made=True)
    if _missing(rendered, there.orders[0]):
        return await _complete(client, rendered, there.orders[0], made=False)
    return _compared(rendered, there.orders[0], repeated=True)


def _settled(there: Standing) -> Result | None:
    """What is decided without a look at lines: more than one order, or none but posted documents."""
    if len(there.orders) > 1:
        numbers = ", ".join(order.number for order in there.orders)
        detail = f"sales orders {numbers} carry the same external document number: delete all but one, then retry"
        refs = {f"salesOrder{n}": order.id for n, order in enumerate(there.orders, 1)}
        return Result(Conflict("doubled", detail, refs))
    if there.orders or not there.posted:
        return None
    for invoice in there.invoices:
        if invoice.order_number:  # posted whole: the order is gone, and was there
            ref = invoice.order_number if invoice.order_id == NO_GUID else invoice.order_id
            return Result(Done({"salesOrder": ref}, {"number": invoice.order_number}, repeated=True))
    number = there.posted[0]
    detail = f"{number} carries the order's external document number, and there is no sales order to it"
    return Result(Conflict("already_posted", detail, {"document": number}))


def _rendered(payload: BookOrder, client: BusinessCentral) -> Rendered | Unbookable:
    try:
        return render_order(payload, client.settings)
    except Unbookable as refused:
        return refused


def _unprovable(order: SalesOrder, refused: Unbookable) -> Result:
    detail = f"sales order {order.number} is there, and can no longer be compared: {refused.outcome.detail}"
    return Result(Conflict("booking_differs", detail, {"salesOrder": order.id}))


def _missing(rendered: Rendered, order: SalesOrder) -> list[dict[str, Any]]:
    """The lines that it lacks. One that lacks only the customer's note is whole: people may have taken that out."""
    there = {line.sequence for line in order.lines}
    missing = [line for line in rendered.lines if line["sequence"] not in there]
    return [] if all(rendered.places[line["sequence"]] == NOTE for line in missing) else missing


async def _complete(client: BusinessCentral, rendered: Rendered, order: SalesOrder, *, made: bool) -> Result:
    """Add the lines that are not there, then compare the whole. ``made``: by this very call."""
    try:
        whole = await _add(client, order, _missing(rendered, order))
    except Stopped as stopped:
        if isinstance(stopped.outcome, Rejected) and not already_there(stopped):
            return await _taken_back(client, rendered, order, stopped.outcome)
        if not already_there(stopped):
            raise
        # A line of ours was saved late, since we looked: all that we sent with it was undone. Read what stands now.
        whole = await _read(client, order)
    if _missing(rendered, whole):
        raise Stopped(RetryLater(f"sales order {order.number} has not all of its lines yet", code="half_made"))
    wrong = difference(rendered, whole)
    if wrong is not None and made:
        return await _taken_back(client, rendered, whole, wrong)
    return _compared(rendered, whole, repeated=not made)


async def _add(client: BusinessCentral, order: SalesOrder, lines: Sequence[dict[str, Any]]) -> SalesOrder:
    """The order with these lines added. Up to 99 of them stand together or not at all."""
    path = f"salesOrders({order.id})"
    asks = [Ask("POST", f"{path}/salesOrderLines", line) for line in lines]
    whole = order
    for start in range(0, len(asks), LARGEST_BATCH - 1):
        together = [*asks[start : start + LARGEST_BATCH - 1], Ask("GET", f"{path}?{LINES}")]
        parts = await client.together(together)
        whole = decoded(parts[-1].body, SalesOrder, wrote=True)
    return whole


async def _read(client: BusinessCentral, order: SalesOrder) -> SalesOrder:
    whole = await client.sales_order(order.id)
    if whole is None:
        raise Stopped(OutcomeUnknown(f"sales order {order.number} was made and is gone", code="order_gone"))
    return whole


async def _taken_back(client: BusinessCentral, rendered: Rendered, order: SalesOrder, why: Rejected) -> Result:
    """Delete what we made and what is no order; not when somebody has changed it since it was read."""
    ours = {line["sequence"] for line in rendered.lines}
    if not {line.sequence for line in order.lines} <= ours:
        return _stays(order, why)
    try:
        await client.delete_order(order)
    except Stopped as stopped:
        if isinstance(stopped.outcome, RetryLater) and stopped.outcome.code == "record_changed":
            return _stays(order, why)
        raise
    return Result(why)


def _stays(order: SalesOrder, why: Rejected) -> Result:
    detail = f"sales order {order.number} is there, changed by somebody, and not as sold: {why.detail}"
    return Result(Conflict("booking_differs", detail, {"salesOrder": order.id}))


def _compared(rendered: Rendered, order: SalesOrder, *, repeated: bool) -> Result:
    """Success is an order whose lines and total are those of the channel, as Business Central tells them."""
    wrong = difference(rendered, order)
    outcome: Outcome
    if wrong is not None:
        outcome = Conflict("booking_differs", f"{wrong.detail}. {wrong.hint}", {"salesOrder": order.id})
    else:
        facts = {"total": str(order.total_amount_including_tax), "number": order.number}
        outcome = Done({"salesOrder": order.id}, facts, repeated)
    return Result(outcome)


async def gone(client: BusinessCentral, order_key: str, ref: str) -> Result:
    """The order is not among the open ones: posted whole by somebody, or deleted."""
    there = await standing(client, stored_key(order_key, client.settings))
    if there.posted:
        return already_posted(there, ref)
    hint = "It was deleted or the application may not see it. Restore it, or cancel the order here."
    return Result(Rejected("sales_order_gone", f"sales order {ref} is not in Business Central", "erp_ref", hint))


def already_posted(there: Standing, ref: str) -> Result:
    """Somebody posted the order whole: what was asked of it can no longer be done."""
    detail = f"sales order {ref} was posted in Business Central: {', '.join(there.posted)}"
    return Result(Conflict("already_billed" if there.invoices else "already_shipped", detail, {"salesOrder": ref}))


def still_open(there: Standing, ref: str) -> Result:
    """The order asked for is gone, or is not the only one of its number: others are not ours to delete."""
    numbers = ", ".join(order.number for order in there.orders)
    detail = f"sales order {ref} is not to be told from {numbers}, which carry the order's external document number"
    hint = "Delete there what was cancelled, then retry."
    return Result(Conflict("still_open", detail, {"salesOrder": there.orders[0].id}, hint))
