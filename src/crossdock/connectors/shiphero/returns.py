"""Returns in ShipHero: announced once, found again by what we call them, called off as long as nothing came.

``return_create`` takes no key and makes a second return of a repeat; ``returns`` lists those of an order, with the
``partner_id`` that we gave. A return is not changed afterwards: only its status can be set. Source:
developer.shiphero.com/schema (CreateReturnInput, UpdateReturnStatusInput, Return, ReturnLineItem), read 2026-11.
The statuses are not documented: the sample of a webhook shows ``pending``.
"""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec

from crossdock.connectors.shiphero.answers import Stopped
from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.wire import Answer, OrderedLine, Owner, Page
from crossdock.domain.commands import AnnounceReturn, RecallReturn
from crossdock.domain.events import ReturnReceived
from crossdock.domain.order import Address
from crossdock.domain.outcome import Conflict, Done, Outcome, OutcomeUnknown, Rejected
from crossdock.domain.receipt import Receipt, ReceivedRow
from crossdock.kit.manifest import Call, Follow, Result, Untranslatable

RETURN = "return"  # what a signal of a return names: ShipHero's id of it
# Not documented by the vendor. A word that is none of these means that the return is still going on.
CALLED_OFF = frozenset({"cancelled", "canceled"})
FINISHED = frozenset({"complete", "completed", "closed"})
CANCEL_AS = "cancelled"
_MOST_UNITS = 1_000_000

_FIELDS = (
    "id legacy_id partner_id status line_items { id legacy_id quantity_received restock condition "
    "line_item { partner_line_item_id sku } product { sku } }"
)
CREATE = (
    "mutation AnnounceReturn($data: CreateReturnInput!) { return_create(data: $data) "
    "{ request_id complexity return { id legacy_id partner_id status } } }"
)
UPDATE = (
    "mutation CallOff($data: UpdateReturnStatusInput!) { return_update_status(data: $data) "
    "{ request_id complexity return { id legacy_id partner_id status } } }"
)
OF_ORDER = (
    "query ReturnsOf($order: String!, $after: String) { returns(order_id: $order) { request_id complexity "
    f"data(first: 25, after: $after) {{ pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {_FIELDS} }} }} }} }} }}"
)
ONE = (
    f"query ReadReturn($id: String!) {{ return(id: $id) {{ request_id complexity data {{ {_FIELDS} "
    "order { partner_order_id } } } }"
)
LISTED = (
    "query Returned($from: ISODateTime, $to: ISODateTime, $first: Int, $after: String) { "
    "returns(date_from: $from, date_to: $to) { request_id complexity data(first: $first, after: $after) { "
    f"pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {_FIELDS} order {{ partner_order_id }} }} }} }} }} }}"
)


class _Product(msgspec.Struct, frozen=True):
    sku: str | None = None


class Row(msgspec.Struct, frozen=True):
    """A ``ReturnLineItem``. ``legacy_id`` is what webhooks call ``id``."""

    id: str | None = None
    legacy_id: int | None = None
    quantity_received: int | None = 0
    restock: int | None = 0
    condition: str | None = None
    line_item: OrderedLine | None = None
    product: _Product | None = None  # of goods that are not the order's there is no line


class Told(msgspec.Struct, frozen=True):
    """A ``Return``, as far as it is read; kept as it is as a message's body."""

    id: str
    legacy_id: int | None = None
    partner_id: str | None = None
    status: str | None = None
    line_items: tuple[Row, ...] | None = ()
    order: Owner | None = None


class HookRow(msgspec.Struct, frozen=True):
    id: int | str
    quantity_received: int | None = 0
    restock: int | None = 0
    sku: str | None = None
    partner_line_item_id: str | int | None = None
    condition: str | None = None


class Hook(msgspec.Struct, frozen=True):
    """The body of a Return Update. It does not tell our own word for the return."""

    return_uuid: str
    status: str | None = None
    items: tuple[HookRow, ...] | None = ()
    partner_order_id: str | None = None
    order_uuid: str | None = None


class _Made(msgspec.Struct, frozen=True):
    ret: Told | None = msgspec.field(default=None, name="return")


class _Created(msgspec.Struct, frozen=True):
    return_create: _Made


class _Updated(msgspec.Struct, frozen=True):
    return_update_status: _Made


class OfOrder(msgspec.Struct, frozen=True):
    returns: Answer[Page[Told]]


class Listed(msgspec.Struct, frozen=True):
    returns: Answer[Page[msgspec.Raw]]


class Named(msgspec.Struct, frozen=True):
    """The little of a listed return that names it: one of an odd shape must not stop the list."""

    id: str
    order: Owner | None = None


