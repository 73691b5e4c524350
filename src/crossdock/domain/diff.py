"""What differs between the order as booked and a newer view, in words without personal data."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from crossdock.domain.entries import units
from crossdock.domain.money import ZERO
from crossdock.domain.order import Address, ChargeKind, Discount, Order, OrderLine, TaxLine
from crossdock.domain.rulings import Edit
from crossdock.domain.state import ordered


class Change(msgspec.Struct, frozen=True):
    """``area``: lines, total or ship-to, bill-to. ``edit``: None for what only follows from others, as a total does."""

    area: str
    text: str
    edit: Edit | None = None


def changes(booked: Order, seen: Order) -> list[Change]:
    """What a person would have to change in the ERP or the warehouse. Empty: nothing that was sent there differs."""
    found = _lines(booked, seen)
    found += _totals(booked, seen)
    found += _address("ship-to", Edit.ADDRESS, booked.ship_to, seen.ship_to)
    found += _address("bill-to", Edit.BILLING, booked.bill_to, seen.bill_to)
    return found


def edits(found: Iterable[Change]) -> set[Edit]:
    """The kinds of edit among changes; a total that nothing explains is a price's."""
    return {change.edit for change in found if change.edit is not None} or {Edit.PRICE}


def _lines(booked: Order, seen: Order) -> list[Change]:
    if booked.lines == seen.lines:
        return []
    before = {line.id: line for line in booked.lines}
    after = {line.id: line for line in seen.lines}
    found = [Change("lines", f"line {id_} was added", Edit.LINE_ADDED) for id_ in after if id_ not in before]
    for id_, line in before.items():
        if id_ not in after:
            found.append(Change("lines", f"line {id_} was removed", Edit.LINE_REMOVED))
        else:
            found += _line(line, after[id_])
    return found


def _line(before: OrderLine, after: OrderLine) -> list[Change]:
    found: list[tuple[Edit | None, str]] = []
    was, is_ = ordered(before), ordered(after)
    if was != is_:
        edit = Edit.QUANTITY_UP if is_ > was else Edit.QUANTITY_DOWN if is_ else Edit.LINES_CANCELLED
        found.append((edit, f"quantity {units(was)} → {units(is_)}"))
    if (before.sku or "") != (after.sku or ""):
        found.append((Edit.ITEM, f"SKU {before.sku or 'none'} → {after.sku or 'none'}"))
    if before.unit != after.unit:
        found.append((Edit.ITEM, f"unit {before.unit or 'as usual'} → {after.unit or 'as usual'}"))
    if before.unit_price.shop != after.unit_price.shop:
        found.append((Edit.PRICE, f"price {before.unit_price.shop:f} → {after.unit_price.shop:f}"))
    share = None if was != is_ else Edit.PRICE  # of another quantity discount and tax are others too
    if _sum(before.discounts) != _sum(after.discounts):
        found.append((share, f"discount {_sum(before.discounts):f} → {_sum(after.discounts):f}"))
    if _sum(before.taxes) != _sum(after.taxes):
        found.append((share, f"tax {_sum(before.taxes):f} → {_sum(after.taxes):f}"))
    return [Change("lines", f"line {before.id}: {text}", edit) for edit, text in found]


def _totals(booked: Order, seen: Order) -> list[Change]:
    found = []
    if booked.totals.total.shop != seen.totals.total.shop:
        text = f"total {booked.totals.total.shop:f} → {seen.totals.total.shop:f} {seen.currency}"
        found.append(Change("total", text))
    before, after = _charged(booked), _charged(seen)
    if before != after:
        found.append(Change("charges", f"charges {before:f} → {after:f} {seen.currency}", Edit.SHIPPING))
    if (was := _methods(booked)) != (is_ := _methods(seen)):
        text = f"shipping method {', '.join(was) or 'none'} → {', '.join(is_) or 'none'}"
        found.append(Change("charges", text, Edit.SHIPPING))
    return found


def _methods(order: Order) -> list[str]:
    return [charge.code for charge in order.charges if charge.kind is ChargeKind.SHIPPING and charge.code]


def _sum(parts: Iterable[Discount | TaxLine]) -> Decimal:
    """Amounts are compared, not titles or rates: webhook and read-back may word those differently."""
    return sum((part.amount.shop for part in parts), ZERO)


def _charged(order: Order) -> Decimal:
    return sum((each.amount.shop - _sum(each.discounts) + _sum(each.taxes) for each in order.charges), ZERO)


def _address(area: str, edit: Edit, before: Address | None, after: Address | None) -> list[Change]:
    """Names the fields, never their content: addresses are personal data."""
    if before == after:
        return []
    if before is None or after is None:
        return [Change(area, f"{area} was {'added' if before is None else 'removed'}", edit)]
    names = before.__struct_fields__
    fields = [name for name in names if (getattr(before, name) or "") != (getattr(after, name) or "")]
    return [Change(area, f"{area}: {', '.join(fields)}", edit)] if fields else []
