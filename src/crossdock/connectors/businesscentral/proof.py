"""The totals proof: Business Central's arithmetic, done by us beforehand, and the finding of what is off.

A line is quantity x price rounded, less its discount. VAT is computed on the sum of each tax code, rounded once per
code. Where prices include VAT the lines are the total and VAT is taken out of them.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from crossdock.connectors.businesscentral.wire import NO_GUID, CreditMemo, OrderLine, SalesOrder
from crossdock.domain.money import ZERO
from crossdock.domain.order import Charge, Order
from crossdock.domain.order import OrderLine as Sold
from crossdock.domain.outcome import Rejected

_HUNDRED = Decimal(100)
_HALF = Decimal("0.5")


class Unbookable(Exception):
    """This order cannot be booked as it is; ``outcome`` names the field and says what to do."""

    def __init__(self, outcome: Rejected) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


NOTE = "note"  # the place of lines that say what the customer wrote: no money hangs on them


class Rendered(msgspec.Struct, frozen=True):
    """A sales order, or a credit memo, as it is to stand in Business Central."""

    header: dict[str, Any]
    lines: list[dict[str, Any]]  # in order of ``sequence``, which no two share
    places: dict[int, str]  # sequence -> the field of the canonical order that it came from
    total: Decimal  # including tax
    currency: str  # what the order will show: the ISO code


def amounts(lines: Sequence[Mapping[str, Any]], unit: Decimal) -> dict[str, Decimal]:
    """Line amounts by tax code."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        if line["lineType"] == "Comment":
            continue
        amount = (line["quantity"] * line["unitPrice"]).quantize(unit, ROUND_HALF_UP) - line["discountAmount"]
        sums[line["taxCode"]] = sums.get(line["taxCode"], ZERO) + amount
    return sums


def computed_tax(
    sums: Mapping[str, Decimal], rates: Mapping[str, Decimal], unit: Decimal, *, inclusive: bool
) -> Decimal:
    """The VAT that Business Central computes. ``rates``: percent by tax code."""
    tax = ZERO
    for code, amount in sums.items():
        if inclusive:
            tax += amount - (amount * _HUNDRED / (_HUNDRED + rates[code])).quantize(unit, ROUND_HALF_UP)
        else:
            tax += (amount * rates[code] / _HUNDRED).quantize(unit, ROUND_HALF_UP)
    return tax


def document_total(
    lines: Sequence[Mapping[str, Any]], rates: Mapping[str, Decimal], unit: Decimal, *, inclusive: bool
) -> Decimal:
    """The total Business Central comes to. Reads only what is sent, not how it was made."""
    sums = amounts(lines, unit)
    sum_ = sum(sums.values(), ZERO)
    return sum_ if inclusive else sum_ + computed_tax(sums, rates, unit, inclusive=False)


def difference(rendered: Rendered, order: SalesOrder | CreditMemo) -> Rejected | None:
    """What Business Central made of it that is not what was sent; None when it is all there to the cent."""
    theirs = {line.sequence: line for line in order.lines}
    for sent in rendered.lines:
        place = rendered.places[sent["sequence"]]
        wrong = None if place == NOTE else _line_off(sent, theirs.get(sent["sequence"]))
        if wrong is not None:
            return _differs(rendered, order, place, wrong)
    if order.currency_code != rendered.currency:
        return _differs(rendered, order, "currency", f"the currency is {order.currency_code}, not {rendered.currency}")
    if order.total_amount_including_tax != rendered.total:
        return _differs(rendered, order, _extra(rendered, order) or "totals.total", "the lines are as sent")
    return None


def _line_off(sent: Mapping[str, Any], there: OrderLine | None) -> str | None:
    if there is None:
        return "the line is not there"
    if sent["lineType"] == "Comment":
        return None
    if there.line_type != sent["lineType"]:
        return f"the line is of type {there.line_type}"
    if "itemId" in sent and there.item_id not in (sent["itemId"], NO_GUID):
        return "the line is of another item"
    for name, value in (("quantity", there.quantity), ("unitPrice", there.unit_price)):
        if sent[name] != value:
            return f"its {name} is {value}, {sent[name]} was sent"
    if sent["discountAmount"] != there.discount_amount:
        return f"its discountAmount is {there.discount_amount}, {sent['discountAmount']} was sent"
    return None


