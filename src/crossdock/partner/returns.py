"""Return authorisations: a request is kept as it came, the order's stream decides, and whoever waits is told.

The order must be the partner's own. What is asked is checked there against what left, what is on its way back, and
what the route allows; here nothing is decided.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec
from litestar import Response

from crossdock.domain.announcing import return_of
from crossdock.domain.decision import StreamRef
from crossdock.domain.events import ReturnAsked
from crossdock.domain.order import order_key
from crossdock.domain.receipt import Receipt
from crossdock.domain.returning import ReturnAnswer as Decided
from crossdock.domain.returning import ReturnRequest
from crossdock.domain.state import decode_state
from crossdock.intake.guard import check_json
from crossdock.kit.manifest import Untranslatable
from crossdock.partner.counter import Asking, Counter, counter_of, keep, owns, partner_of
from crossdock.partner.keys import Partner
from crossdock.partner.problems import Refusal
from crossdock.partner.waiting import body_of, idempotency_key, patience, same, wait_for
from crossdock.store.accept import defect
from crossdock.store.protocol import Arrival
from crossdock.store.reading import plain, statements

RETURN = "return.requested"  # the topic that a connector of orders by API tells


class ReturnLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one line of the order, by the line's id."""

    id: str
    quantity: Decimal
    reason: str | None = None


class ReturnQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``external_id``: the order's. ``return_id``: your own name for this request, another one for each."""

    external_id: str
    return_id: str
    lines: list[ReturnLine]


class RefusedLine(msgspec.Struct, frozen=True):
    """Why a line may not come back; ``id`` empty: the request as a whole."""

    id: str
    code: str
    reason: str


class CameBack(msgspec.Struct, frozen=True):
    """What a warehouse has of one line: units received, and of them back in stock."""

    id: str
    received: Decimal
    restocked: Decimal


class ReturnAnswer(msgspec.Struct, frozen=True):
    """``decision``: pending (nobody could decide yet: ask at ``url``), authorised under ``number``, refused for
    ``refusals``: then nothing of it is authorised, and another request may be made. ``came_back``: what a warehouse
    that was told to expect it has received so far; ``finished``: no more is expected."""

    external_id: str
    return_id: str
    decision: Literal["pending", "authorised", "refused"]
    url: str
    number: str | None = None
    lines: list[ReturnLine] = []
    refusals: list[RefusedLine] = []
    decided_at: datetime | None = None
    came_back: list[CameBack] = []
    finished: bool = False
    repeated: bool = False  # the same request with the same idempotency key had come before


async def take(request: Asking) -> Response[ReturnAnswer]:
    """Keep one request; with ``Prefer: wait=N`` see what is decided on it. Raises ``Refusal``."""
    counter, partner = counter_of(request), partner_of(request)
    waits = patience(request, counter)
    key, body = idempotency_key(request), await body_of(request)
    check_json(body)
    asked, external_id = _asked(counter, partner, body)
    order = await _own_order(counter, partner, external_id)
    arrival = Arrival(partner.connection, f"partner-return:{key}", "api", RETURN, StreamRef("order", order), body)
    if why := defect(arrival):
        raise Refusal("return_refused", f"It cannot be kept: {why}.")
    repeated = await keep(request, arrival)
    if repeated:
        await same(counter, arrival, "another request")
    found = await wait_for(counter, lambda: _decided(counter, order, asked.id), waits, order)
    if found is not None and found.answer.request != asked:
        text = f"return_id {asked.id!r} names another request of this order. Nothing was changed: choose another id."
        raise Refusal("return_id_reused", text)
    answer = msgspec.structs.replace(_told(external_id, asked.id, found), repeated=repeated)
    headers = waits.headers(answer.url, found is not None)
    return Response(answer, status_code=waits.status(found is not None), headers=headers)


async def one(request: Asking, external_id: str, return_id: str) -> ReturnAnswer:
    """What became of one request. Raises ``Refusal(not_found)``."""
    counter, partner = counter_of(request), partner_of(request)
    order = await _own_order(counter, partner, external_id)
    found = await _decided(counter, order, return_id)
    if found is None and not await _is_kept(counter, order, return_id):
        found = await _decided(counter, order, return_id)  # it may have been decided between the two looks
        if found is not None:
            return _told(external_id, return_id, found)
        raise Refusal("not_found", f"Nobody asked for a return {return_id[:100]!r} of this order.")
    return _told(external_id, return_id, found)


def _asked(counter: Counter, partner: Partner, body: bytes) -> tuple[ReturnRequest, str]:
    """The request in canonical words, and the order's id; a caller who waits is told at once what is not in form."""
    translate = counter.links[partner.connection].connector.translate
    try:
        events = translate(partner.connection, RETURN, body)
    except Untranslatable as error:
        raise Refusal("return_refused", f"{error.detail} {error.hint or ''}".strip()) from None
    asked = next((each.request for each in events if isinstance(each, ReturnAsked)), None)
    if asked is None:
        raise Refusal("return_refused", "It holds no request for a return.")
    return asked, str(msgspec.json.decode(body)["external_id"])


async def _own_order(counter: Counter, partner: Partner, external_id: str) -> str:
    """The key of an order of the partner's own connection. Raises ``Refusal(not_found)``."""
    key = order_key(partner.connection, external_id)
    known = owns(counter, partner, key) and await counter.pool.fetchrow(
        statements("partner").order, key, partner.connection
    )
    if not known:
        raise Refusal("not_found", f"No order {external_id[:100]!r} came in by this key's connection.")
    return key


class _Known(msgspec.Struct, frozen=True):
    """An answer, and what the warehouse told of it since."""

    answer: Decided
    receipts: tuple[Receipt, ...] = ()


async def _decided(counter: Counter, order: str, return_id: str) -> _Known | None:
    stored = await counter.pool.fetchval(statements("partner").state, order)
    state = decode_state(plain(stored)) if stored is not None else None
    answer = state.return_answers.get(return_id) if state is not None else None
    if state is None or answer is None:
        return None
    of = (known.receipt for known in state.receipts.values())
    return _Known(answer, tuple(one for one in of if answer.number and return_of(state, one) == answer.number))


async def _is_kept(counter: Counter, order: str, return_id: str) -> bool:
    """Whether a request under this name waits to be decided on."""
    rows: Sequence[Any] = await counter.pool.fetch(statements("partner").undecided, order, RETURN)
    return any(msgspec.json.decode(plain(row["body"])).get("return_id") == return_id for row in rows)


def _told(external_id: str, return_id: str, known: _Known | None) -> ReturnAnswer:
    url = f"/partner/v1/orders/{external_id}/returns/{return_id}"
    if known is None:
        return ReturnAnswer(external_id, return_id, "pending", url)
    found = known.answer
    lines = [ReturnLine(line.line_id, line.quantity, line.reason) for line in found.request.lines]
    refusals = [RefusedLine(each.line_id, each.code, each.reason) for each in found.refusals]
    decision: Literal["authorised", "refused"] = "authorised" if found.authorised else "refused"
    return ReturnAnswer(
        external_id, return_id, decision, url, found.number, lines, refusals, found.at,
        came_back=_came_back(known.receipts),
        finished=bool(known.receipts) and all(one.finished for one in known.receipts),
    )  # fmt: skip


def _came_back(receipts: Sequence[Receipt]) -> list[CameBack]:
    rows = [row for one in receipts for row in one.rows if row.received]
    return [CameBack(row.line_id or row.sku or row.id, row.received, row.restocked) for row in rows]
