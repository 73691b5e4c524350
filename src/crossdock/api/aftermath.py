"""What came after an order was placed, for people: edits, payments, returns, refunds, credits, with their documents."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.api.papers import Given, Paper, papers_of, title_of
from crossdock.api.returned import CameBack, returned
from crossdock.domain.diff import changes
from crossdock.domain.entries import units
from crossdock.domain.order import Capture, Order
from crossdock.domain.process import APPLY, CREDIT, DEPOSIT, PAY, PAYMENT, PUSH
from crossdock.domain.refund import Part, RefundedCharge, RefundedLine, Restock, paid_back, parts_of
from crossdock.domain.returning import ReturnAnswer
from crossdock.domain.state import Credited, OrderState, Refunded
from crossdock.store.reading_orders import JournalDecision


class Edit(msgspec.Struct, frozen=True):
    """A newer view of the order. ``status``: in force, amended, not in force."""

    at: datetime
    changes: tuple[str, ...]
    status: str


class GivenBack(msgspec.Struct, frozen=True):
    """A refund: its rows, what went back and how, and which documents it became."""

    id: str
    at: datetime
    currency: str
    rows: tuple[Given, ...]
    paid: Decimal
    tenders: tuple[str, ...]
    papers: tuple[Paper, ...]
    note: str = ""


class AskedBack(msgspec.Struct, frozen=True):
    """A partner's request for a return: authorised under a number, or refused, and why."""

    id: str
    at: datetime
    number: str | None
    rows: tuple[Given, ...]
    refusals: tuple[str, ...]


class CreditNote(msgspec.Struct, frozen=True):
    """A credit memo that the ERP's people made, and what became of it in the channel."""

    number: str
    at: datetime
    total: Decimal
    currency: str
    source: str
    papers: tuple[Paper, ...]


class Taken(msgspec.Struct, frozen=True):
    """Money that the channel took, and what became of it in the ERP."""

    id: str
    at: datetime
    amount: Decimal
    currency: str
    gateway: str
    papers: tuple[Paper, ...]


class Aftermath(msgspec.Struct, frozen=True):
    edits: tuple[Edit, ...] = ()
    returns: tuple[CameBack, ...] = ()
    asked_back: tuple[AskedBack, ...] = ()
    refunds: tuple[GivenBack, ...] = ()
    credits: tuple[CreditNote, ...] = ()
    payments: tuple[Taken, ...] = ()


_BECAME: Mapping[Restock, str] = {
    Restock.CANCEL: "never left",
    Restock.RETURN: "back into stock",
    Restock.NONE: "not put back",
}


def aftermath(state: OrderState | None, journal: Iterable[JournalDecision]) -> Aftermath:
    """Edits are read from the journal, as far as it is kept; all else from the state."""
    if state is None or state.order is None:
        return Aftermath()
    return Aftermath(
        edits=tuple(_edits(journal)),
        returns=returned(state),
        asked_back=tuple(_asked_back(state, each) for each in state.return_answers.values()),
        refunds=tuple(_refund(state, known) for known in state.refunds.values()),
        credits=tuple(_credit(state, id_, known) for id_, known in state.credits.items() if not known.ours),
        payments=tuple(_taken(state, each) for each in state.captures.values()),
    )


def _asked_back(state: OrderState, answer: ReturnAnswer) -> AskedBack:
    rows = tuple(
        Given(title_of(state, line.line_id), units(line.quantity), became=line.reason or "")
        for line in answer.request.lines
    )
    refusals = tuple(
        f"{title_of(state, one.line_id)}: {one.reason}" if one.line_id else one.reason for one in answer.refusals
    )
    return AskedBack(answer.request.id, answer.at, answer.number, rows, refusals)


def _credit(state: OrderState, id_: str, known: Credited) -> CreditNote:
    credit = known.credit
    papers = papers_of(state, (PUSH,), id_)
    return CreditNote(credit.number, known.at, credit.total, credit.currency, known.source, papers)


def _taken(state: OrderState, capture: Capture) -> Taken:
    currency = state.order.currency if state.order is not None else ""
    papers = papers_of(state, (DEPOSIT, APPLY, PAYMENT), capture.id)
    return Taken(capture.id, capture.captured_at, capture.amount.shop, currency, capture.gateway, papers)


def _edits(journal: Iterable[JournalDecision]) -> list[Edit]:
    """Each newer view against the one that was in force when it came."""
    found: list[Edit] = []
    force: Order | None = None
    for decision in journal:
        for entry in _entries(decision):
            kind, view = entry.get("type"), entry.get("order")
            if kind not in ("order_recorded", "order_noted", "order_amended") or view is None:
                continue
            order = msgspec.json.decode(msgspec.json.encode(view), type=Order)
            said = tuple(change.text for change in changes(force, order)) if force is not None else ()
            if kind == "order_noted":
                found += [Edit(decision.at, said, "not in force")] if said else []
                continue
            if found and found[-1].status == "not in force":
                found[-1] = msgspec.structs.replace(found[-1], status="amended" if said else "taken back")
            elif said:
                found.append(Edit(decision.at, said, "in force"))
            force = order
    return found


def _entries(decision: JournalDecision) -> list[Mapping[str, Any]]:
    held = decision.entries.get("entries", []) if isinstance(decision.entries, dict) else decision.entries or []
    return [entry for entry in held if isinstance(entry, dict)]


def _refund(state: OrderState, known: Refunded) -> GivenBack:
    refund = known.refund
    return GivenBack(
        id=refund.id,
        at=refund.refunded_at,
        currency=refund.currency,
        rows=tuple(_given(state, part) for part in parts_of(refund)),
        paid=paid_back(refund, "shop"),
        tenders=tuple(tender.gateway for tender in refund.tenders),
        papers=papers_of(state, (CREDIT, PAY), refund.id),
        note=_note(known),
    )


def _note(known: Refunded) -> str:
    if known.refused is not None:
        return f"Not taken: {known.refused}"
    if known.echo:
        return "It pays back a credit memo of the ERP, and is not credited again."
    return "Settled by a person." if known.by_hand else ""


def _given(state: OrderState, part: Part) -> Given:
    net, tax = part.net.shop, part.tax.shop
    if isinstance(part, RefundedLine):
        return Given(title_of(state, part.line_id), units(part.quantity), net, tax, _BECAME[part.restock])
    if isinstance(part, RefundedCharge):
        return Given(part.kind.value.capitalize(), "", net, tax)
    return Given((part.reason or "No line").replace("_", " ").capitalize(), "", net, tax)
