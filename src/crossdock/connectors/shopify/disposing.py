"""What the warehouse made of returned goods, told to the shop: restocked at a location, or not restocked.

``reverseFulfillmentOrderDispose`` takes no key and disposes again what it is asked again, up to the return's units: so
what the shop shows of a return is read first, and only what is missing of our totals is disposed. Units that are still
looked at are left open. The return stays open: whoever refunds it closes it. Source: the 2026-10 introspection
(ReverseFulfillmentOrderDisposeInput: a location is required for RESTOCKED), read 2026-11-26.
"""

from collections.abc import Iterator
from typing import Any

from crossdock.connectors.shopify import answers, documents
from crossdock.connectors.shopify.answers import Failed, UserError
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.graph import PageInfo, Ref, Struct, gid, number
from crossdock.domain.commands import Payload, PushReturn
from crossdock.domain.outcome import Done, Outcome, Rejected
from crossdock.domain.receipt import Receipt
from crossdock.kit.manifest import Call, Result

RESTOCKED, NOT_RESTOCKED = "RESTOCKED", "NOT_RESTOCKED"


class _Disposition(Struct, frozen=True):
    type: str
    quantity: int


class _Fulfilled(Struct, frozen=True):
    line_item: Ref


class Item(Struct, frozen=True):
    """A ``ReverseFulfillmentOrderLineItem``."""

    id: str
    total_quantity: int
    dispositions: tuple[_Disposition, ...] = ()
    fulfillment_line_item: _Fulfilled | None = None

    def disposed(self, kind: str | None = None) -> int:
        return sum(one.quantity for one in self.dispositions if kind in (None, one.type))


class _Items(Struct, frozen=True):
    nodes: tuple[Item, ...]
    page_info: PageInfo


class _Order(Struct, frozen=True):
    line_items: _Items


class _Orders(Struct, frozen=True):
    nodes: tuple[_Order, ...]
    page_info: PageInfo


class _Return(Struct, frozen=True):
    id: str
    status: str
    reverse_fulfillment_orders: _Orders


class ReturnData(Struct, frozen=True):
    ret: _Return | None


class _Disposed(Struct, frozen=True):
    user_errors: tuple[UserError, ...]
    reverse_fulfillment_order_line_items: tuple[Ref, ...] | None = None


class DisposedData(Struct, frozen=True):
    reverse_fulfillment_order_dispose: _Disposed


async def tell(client: Client, payload: Payload, call: Call) -> Result:
    """Dispose what the shop does not show as disposed yet."""
    assert isinstance(payload, PushReturn)
    try:
        return Result(await _tell(client, payload), throttle_s=client.throttle_s)
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)


async def find(client: Client, payload: Payload, call: Call) -> Result | None:
    """Does the shop show all of it? Else ``None``: sending again tells only what is missing."""
    assert isinstance(payload, PushReturn)
    try:
        missing = await _missing(client, payload)
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)
    if isinstance(missing, list):
        return None if missing else Result(_done(payload, repeated=True), throttle_s=client.throttle_s)
    return Result(missing, throttle_s=client.throttle_s)


async def _tell(client: Client, payload: PushReturn) -> Outcome:
    missing = await _missing(client, payload)
    if not isinstance(missing, list):
        return missing
    if not missing:
        return _done(payload, repeated=True)
    found: DisposedData = await client.ask(
        documents.RETURN_DISPOSE, {"dispositions": missing}, DisposedData, write=True
    )
    made = found.reverse_fulfillment_order_dispose
    if made.user_errors:
        text = "; ".join(error.message for error in made.user_errors[:3])
        return Rejected("shopify.disposition_refused", text, ".".join(made.user_errors[0].field or ()) or None)
    if not made.reverse_fulfillment_order_line_items:
        raise Failed(answers.lost("answer_empty", "Shopify names neither a disposed item nor an error.", write=True))
    return _done(payload)


def _done(payload: PushReturn, *, repeated: bool = False) -> Done:
    return Done({"return": payload.return_id or ""}, repeated=repeated)


async def _missing(client: Client, payload: PushReturn) -> list[dict[str, Any]] | Outcome:
    """The dispositions that are to be made; or why there are none to be."""
    if payload.return_id is None:
        return Done(facts={"told": "nothing: it belongs to no return of the shop's"})
    variables = {"id": gid("Return", payload.return_id)}
    shown = (await client.ask(documents.RETURN_GOODS, variables, ReturnData)).ret
    if shown is None:
        return Rejected("shopify.return_not_found", f"The shop does not show return {payload.return_id}.")
    orders = shown.reverse_fulfillment_orders
    if orders.page_info.has_next_page or any(one.line_items.page_info.has_next_page for one in orders.nodes):
        return Rejected("shopify.return_too_long", f"Return {payload.return_id} has more rows than are read at once.")
    items = [item for one in orders.nodes for item in one.line_items.nodes]
    missing = [row for line in _totals(payload.receipt) for row in _rows(line, items)]
    if missing and shown.status != "OPEN":
        return Done(facts={"told": f"nothing: the shop's people have the return at {shown.status} already"})
    location = str(client.line.settings.get("return_location") or "")
    if not location and any(row["dispositionType"] == RESTOCKED for row in missing):
        hint = "Set return_location on the connection, then retry."
        return Rejected("setting_missing", "It is not said where restocked goods are.", "return_location", hint)
    for row in missing:
        if row["dispositionType"] == RESTOCKED:
            row["locationId"] = gid("Location", location)
    return missing


def _totals(receipt: Receipt) -> Iterator[tuple[str, int, int]]:
    """Line id, units restocked, units written off: those that are looked at yet are neither."""
    sums: dict[str, tuple[int, int]] = {}
    for row in receipt.rows:
        if row.line_id is not None:
            back = int(min(row.restocked, row.received))
            off = int(row.received) - back if receipt.finished else 0
            had = sums.get(row.line_id, (0, 0))
            sums[row.line_id] = had[0] + back, had[1] + off
    yield from ((line_id, back, off) for line_id, (back, off) in sums.items())


def _rows(line: tuple[str, int, int], items: list[Item]) -> Iterator[dict[str, Any]]:
    """What is missing of one line's totals, as far as the return has units of it: more is an exception already."""
    line_id, back, off = line
    of = ((one, one.fulfillment_line_item) for one in items)
    own = [one for one, left in of if left is not None and number(left.line_item.id) == line_id]
    room = {one.id: one.total_quantity - one.disposed() for one in own}
    for kind, total in ((RESTOCKED, back), (NOT_RESTOCKED, off)):
        left = total - sum(one.disposed(kind) for one in own)
        for one in own:
            part = min(left, room[one.id])
            if part > 0:
                room[one.id] -= part
                left -= part
                yield {"reverseFulfillmentOrderLineItemId": one.id, "quantity": part, "dispositionType": kind}
