"""Shopify's refunds to canonical ones. Pure, like ``mapping.py``, which calls it.

Three things Shopify does not say outright. *What became of refunded units*: ``no_restock`` does not tell whether they
had left, so the fulfilments of that moment do. *How many units are wanted*: ``current_quantity`` is less every refunded
unit, also those that had left. *What was paid back beyond lines*: adjustments are what the calculated refund is to be
reduced by, so shipping and goodwill are told as negative amounts.
Source: bodies that live shops emitted, and the 2026-10 introspection (RefundLineItemRestockType), read 2026-11-26.
"""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from crossdock.connectors.shopify import wire
from crossdock.domain.money import ZERO, Amount, rounded
from crossdock.domain.order import ChargeKind
from crossdock.domain.refund import (
    Adjustment,
    Part,
    Refund,
    RefundedCharge,
    RefundedLine,
    Restock,
    Tender,
    gross_of,
)
from crossdock.kit.manifest import Untranslatable

MARK = "Crossdock credit "  # begins the note of a refund that we made for a credit of the ERP
_MADE_FOR = re.compile(re.escape(MARK) + r"(\S+)")
_SHIPPING = "shipping_refund"
_UNDER_WAY = ("pending", "awaiting_response")
_KNOWN = frozenset({"cancel", "return", "no_restock", "legacy_restock"})

Read = Callable[..., Amount]  # (bag, plain, *where) -> amount in the order's currencies
Restocks = dict[tuple[int, int], Restock]  # (refund's id, row) -> what became of the units


def restocks(source: wire.Order) -> Restocks:
    """What became of the units of every refunded row; raises ``Untranslatable`` for a word that is new to us."""
    found: Restocks = {}
    gone: Counter[int] = Counter()
    for refund in sorted(source.refunds or (), key=lambda one: (one.created_at, one.id)):
        left = _left(source, refund.created_at)
        for index, row in enumerate(refund.refund_line_items or ()):
            had_left = left[row.line_item_id] - gone[row.line_item_id] >= row.quantity
            restock = found[refund.id, index] = _restock(row.restock_type, had_left)
            if restock is not Restock.CANCEL:
                gone[row.line_item_id] += row.quantity
    return found


def _restock(told: str, had_left: bool) -> Restock:
    if told not in _KNOWN:
        raise Untranslatable(
            "shopify.restock_type_unknown",
            f"Shopify tells the restock type {told!r}, which this version does not know.",
            field="refunds.refund_line_items.restock_type",
        )
    if told == "cancel" or (told != "return" and not had_left):
        return Restock.CANCEL
    return Restock.NONE if told == "no_restock" else Restock.RETURN


def _left(source: wire.Order, at: datetime) -> Counter[int]:
    """Units of each line that were fulfilled by then."""
    left: Counter[int] = Counter()
    for one in source.fulfillments or ():
        if one.status in (None, "success") and one.created_at <= at:
            for line in one.line_items:
                left[line.id] += line.quantity
    return left


def ask_what_left(source: wire.Order) -> bool:
    """Whether the fulfilments are needed to tell what became of refunded units."""
    rows = (row for refund in source.refunds or () for row in refund.refund_line_items or ())
    return any(row.restock_type not in ("cancel", "return") for row in rows)


def kept_wanted(source: wire.Order, found: Restocks) -> Counter[int]:
    """Line id -> units that were refunded after they had left: they were wanted, whatever came of them."""
    kept: Counter[int] = Counter()
    for refund in source.refunds or ():
        for index, row in enumerate(refund.refund_line_items or ()):
            if found[refund.id, index] is not Restock.CANCEL:
                kept[row.line_item_id] += row.quantity
    return kept


def read(source: wire.Order, amount: Read) -> tuple[Refund, ...]:
    """Every refund whose money is settled. One that is under way is told by a later view of the order."""
    found = restocks(source)
    told = []
    for number, refund in enumerate(source.refunds or ()):
        tenders = [one for one in refund.transactions or () if one.kind == "refund"]
        if any(one.status in _UNDER_WAY for one in tenders):
            continue
        tenders = [one for one in tenders if one.status == "success"]
        told.append(_Reading(source, amount, ("refunds", number)).refund(refund, tenders, found))
    return tuple(told)


