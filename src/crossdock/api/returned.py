"""Returns of an order, for people: authorised, announced, received, back in stock or written off, with times."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from crossdock.api.papers import Given, Paper, papers_of, title_of
from crossdock.domain.announcing import return_of, subject_of
from crossdock.domain.entries import units
from crossdock.domain.money import ZERO
from crossdock.domain.process import ANNOUNCE, CREDIT, POST_BACK, RECALL, TELL_BACK
from crossdock.domain.receipt import Received, Tally, counted, is_there
from crossdock.domain.refund import Return
from crossdock.domain.state import OrderState


class BackStep(msgspec.Struct, frozen=True):
    """One stage that a return has reached."""

    title: str
    at: datetime
    detail: str = ""


class CameBack(msgspec.Struct, frozen=True):
    """A return: how far it is, row by row what became of it, and when who was told or told of it. ``unknown``: the
    warehouse has it, and nobody authorised it."""

    id: str
    at: datetime
    status: str
    rows: tuple[Given, ...]
    way: tuple[BackStep, ...] = ()
    papers: tuple[Paper, ...] = ()
    unknown: bool = False


def returned(state: OrderState) -> tuple[CameBack, ...]:
    """Every return that the channel tells, then what the warehouse has besides. Receipts in the ERP are made of all
    that came back, and stand with the first."""
    of = {key: return_of(state, known.receipt) for key, known in state.receipts.items()}
    found = [
        _told(state, each, [state.receipts[key] for key in of if of[key] == each.id]) for each in state.returns.values()
    ]
    loose = [
        state.receipts[key] for key in of if of[key] not in state.returns and is_there(state.receipts[key].receipt)
    ]
    found += [_unknown(state, known) for known in loose]
    if found:
        found[0] = msgspec.structs.replace(found[0], papers=found[0].papers + papers_of(state, (POST_BACK,)))
    return tuple(found)


def _told(state: OrderState, each: Return, receipts: list[Received]) -> CameBack:
    rows = tuple(
        Given(title_of(state, line.line_id), units(line.quantity), became=_became(state, each, receipts, line.line_id))
        for line in each.lines
    )
    papers = [*_announcements(state, each.id)]
    for known in receipts:
        told = state.told_back.get(f"{known.source}/{known.receipt.id}")
        papers += papers_of(state, (TELL_BACK,), f"{known.receipt.id}/{told.number}") if told else ()
    return CameBack(each.id, each.at, each.status, rows, tuple(_way(state, each, receipts)), tuple(papers))


def _announcements(state: OrderState, return_id: str) -> Iterator[Paper]:
    known = state.announced.get(return_id)
    for number in range(1, (known.number if known else 0) + 1):
        yield from papers_of(state, (ANNOUNCE, RECALL), subject_of(return_id, number))


def _way(state: OrderState, each: Return, receipts: list[Received]) -> Iterator[BackStep]:
    known = state.announced.get(each.id)
    yield BackStep({"cancelled": "Called off", "requested": "Asked for"}.get(each.status, "Authorised"), each.at)
    if known is not None:
        yield BackStep("Announced" if known.lines else "Warehouse told that none comes", known.at, known.target)
    for one in receipts:
        if is_there(one.receipt):
            yield BackStep("Received and finished" if one.receipt.finished else "Received", one.at, one.source)
    for refund_id in each.refunds:
        sent = state.command_of(CREDIT, refund_id)
        if sent is not None and sent[1].status == "done":
            yield BackStep("Credited", sent[1].at, sent[1].target)


def _became(state: OrderState, each: Return, receipts: list[Received], line_id: str) -> str:
    """What became of one line's units, in words."""
    if state.order is None or not receipts:
        return ""
    allowed = {line.line_id: line.quantity for line in each.lines}
    tally = counted(state.order, [one.receipt for one in receipts], allowed).lines.get(line_id, Tally())
    waiting = tally.received - tally.restocked - tally.written_off
    parts = (
        (tally.restocked, "back in stock"),
        (tally.written_off, "written off"),
        (waiting, "received, not looked at yet"),
    )
    return ", ".join(f"{units(quantity)} {words}" for quantity, words in parts if quantity > ZERO)


def _unknown(state: OrderState, known: Received) -> CameBack:
    names = {line.id: line.title for line in (state.order.lines if state.order is not None else ())}
    rows = tuple(
        Given(
            names.get(row.line_id or "", row.sku or row.id),
            units(row.received),
            became=f"{units(row.restocked)} back in stock",
        )
        for row in known.receipt.rows
        if row.received > ZERO
    )
    way = (BackStep("Received", known.at, known.source),)
    return CameBack(known.receipt.id, known.at, "received", rows, way, unknown=True)
