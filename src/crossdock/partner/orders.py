"""Orders by the partner API: taken as they come, durable before the answer, and looked at while the caller waits.

Nothing is decided here. Whoever prefers to wait is told what the deciders made of it, as soon as they have; when the
time is over, or they are away, the answer is that the order is kept, and where to ask.
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import Response

from crossdock.api.problems import AWAY
from crossdock.domain.decision import StreamRef
from crossdock.domain.events import OrderSeen
from crossdock.domain.order import order_key
from crossdock.domain.promise import Dates
from crossdock.domain.state import decode_state
from crossdock.intake.guard import check_json
from crossdock.kit.manifest import Untranslatable
from crossdock.partner.counter import Asking, Counter, counter_of, owns, partner_of
from crossdock.partner.keys import Partner
from crossdock.partner.problems import Refusal
from crossdock.store.accept import defect
from crossdock.store.protocol import Arrival
from crossdock.store.reading import plain, statements

PLACED = "order.placed"  # the topic that a connector of orders by API tells
BODY_S = 10.0
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.02, 0.2
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])")
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
    wait_s = min(_preferred(request.headers.get("prefer", "")), counter.longest_wait_s)
    until = counter.stopwatch() + wait_s
    arrival = _arrival(counter, partner, _key_of(request), await _body(request))
    repeated = (await counter.commits.commit(arrival)).duplicate
    if repeated:
        await _same(counter, arrival)
    answer = await _wait_for(counter, partner, arrival.stream.key, until if wait_s else None)
    decided = answer.decision != "kept"
    headers = {"Location": answer.url, **({"Preference-Applied": f"wait={wait_s:g}"} if wait_s and decided else {})}
    replied = msgspec.structs.replace(answer, repeated=repeated)
    return Response(replied, status_code=200 if wait_s and decided else 202, headers=headers)


async def one(request: Asking, external_id: str) -> OrderAnswer:
    """How an order of the key's own connection stands. Raises ``Refusal(not_found)``."""
    counter, partner = counter_of(request), partner_of(request)
    key = order_key(partner.connection, external_id)
    found = await _look(counter, partner, key) if owns(counter, partner, key) else None
    if found is None:
        raise Refusal("not_found", f"No order {external_id[:100]!r} came in by this key's connection.")
    return found


def _key_of(request: Asking) -> str:
    key = request.headers.get("idempotency-key", "").strip()
    if not key or len(key) > 200 or not key.isprintable():
        text = "Send 'Idempotency-Key', 1 to 200 printable characters, and the same one when you send the order again."
        raise Refusal("idempotency_key_missing", text)
    return key


async def _body(request: Asking) -> bytes:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Refusal("content_type", "Send application/json.")
    try:
        async with asyncio.timeout(BODY_S):
            body = await request.body()
    except TimeoutError:
        raise Refusal("slow_body", "Send the whole body without pauses.") from None
    check_json(body)
    return body


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
    arrival = Arrival(partner.connection, f"partner:{key}", "api", PLACED, stream, body, trace=counter.trace())
    if why := defect(arrival):
        raise Refusal("order_refused", f"It cannot be kept: {why}.")
    return arrival


async def _same(counter: Counter, arrival: Arrival) -> None:
    """Whether a known idempotency key came with the order it is known for. Raises ``Refusal``."""
    kept = await counter.pool.fetchval(statements("partner").kept, arrival.stream.key, arrival.delivery_id)
    if kept is None or msgspec.json.decode(plain(kept)) != msgspec.json.decode(arrival.body):
        text = "Nothing was changed. Give a new order, or an edit of one, a key of its own."
        raise Refusal("idempotency_key_reused", text)


def _preferred(header: str) -> float:
    """Seconds from ``Prefer: wait=N`` (RFC 7240); 0 where none is asked for."""
    found = _WAIT.search(header)
    return float(found[1]) if found else 0.0


async def _wait_for(counter: Counter, partner: Partner, key: str, until: float | None) -> OrderAnswer:
    """How the order stands as soon as it is decided on, or when the time is over. It is kept whatever happens here."""
    pause_s = _FIRST_LOOK_S
    with _Seat(counter) as seat:
        while True:
            found = await _glance(counter, partner, key, until)
            if found is not None and found.decision != "kept":
                return found
            left = 0.0 if until is None or not seat else until - counter.stopwatch()
            if left <= 0:
                return _kept(partner, key)
            await counter.sleep(min(pause_s, left))
            pause_s = min(pause_s * 1.5, _LONGEST_LOOK_S)


class _Seat:
    """One of the places to wait at; false when all are taken."""

    taken = 0

    def __init__(self, counter: Counter) -> None:
        self._most = counter.most_waiting

    def __enter__(self) -> bool:
        _Seat.taken += 1
        return _Seat.taken <= self._most

    def __exit__(self, *_: object) -> None:
        _Seat.taken -= 1


async def _glance(counter: Counter, partner: Partner, key: str, until: float | None) -> OrderAnswer | None:
    """As ``_look``, but no longer than the caller waits: a database that is slow or away now leaves the order kept."""
    patience_s = 1.0 if until is None else max(until - counter.stopwatch(), 0.05)
    try:
        async with asyncio.timeout(patience_s):
            return await _look(counter, partner, key)
    except (TimeoutError, *AWAY) as error:
        counter.signals.log.warning("partner.not_told", order=key, error=error)
        return None


async def _look(counter: Counter, partner: Partner, key: str) -> OrderAnswer | None:
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
