"""May these goods come back? Answered once for each request: all of it under a number, or nothing of it and why.

A unit is authorised no more often than it left: what came back, what is on its way back and what was refunded and kept
are all taken off what left.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from crossdock.domain import entries as e
from crossdock.domain.draft import Draft
from crossdock.domain.entries import units
from crossdock.domain.events import ReturnAsked
from crossdock.domain.money import ZERO
from crossdock.domain.refund import Restock, Return, ReturnedLine
from crossdock.domain.restocking import compare
from crossdock.domain.returning import ReturnAnswer, ReturnAnswered, Returning, ReturnRefusal
from crossdock.domain.state import OrderState, came_back, goods_of, shipped, tells_parcels


def return_asked(d: Draft, event: ReturnAsked) -> None:
    """Answer a request. The same one again changes nothing; another one under a known id is not looked at."""
    request = event.request
    known = d.state.return_answers.get(request.id)
    if known is not None:
        if known.request != request:
            d.ignore("return_asked", f"return {request.id} was asked for with other lines before")
        return
    refusals = tuple(_refusals(d, request.lines))
    number = None if refusals else _number(d)
    d.note(ReturnAnswered(ReturnAnswer(request, d.now, number, refusals), event.source, d.now))
    if number is not None:
        goods = tuple(_goods(d, line) for line in request.lines)
        d.note(e.ReturnTaken(Return(number, "authorised", goods, d.now), event.source, d.now))
        d.refer(event.source, "return", number)
        compare(d)


def _goods(d: Draft, line: ReturnedLine) -> ReturnedLine:
    """In the unit in which what left is counted."""
    return msgspec.structs.replace(line, quantity=goods_of(d.state, line.line_id, line.quantity))


def _number(d: Draft) -> str:
    """Names the authorisation everywhere: the order's key, and which of its authorisations it is."""
    given = sum(answer.authorised for answer in d.state.return_answers.values())
    return f"{d.order.key}-R{given + 1}"


def _refusals(d: Draft, lines: tuple[ReturnedLine, ...]) -> Iterator[ReturnRefusal]:
    whole = _as_a_whole(d)
    if whole is not None:
        yield whole
        return
    policy = d.policy.returns if d.policy is not None else None
    assert policy is not None  # looked at as a whole
    left, gone, ages = shipped(d.state), spoken_for(d.state), last_left(d.state)
    placed = {line.id for line in d.order.lines}
    for line in lines:
        refused = _misfit(_goods(d, line), placed, left.get(line.line_id, ZERO), gone.get(line.line_id, ZERO))
        refused = refused or _against(policy, line, ages[line.line_id], d.now)
        if refused is not None:
            yield ReturnRefusal(line.line_id, *refused)


def _as_a_whole(d: Draft) -> ReturnRefusal | None:
    if d.state.order is None:
        return ReturnRefusal("", "return.order_unknown", "Nothing is known of this order.")
    if d.state.ended == "ignored":
        return ReturnRefusal("", "return.order_ignored", "The order was never taken.")
    if d.policy is None or d.policy.returns is None:
        return ReturnRefusal("", "return.not_offered", "No returns are authorised here: ask whom you bought from.")
    if not tells_parcels(d.state):
        return ReturnRefusal("", "return.not_told", "Nobody tells here what leaves: ask whom you bought from.")
    return None


def _misfit(line: ReturnedLine, placed: Iterable[str], left: Decimal, gone: Decimal) -> tuple[str, str] | None:
    if line.line_id not in placed:
        return "return.unknown_line", "The order has no such line."
    if left <= ZERO:
        return "return.not_shipped", "Nothing of it has left yet."
    if line.quantity > left - gone:
        free = max(left - gone, ZERO)
        text = f"{units(left)} have left and {units(gone)} are back, on their way back or refunded: {units(free)} may."
        return "return.exceeds_shipped", text
    return None


def _against(policy: Returning, line: ReturnedLine, left_at: datetime, now: datetime) -> tuple[str, str] | None:
    if policy.reasons and (line.reason or "") not in policy.reasons:
        return "return.reason", f"Give one of these reasons: {', '.join(policy.reasons)}."
    ends = left_at + timedelta(days=policy.days)
    if now > ends:
        return "return.too_late", f"It could be asked for until {ends:%Y-%m-%d %H:%M} UTC."
    return None


def spoken_for(state: OrderState) -> dict[str, Decimal]:
    """Line id -> units that came back, are authorised or announced to, or were refunded and kept.

    What a warehouse has of a return that is still on its way, by the channel's word, is counted once.
    """
    sums: dict[str, Decimal] = {}
    for returned in state.returns.values():
        if returned.status != "cancelled":
            _add(sums, returned.lines)
    back = came_back(state)
    sums |= {line_id: max(quantity, sums.get(line_id, ZERO)) for line_id, quantity in back.items()}
    kept = [line for refund in state.refunded() for line in refund.lines if line.restock is Restock.NONE]
    _add(sums, [ReturnedLine(line.line_id, goods_of(state, line.line_id, line.quantity)) for line in kept])
    return sums


def _add(sums: dict[str, Decimal], lines: Iterable[ReturnedLine]) -> None:
    for line in lines:
        sums[line.line_id] = sums.get(line.line_id, ZERO) + line.quantity


def last_left(state: OrderState) -> dict[str, datetime]:
    """Line id -> when units of it left last."""
    found: dict[str, datetime] = {}
    for parcel in state.taken():
        for line in parcel.shipment.lines:
            at = parcel.shipment.shipped_at
            found[line.line_id] = max(found.get(line.line_id, at), at)
    return found