class _OneRead(msgspec.Struct, frozen=True):
    ret: Answer[Told | None] = msgspec.field(name="return")


# -- what they say -----------------------------------------------------------------------------------------------


def receipt_of(told: Told) -> Receipt:
    """A return as the API tells it, as running totals."""
    rows = tuple(
        ReceivedRow(
            str(row.legacy_id if row.legacy_id is not None else row.id),
            _units(row.quantity_received),
            _units(row.restock),
            (row.line_item.partner_line_item_id or None) if row.line_item else None,
            _sku(row),
            row.condition or None,
        )
        for row in told.line_items or ()
    )
    return Receipt(told.id, rows, told.partner_id or None, (told.status or "").lower() in FINISHED)


def _sku(row: Row) -> str | None:
    named = (one.sku for one in (row.line_item, row.product) if one is not None)
    return next(filter(None, named), None)


def receipt_of_hook(hook: Hook) -> Receipt:
    rows = tuple(
        ReceivedRow(
            str(row.id),
            _units(row.quantity_received),
            _units(row.restock),
            str(row.partner_line_item_id) if row.partner_line_item_id not in (None, "") else None,
            row.sku or None,
            row.condition or None,
        )
        for row in hook.items or ()
    )
    return Receipt(hook.return_uuid, rows, None, (hook.status or "").lower() in FINISHED)


def _units(told: int | None) -> Decimal:
    if told is not None and not 0 <= told <= _MOST_UNITS:
        raise Untranslatable("quantity_wrong", f"a return counts {told} units", "items.quantity_received")
    return Decimal(told or 0)


def content_id(receipt: Receipt) -> str:
    """The same for webhook and poll of one state: what it counts, and whether it is finished."""
    rows = "|".join(f"{row.id}:{row.received}:{row.restocked}" for row in sorted(receipt.rows, key=lambda row: row.id))
    state = f"{int(receipt.finished)}|{rows}"
    return f"return:{receipt.id}:{sha256(state.encode()).hexdigest()[:16]}"


# -- announcing --------------------------------------------------------------------------------------------------


def return_input(payload: AnnounceReturn, settings: Mapping[str, Any]) -> dict[str, Any]:
    """``CreateReturnInput``. No label is made: whoever authorised the return gave the customer one, or none."""
    reasons = [line.reason for line in payload.lines if line.reason]
    given = {
        "order_id": payload.warehouse_ref,
        "warehouse_id": payload.location or settings.get("warehouse_id"),
        "partner_id": payload.reference,
        "return_reason": reasons[0] if reasons else "Not told",
        "label_type": "SELF_RETURN",
        "label_cost": "0.00",
        "create_label": False,
        "shipping_carrier": settings.get("return_carrier") or "Generic",
        "shipping_method": settings.get("return_method") or "Generic Label",
        "dimensions": {"height": "1", "width": "1", "length": "1", "weight": "1"},
        "address": _address(payload.ship_from or Address()),
        "line_items": [
            {"sku": sku, "quantity": quantity, "return_reason": reason or "Not told"}
            for sku, (quantity, reason) in _by_sku(payload).items()
        ],
        "customer_account_id": settings.get("customer_account_id"),
    }
    return {name: value for name, value in given.items() if value is not None}


def _by_sku(payload: AnnounceReturn) -> dict[str, tuple[int, str | None]]:
    """ShipHero names what comes back by SKU alone: two lines of one product are one row."""
    found: dict[str, tuple[int, str | None]] = {}
    for line in payload.lines:
        had, reason = found.get(line.sku or "", (0, None))
        found[line.sku or ""] = (had + int(line.quantity), reason or line.reason)
    return found


def _address(address: Address) -> dict[str, str]:
    given = {
        "name": address.name,
        "address1": address.line1,
        "address2": address.line2,
        "city": address.city,
        "state": address.region_code or address.region,
        "zip": address.postal_code,
        "country": address.country_code,
        "phone": address.phone,
    }
    return {name: value for name, value in given.items() if value is not None}


def _refusal(payload: AnnounceReturn, settings: Mapping[str, Any]) -> Outcome | None:
    """What ShipHero would not take, or take wrongly: named before anything leaves."""
    for line in payload.lines:
        if not line.sku:
            hint = "Create the return in ShipHero by hand, then resolve."
            return Rejected("sku_missing", f"line {line.line_id} of {payload.reference} has no SKU", "lines.sku", hint)
        if line.quantity != int(line.quantity):
            detail = f"line {line.line_id} of {payload.reference}: ShipHero takes whole units back, not {line.quantity}"
            return Rejected("quantity_not_whole", detail, "lines.quantity")
    if not payload.warehouse_ref:
        detail = f"ShipHero's id of order {payload.order_key} is not known"
        return Rejected(
            "order_unknown", detail, "warehouse_ref", "Create the return in ShipHero by hand, then resolve."
        )
    if not (payload.location or settings.get("warehouse_id")):
        hint = "Set warehouse_id on the connection, then retry."
        return Rejected("warehouse_unknown", f"it is not known where {payload.reference} goes", "warehouse_id", hint)
    return None


