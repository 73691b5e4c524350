"""Orders by the partner API: taken as they come, durable before the answer, and looked at while the caller waits.

Nothing is decided here. Whoever prefers to wait is told what the deciders made of it, as soon as they have; when the
time is over, or they are away, the answer is that the order is kept, and where to ask.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import Response

from crossdock.domain.decision import StreamRef
from crossdock.domain.events import OrderSeen
from crossdock.domain.order import order_key
from crossdock.domain.promise import Dates
from crossdock.domain.state import decode_state
from crossdock.intake.guard import check_json
from crossdock.kit.manifest import Untranslatable
from crossdock.partner.counter import Asking, Counter, counter_of, keep, owns, partner_of
from crossdock.partner.keys import PLACED, Partner
from crossdock.partner.problems import Refusal
from crossdock.partner.waiting import body_of, idempotency_key, patience, same, wait_for
from crossdock.store.accept import defect
from crossdock.store.protocol import Arrival
from crossdock.store.reading import plain, statements

_DECIDED = {
    **dict.fromkeys(("open", "waiting", "done"), "accepted"),
    **dict.fromkeys(("held", "exception", "parked"), "held"),
    **dict.fromkeys(("cancelled", "ignored"), "rejected"),
}


class Stands(msgspec.Struct, frozen=True):
    """What an order waits for a person for."""

    code: str
    title: str


class Billed(msgspec.Struct, frozen=True):
    """An invoice of the ERP. Amounts are text."""

    number: str
    total: str
    currency: str
    invoiced_at: datetime


class OrderAnswer(msgspec.Struct, frozen=True):
    """How an order stands.

    ``decision``: kept (nobody could decide on it yet), accepted, held (a person looks at it; ``problems`` say why),
    rejected (it will not be fulfilled). ``status`` and ``step`` are Crossdock's own, more detailed words.
    """

    external_id: str
    order: str  # Crossdock's key: on every document in the ERP
    decision: Literal["kept", "accepted", "held", "rejected"]
    url: str
    status: str = "new"
    step: str | None = None
    reason: str | None = None
    problems: list[Stands] = []
    promised: Dates | None = None
    forecast: Dates | None = None
    shipped: dict[str, list[str]] = {}  # shipment -> tracking numbers
    invoices: list[Billed] = []  # what the ERP billed
    repeated: bool = False  # the same order with the same idempotency key had come before


async def take(request: Asking) -> Response[OrderAnswer]:
    """Keep one order; with ``Prefer: wait=N`` see what is decided on it. Raises ``Refusal``."""
    counter, partner = counter_of(request), partner_of(request)
    waits = patience(request, counter)
    key, body = idempotency_key(request), await body_of(request)
    check_json(body)
    arrival = _arrival(counter, partner, key, body)
    repeated = await keep(request, arrival)
    if repeated:
        await same(counter, arrival, "a new order, or an edit of one,")

    async def decided() -> OrderAnswer | None:
        found = await look(counter, partner, arrival.stream.key)
        return None if found is None or found.decision == "kept" else found

    answer = await wait_for(counter, decided, waits, arrival.stream.key) or _kept(partner, arrival.stream.key)
    done = answer.decision != "kept"
    replied = msgspec.structs.replace(answer, repeated=repeated)
    return Response(replied, status_code=waits.status(done), headers=waits.headers(answer.url, done))


async def one(request: Asking, external_id: str) -> OrderAnswer:
    """How an order of the key's own connection stands. Raises ``Refusal(not_found)``."""
    counter, partner = counter_of(request), partner_of(request)
    key = order_key(partner.connection, external_id)
    found = await look(counter, partner, key) if owns(counter, partner, key) else None
    if found is None:
        raise Refusal("not_found", f"No order {external_id[:100]!r} came in by this key's connection.")
    return found


def _arrival(counter: Counter, partner: Partner, key: str, body: bytes) -> Arrival:
    """The order as a message, if its form is what is agreed: a caller who waits is told at once what is not."""
    translate = counter.links[partner.connection].connector.translate
    try:
        events = translate(partner.connection, PLACED, body)
    except Untranslatable as error:
        raise Refusal("order_refused", f"{error.detail} {error.hint or ''}".strip()) from None
    stream = next((StreamRef("order", each.order.key) for each in events if isinstance(each, OrderSeen)), None)
    if stream is None:
        raise Refusal("order_refused", "It holds no order.")
    if not owns(counter, partner, stream.key):
        text = f"external_id: {stream.key!r} would name an order of another connection. Choose another id."
        raise Refusal("order_refused", text)
    arrival = Arrival(partner.connection, f"partner:{key}", "api", PLACED, stream, body)
    if why := defect(arrival):
        raise Refusal("order_refused", f"It cannot be kept: {why}.")
    return arrival


async def look(counter: Counter, partner: Partner, key: str) -> OrderAnswer | None:
    """How an order stands; None where there is none."""
    sql = statements("partner")
    row = await counter.pool.fetchrow(sql.order, key, partner.connection)
    if row is None:
        return None
    if not row["version"] and row["status"] != "parked":
        return _kept(partner, key)
    problems = [Stands(each["code"], each["title"]) for each in await counter.pool.fetch(sql.problems, row["id"])]
    return _answered(_kept(partner, key), row, problems)


def _answered(kept: OrderAnswer, row: Mapping[str, Any], problems: list[Stands]) -> OrderAnswer:
    changes: dict[str, Any] = {name: row[name] for name in ("status", "step", "reason")}
    decision = _DECIDED[row["status"]]
    if row["state"] is not None:
        state = decode_state(plain(row["state"]))
        if state.wanting and decision == "accepted":
            decision = "kept"  # it waits for the ERP's items or customers to be read: a yes would be a guess
        parcels = {parcel.shipment.id: parcel.shipment.packages for parcel in state.taken()}
        changes["shipped"] = {
            id_: [one.tracking_number for one in packages if one.tracking_number] for id_, packages in parcels.items()
        }
        bills = (each.invoice for each in state.invoices.values())
        changes["invoices"] = [Billed(one.number, f"{one.total:f}", one.currency, one.invoiced_at) for one in bills]
        if state.promise is not None:
            changes |= {"promised": state.promise.dates, "forecast": state.promise.forecast}
    return msgspec.structs.replace(kept, decision=decision, problems=problems, **changes)


def _kept(partner: Partner, key: str) -> OrderAnswer:
    external_id = key.removeprefix(f"{partner.connection}-")
    return OrderAnswer(external_id, key, "kept", f"/partner/v1/orders/{external_id}")
