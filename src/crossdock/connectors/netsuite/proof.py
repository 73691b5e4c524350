"""The totals proof: NetSuite's arithmetic, done by us beforehand, and the finding of the line that is off."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crossdock.domain.money import ZERO
from crossdock.domain.order import Charge, Order, OrderLine
from crossdock.domain.outcome import Rejected


class Unbookable(Exception):
    """This order cannot be booked as it is; ``outcome`` names the field and says what to do."""

    def __init__(self, outcome: Rejected) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


def document_total(document: dict[str, Any], unit: Decimal) -> Decimal:
    """The total NetSuite computes from a document: quantity x rate rounded per line, header shipping, explicit tax.

    Reads only what is sent, not how it was made, so that it proves the rendering instead of repeating it.
    """
    total: Decimal = document.get("shippingCost", ZERO)
    for line in document["item"]["items"]:
        total += (line["quantity"] * line["rate"]).quantize(unit, ROUND_HALF_UP)
        if "tax1Amt" in line:
            total += line["tax1Amt"]
    if "taxDetails" in document:
        for row in document["taxDetails"]["items"]:
            total += row["taxAmount"]
    return total


def suspect(order: Order, basis: str, residue: Decimal) -> Rejected:
    """Name what is off: a line with an amount equal to the difference, else the part whose sum is stated otherwise."""
    total = order.totals.total.on(basis)
    field = _line_of(order, basis, abs(residue)) or _part_of(order, basis) or "totals.total"
    sums = f"NetSuite would come to {total - residue}, the channel says {total} ({residue:+})"
    detail = f"order {order.key}: {sums}; see {field}"
    hint = "Correct the order in the channel or the mapping, then retry. Nothing was sent to NetSuite."
    return Rejected(code="totals_differ", detail=detail, field=field, hint=hint)


def _line_of(order: Order, basis: str, difference: Decimal) -> str | None:
    for index, line in enumerate(order.lines):
        price = line.unit_price.on(basis)
        for name, amount in (("unit_price", price * line.quantity), ("unit_price", price), *_parts(line, basis)):
            if amount and amount == difference:
                return f"lines[{index}].{name}"
    for index, charge in enumerate(order.charges):
        for name, amount in (("amount", charge.amount.on(basis)), *_parts(charge, basis)):
            if amount and amount == difference:
                return f"charges[{index}].{name}"
    return None


def _parts(row: OrderLine | Charge, basis: str) -> list[tuple[str, Decimal]]:
    discounts = sum((d.amount.on(basis) for d in row.discounts), ZERO)
    return [("discounts", discounts), ("taxes", sum((t.amount.on(basis) for t in row.taxes), ZERO))]


def _part_of(order: Order, basis: str) -> str | None:
    rows: list[OrderLine | Charge] = [*order.lines, *order.charges]
    parts = [dict(_parts(row, basis)) for row in rows]
    sums = {
        "lines": sum((line.unit_price.on(basis) * line.quantity for line in order.lines), ZERO),
        "tax": sum((part["taxes"] for part in parts), ZERO),
        "discounts": sum((part["discounts"] for part in parts), ZERO),
        "charges": sum((charge.amount.on(basis) for charge in order.charges), ZERO),
    }
    for name, value in sums.items():
        if value != getattr(order.totals, name).on(basis):
            return f"totals.{name}"
    return None
