"""What differs between the order as booked and a newer view, in words without personal data."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from crossdock.domain.entries import units
from crossdock.domain.money import ZERO
from crossdock.domain.order import Address, Discount, Order, OrderLine, TaxLine
from crossdock.domain.state import ordered


class Change(msgspec.Struct, frozen=True):
    """``area``: lines, total or ship-to, bill-to."""

    area: str
    text: str


def changes(booked: Order, seen: Order) -> list[Change]:
    """What a person would have to change in the ERP or the warehouse. Empty: nothing that was sent there differs."""
    found = _lines(booked, seen)
    found += _totals(booked, seen)
    found += _address("ship-to", booked.ship_to, seen.ship_to)
    found += _address("bill-to", booked.bill_to, seen.bill_to)
    return found


def _lines(booked: Order, seen: Order) -> list[Change]:
    if booked.lines == seen.lines:
        return []
    before = {line.id: line for line in booked.lines}
    after = {line.id: line for line in seen.lines}
    found = [Change("lines", f"line {id_} was added") for id_ in after if id_ not in before]
    for id_, line in before.items():
        if id_ not in after:
            found.append(Change("lines", f"line {id_} was removed"))
        else:
            found += _line(line, after[id_])
    return found


def _line(before: OrderLine, after: OrderLine) -> list[Change]:
    found = []
    if ordered(before) != ordered(after):
        found.append(f"quantity {units(ordered(before))} → {units(ordered(after))}")
    if (before.sku or "") != (after.sku or ""):
        found.append(f"SKU {before.sku or 'none'} → {after.sku or 'none'}")
    if before.unit_price.shop != after.unit_price.shop:
        found.append(f"price {before.unit_price.shop:f} → {after.unit_price.shop:f}")
    if _sum(before.discounts) != _sum(after.discounts):
        found.append(f"discount {_sum(before.discounts):f} → {_sum(after.discounts):f}")
    if _sum(before.taxes) != _sum(after.taxes):
        found.append(f"tax {_sum(before.taxes):f} → {_sum(after.taxes):f}")
    return [Change("lines", f"line {before.id}: {text}") for text in found]


def _totals(booked: Order, seen: Order) -> list[Change]:
    found = []
    if booked.totals.total.shop != seen.totals.total.shop:
        text = f"total {booked.totals.total.shop:f} → {seen.totals.total.shop:f} {seen.currency}"
        found.append(Change("total", text))
    before, after = _charged(booked), _charged(seen)
    if before != after:
        found.append(Change("charges", f"charges {before:f} → {after:f} {seen.currency}"))
    return found


def _sum(parts: Iterable[Discount | TaxLine]) -> Decimal:
    """Amounts are compared, not titles or rates: webhook and read-back may word those differently."""
    return sum((part.amount.shop for part in parts), ZERO)


def _charged(order: Order) -> Decimal:
    return sum((each.amount.shop - _sum(each.discounts) + _sum(each.taxes) for each in order.charges), ZERO)


def _address(area: str, before: Address | None, after: Address | None) -> list[Change]:
    """Names the fields, never their content: addresses are personal data."""
    if before == after:
        return []
    if before is None or after is None:
        return [Change(area, f"{area} was {'added' if before is None else 'removed'}")]
    names = before.__struct_fields__
    fields = [name for name in names if (getattr(before, name) or "") != (getattr(after, name) or "")]
    return [Change(area, f"{area}: {', '.join(fields)}")] if fields else []