async def announce(client: ShipHero, payload: AnnounceReturn, call: Call) -> Result:
    """Make the return. Nothing at ShipHero keeps a repeat from making a second one."""
    refused = _refusal(payload, client.settings)
    if refused is not None:
        return Result(refused)
    variables = {"data": return_input(payload, client.settings)}
    made = (await client.ask(CREATE, variables, _Created, writes=True)).return_create.ret
    if made is None:
        return Result(OutcomeUnknown("ShipHero names neither a return nor an error", "answer_empty"))
    return Result(Done({"return": made.id}))


async def announced(client: ShipHero, payload: Any, call: Call) -> Result | None:
    """Our earlier announcement, if it arrived. Two are told, never chosen from."""
    try:
        found = await _ours(client, payload.warehouse_ref, payload.reference)
    except Stopped as stopped:
        return Result(stopped.outcome)
    standing = [one for one in found if (one.status or "").lower() not in CALLED_OFF] or found
    if not standing:
        return None
    if len(standing) > 1:
        ids = ", ".join(one.id for one in standing)
        detail = f"ShipHero has return {payload.reference} {len(standing)} times ({ids}): cancel all but one there"
        return Result(Conflict("announced_twice", detail, {"return": standing[0].id}))
    return Result(Done({"return": standing[0].id}, repeated=True))


async def recall(client: ShipHero, payload: RecallReturn, call: Call) -> Result:
    """Set the return's status, if nothing of it has come. Reads first: calling off again is then no error.

    One that was just made may not be listed yet, and is read by ShipHero's id of it.
    """
    found = await _ours(client, payload.warehouse_ref, payload.reference)
    if not found and payload.return_ref and (known := await _read(client, payload.return_ref)) is not None:
        found = [known]
    if not found:
        detail = f"ShipHero has no return {payload.reference} to call off"
        return Result(Rejected("not_there", detail, hint="Was it removed by hand? Then resolve."))
    standing = [one for one in found if (one.status or "").lower() not in CALLED_OFF]
    if not standing:
        return Result(Done({"return": found[0].id}, repeated=True))
    for one in standing:
        if any(row.quantity_received for row in one.line_items or ()):
            detail = f"ShipHero has received goods of return {payload.reference}"
            return Result(Rejected("already_received", detail, hint="Tell the warehouse by hand, then resolve."))
        variables = {"data": {"return_id": one.id, "status": CANCEL_AS}}
        told = (await client.ask(UPDATE, variables, _Updated, writes=True)).return_update_status.ret
        if told is None or (told.status or "").lower() not in CALLED_OFF:
            return Result(OutcomeUnknown("ShipHero does not say that the return is called off", "status_not_set"))
    return Result(Done({"return": standing[0].id}))


async def _ours(client: ShipHero, order_ref: str | None, reference: str) -> list[Told]:
    """Returns of the order under our word, page by page; the vendor's filter is not trusted to be exact."""
    found: list[Told] = []
    after: str | None = None
    while order_ref:
        page = (await client.ask(OF_ORDER, {"order": order_ref, "after": after}, OfOrder)).returns.data
        found += [told for told in page.nodes if told.partner_id == reference]
        after = page.following(after)
        if after is None:
            break
    return found


async def _read(client: ShipHero, return_id: str) -> Told | None:
    return (await client.ask(ONE, {"id": return_id}, _OneRead)).ret.data


async def read_return(client: ShipHero, return_id: str) -> Result:
    """A webhook named a return and no order of ours: read whose it is, and what it counts."""
    told = await _read(client, return_id)
    if told is None:
        return Result(Rejected("not_there", f"ShipHero has no return {return_id}"))
    key = told.order.partner_order_id if told.order else None
    if not key:
        return Result(Rejected("not_ours", f"ShipHero's return {return_id} is of no order of ours"))
    try:
        seen = ReturnReceived(receipt_of(told), client.line.connection)
    except Untranslatable as error:
        return Result(Rejected(error.code, error.detail, error.field))
    return Result(Done({"return": told.id}), (Follow("order", key, seen),))