class _Reading:
    """One refund being read."""

    def __init__(self, source: wire.Order, amount: Read, where: tuple[str | int, ...]) -> None:
        self.source, self.amount, self.where = source, amount, where

    def refund(self, refund: wire.Refund, tenders: list[wire.Transaction], found: Restocks) -> Refund:
        rows = enumerate(refund.refund_line_items or ())
        mark = _MADE_FOR.search(refund.note or "")
        told = [self._adjustment(one) for one in refund.order_adjustments or ()]
        lines = tuple(self._line(row, found[refund.id, index]) for index, row in rows)
        charges = (*_shipping(told), *self._duties(refund))
        adjustments = tuple(one for one in told if one.reason != _SHIPPING and _is_money(one))
        return Refund(
            id=str(refund.id),
            refunded_at=(refund.processed_at or refund.created_at).astimezone(UTC),
            currency=self.source.currency,
            lines=lines,
            charges=charges,
            adjustments=adjustments,
            tenders=self._tenders(tenders, (*lines, *charges, *adjustments)),
            made_for=mark.group(1) if mark else None,
        )

    def _line(self, row: wire.RefundLine, restock: Restock) -> RefundedLine:
        tax = self._told(row.total_tax_set, row.total_tax, "total_tax")
        net = self._net(self._told(row.subtotal_set, row.subtotal, "subtotal"), tax)
        sku = next((line.sku for line in self.source.line_items if line.id == row.line_item_id), None)
        return RefundedLine(str(row.line_item_id), Decimal(row.quantity), net, tax, restock, sku or None)

    def _duties(self, refund: wire.Refund) -> list[RefundedCharge]:
        return [
            RefundedCharge(ChargeKind.DUTY, self._told(duty.amount_set, None, "duties"), id=str(duty.duty_id))
            for duty in refund.duties or ()
        ]

    def _adjustment(self, one: wire.Adjustment) -> Adjustment:
        """As what the customer got: the opposite of what the refund is reduced by."""
        tax = _negative(self._told(one.tax_amount_set, one.tax_amount, "tax_amount"))
        gross = _negative(self._told(one.amount_set, one.amount, "amount"))
        reason = (one.reason or "").lower().replace(" ", "_") or None  # "Refund discrepancy", REFUND_DISCREPANCY
        return Adjustment(self._net(gross, tax), tax, _SHIPPING if one.kind == _SHIPPING else reason)

    def _tenders(self, told: list[wire.Transaction], parts: tuple[Part, ...]) -> tuple[Tender, ...]:
        """Webhooks tell a payment in one currency; what it is in the other follows from the parts, told in both."""
        whole = {side: gross_of(parts, side) for side in ("shop", "presentment")}
        return tuple(
            Tender(one.gateway or "unknown", self._paid(one, whole), str(one.id), one.gateway == "gift_card")
            for one in told
        )

    def _paid(self, one: wire.Transaction, whole: dict[str, Decimal]) -> Amount:
        source = self.source
        customers = source.presentment_currency or source.currency
        if one.amount_set is not None or customers == source.currency:
            return self._told(one.amount_set, one.amount, "transactions")
        amount = self.amount(None, one.amount, *self.where, "transactions", one_side=True).shop
        in_shops = one.currency == source.currency
        known, other = ("shop", "presentment") if in_shops else ("presentment", "shop")
        currency = customers if in_shops else source.currency
        share = rounded(amount * whole[other] / whole[known], currency) if whole[known] else ZERO
        return Amount(amount, share) if in_shops else Amount(share, amount)

    def _told(self, bag: wire.Bag | None, plain: str | Decimal | None, field: str) -> Amount:
        return self.amount(bag, None if plain is None else str(plain), *self.where, field)

    def _net(self, told: Amount, tax: Amount) -> Amount:
        """Shopify's sums include the tax where the order's prices do."""
        if not self.source.taxes_included:
            return told
        both = None if told.presentment is None else told.presentment - (tax.presentment or ZERO)
        return Amount(told.shop - tax.shop, both)


def _shipping(told: list[Adjustment]) -> list[RefundedCharge]:
    return [
        RefundedCharge(ChargeKind.SHIPPING, one.net, one.tax)
        for one in told
        if one.reason == _SHIPPING and _is_money(one)
    ]


def _negative(amount: Amount) -> Amount:
    return Amount(ZERO - amount.shop, None if amount.presentment is None else ZERO - amount.presentment)


def _is_money(one: Adjustment) -> bool:
    return any((one.net.shop, one.net.presentment, one.tax.shop, one.tax.presentment))
