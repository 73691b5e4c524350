"""A settlement report to a canonical settlement. Pure; raises ``Untranslatable``.

What a row is for follows from three columns: ``transaction-type``, ``amount-type``, ``amount-description``. Amazon adds
words without notice: what no rule here knows is ``unknown``, kept with its words.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from crossdock.connectors.amazon.settlement_file import Row, amount, cell, instant, rows
from crossdock.domain.settlement import Settlement, SettlementLine, SettlementLineKind
from crossdock.kit.manifest import Untranslatable

_Kind = SettlementLineKind
_AMAZON = "AFN"  # fulfilled from Amazon's own stock

_RESERVES = {
    "current reserve amount": _Kind.RESERVE,
    "previous reserve amount balance": _Kind.RESERVE_RELEASE,
}
# Beginnings of ``transaction-type``, in lower case.
_EVENTS: Mapping[str, SettlementLineKind] = {
    "order": _Kind.SALE,
    "refund": _Kind.REFUND,
    "chargeback": _Kind.CHARGEBACK,
    "a-to-z guarantee": _Kind.CHARGEBACK,
}
_GOODS = frozenset({"itemprice", "promotion"})
_WITHHELD = frozenset({"itemwithheldtax", "taxwithheld"})
_FEES = frozenset({"itemfees", "shipmentfees", "orderfees", "item fee adjustment", "itemfeeadjustment"})
_FEE_TYPES = frozenset({"servicefee", "cost of advertising", "grade and resell charge", "subscription fee"})
_FEE_WORDS = ("fee", "fees", "storagerenewalbilling", "storagebilling", "subscription", "removalcomplete")
_ADJUSTMENTS = (
    "reimbursement",
    "adjustment",
    "compensat",
    "refund for advertiser",
    "lost",
    "damage",
    "safe-t",
    "goodwill",
)
_TRANSFERS = ("transfer of funds", "payable to amazon", "successful charge", "unsuccessful transfer")


@lru_cache(maxsize=2048)  # a report has many rows of few kinds
def kind_of(event: str, type_: str, description: str) -> SettlementLineKind:
    """What a row is for, by its three words."""
    event, type_, description = event.lower(), type_.lower(), description.lower()
    if description in _RESERVES:
        return _RESERVES[description]
    if description.startswith(_TRANSFERS):
        return _Kind.TRANSFER
    if type_ in _WITHHELD or description.startswith(("marketplacefacilitator", "tcs-", "tds")):
        return _Kind.TAX
    if type_ in _FEES:
        return _Kind.FEE
    if type_ in _GOODS:
        return next((kind for word, kind in _EVENTS.items() if event.startswith(word)), _Kind.UNKNOWN)
    if any(word in text for word in _ADJUSTMENTS for text in (type_, description)):
        return _Kind.ADJUSTMENT
    if (
        event in _FEE_TYPES
        or type_ in _FEE_TYPES
        or any(text.endswith(_FEE_WORDS) for text in (event, type_, description))
    ):
        return _Kind.FEE
    return _Kind.UNKNOWN


def to_settlement(connection: str, body: bytes, *, books_amazons: bool) -> Settlement:
    """The settlement that a report tells. ``books_amazons=False``: orders of Amazon's own stock are nobody's here."""
    told = list(rows(body))
    number, head = told[0] if told else (1, {})
    settlement_id = cell(head, "settlement-id")
    if not settlement_id or not settlement_id.isascii() or not settlement_id.isdigit() or len(settlement_id) > 40:
        said = f"Row {number} names no settlement: {settlement_id[:40]!r}."
        raise Untranslatable("amazon.settlement_id", said, field="settlement-id")
    strangers = sorted({cell(row, "settlement-id") for _, row in told} - {settlement_id})
    if strangers:
        said = f"The report of settlement {settlement_id} has rows of {strangers[0][:40]}."
        raise Untranslatable("amazon.settlement_mixed", said, field="settlement-id")
    return Settlement(
        source=connection,
        id=settlement_id,
        currency=cell(head, "currency"),
        deposit=amount(head, "total-amount", number),
        deposited_at=_needed(head, "deposit-date", number),
        lines=tuple(_line(each, row, books_amazons) for each, row in told[1:]),
        starts_at=instant(cell(head, "settlement-start-date")),
        ends_at=instant(cell(head, "settlement-end-date")),
    )


def settlement_id_of(body: bytes) -> str | None:
    """Which settlement a report is of, before it is understood; None when it does not say."""
    try:
        _, head = next(rows(body), (1, {}))
    except Untranslatable:
        return None
    told = cell(head, "settlement-id")
    return told if told.isascii() and told.isdigit() and len(told) <= 40 else None


def _line(number: int, row: Row, books_amazons: bool) -> SettlementLine:
    words = [cell(row, name) for name in ("transaction-type", "amount-type", "amount-description")]
    order_id = cell(row, "order-id") or None
    foreign = cell(row, "currency")
    return SettlementLine(
        id=f"row-{number}",
        kind=kind_of(*words),
        told=" / ".join(word[:80] for word in words),
        amount=amount(row, "amount", number),
        order_id=order_id if order_id and len(order_id) <= 60 and order_id.isascii() else None,
        ours=books_amazons or cell(row, "fulfillment-id").upper() != _AMAZON,
        at=instant(cell(row, "posted-date-time")) or instant(cell(row, "posted-date")),
        currency=foreign or None,
    )


def _needed(row: Row, name: str, number: int) -> datetime:
    at = instant(cell(row, name))
    if at is None or not 1970 <= at.year <= 9998:
        said = f"Row {number}: {name} is {cell(row, name)[:40]!r}, which is no instant."
        raise Untranslatable("amazon.settlement_date", said, field=name)
    return at