def _extra(rendered: Rendered, order: SalesOrder | CreditMemo) -> str | None:
    ours = {line["sequence"] for line in rendered.lines}
    extra = [line.sequence for line in order.lines if line.sequence not in ours]
    return f"line {extra[0]} in Business Central" if extra else None


def _differs(rendered: Rendered, order: SalesOrder | CreditMemo, field: str, what: str) -> Rejected:
    sums = f"Business Central comes to {order.total_amount_including_tax}, the channel says {rendered.total}"
    detail = f"{order.called} {order.number}: {sums}; see {field}: {what}"
    hint = "Look for price lists, discounts, rounding and tax setup that change what is sent; then retry."
    return Rejected(code="totals_differ", detail=detail, field=field, hint=hint)


def suspect(order: Order, basis: str, residue: Decimal, unit: Decimal) -> Rejected:
    """Name what is off: a line whose tax is not its rate's, or with an amount equal to the difference, else a sum."""
    total = order.totals.total.on(basis)
    field = (
        _taxed_wrong(order, basis, unit)
        or _line_of(order, basis, abs(residue))
        or _part_of(order, basis)
        or "totals.total"
    )
    sums = f"Business Central would come to {total - residue}, the channel says {total} ({residue:+})"
    detail = f"order {order.key}: {sums}; see {field}"
    hint = "Correct the order in the channel or the settings (tax_codes), then retry. No order was made."
    return Rejected(code="totals_differ", detail=detail, field=field, hint=hint)


def rows(order: Order) -> list[tuple[str, Sold | Charge]]:
    """Lines and charges with the name of their place."""
    lines: list[tuple[str, Sold | Charge]] = [(f"lines[{n}]", line) for n, line in enumerate(order.lines)]
    return lines + [(f"charges[{n}]", charge) for n, charge in enumerate(order.charges)]


def gross(row: Sold | Charge, basis: str) -> Decimal:
    return row.unit_price.on(basis) * row.quantity if isinstance(row, Sold) else row.amount.on(basis)


def _taxed_wrong(order: Order, basis: str, unit: Decimal) -> str | None:
    """The first row whose stated tax is further from its rate's than rounding can explain."""
    for place, row in rows(order):
        net = gross(row, basis) - sum((d.amount.on(basis) for d in row.discounts), ZERO)
        rate = sum((tax.rate for tax in row.taxes if tax.rate is not None), ZERO)
        if any(tax.rate is None for tax in row.taxes):
            continue
        stated = sum((tax.amount.on(basis) for tax in row.taxes), ZERO)
        due = net - net / (1 + rate) if order.tax_inclusive else net * rate
        if abs(stated - due) > unit * _HALF * max(len(row.taxes), 1):
            return f"{place}.taxes"
    return None


def _line_of(order: Order, basis: str, difference: Decimal) -> str | None:
    for place, row in rows(order):
        name = "unit_price" if isinstance(row, Sold) else "amount"
        discounts = sum((d.amount.on(basis) for d in row.discounts), ZERO)
        for part, amount in ((name, gross(row, basis)), ("discounts", discounts)):
            if amount and amount == difference:
                return f"{place}.{part}"
    return None


def _part_of(order: Order, basis: str) -> str | None:
    parts = rows(order)
    sums = {
        "lines": sum((gross(row, basis) for _, row in parts if isinstance(row, Sold)), ZERO),
        "charges": sum((gross(row, basis) for _, row in parts if isinstance(row, Charge)), ZERO),
        "discounts": sum((d.amount.on(basis) for _, row in parts for d in row.discounts), ZERO),
        "tax": sum((tax.amount.on(basis) for _, row in parts for tax in row.taxes), ZERO),
    }
    for name, value in sums.items():
        if value != getattr(order.totals, name).on(basis):
            return f"totals.{name}"
    return None
