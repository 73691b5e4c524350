"""Lines in another unit than the ERP counts in: a case of twelve. Pure; exactly or not at all.

A line keeps the quantity and the price that it was ordered with, so that its money stays what the channel says it is.
``per_unit`` is how many of the ERP's unit one of the line's holds; what leaves, comes back or is reserved is counted in
the ERP's. The channel is told of shipments in the unit that it ordered in.
"""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, Inexact

import msgspec

from crossdock.domain.fulfilment import Shipment, ShippedLine
from crossdock.domain.order import Order, OrderLine
from crossdock.domain.pricing import ONE, PriceMaster, UnitError, convert

_EXACT = Context(prec=60, traps=[Inexact])
_replace = msgspec.structs.replace
_MARK = "\0"  # no SKU has one: PostgreSQL's text cannot


class Indivisible(Exception):
    """A quantity that no decimal states in the line's unit; the text names line, unit and factor."""


def measure_key(sku: str) -> str:
    """What the units of an item are asked for by, among the SKUs that deciding will look up."""
    return f"{_MARK}{sku}"


def measured_sku(key: str) -> str | None:
    """The SKU whose units such a key asks for; None for a SKU itself."""
    return key[len(_MARK) :] if key.startswith(_MARK) else None


def factor(master: PriceMaster, unit: str) -> Decimal:
    """How many of the unit that the ERP's lines count are in one of another. Raises ``UnitError``."""
    if master.unit != master.base_unit:
        detail = f"{master.sku} is sold in {master.unit or 'no unit'} and kept in {master.base_unit or 'no unit'}"
        raise UnitError(f"{detail}: what a line of it counts is not known", unit)
    return convert(master, ONE, unit, master.unit)


def in_goods(line: OrderLine, quantity: Decimal) -> Decimal:
    """A quantity of the line in the ERP's unit."""
    return quantity if line.per_unit is None else _EXACT.multiply(quantity, line.per_unit)


def measured(order: Order, factors: Mapping[str, Decimal]) -> Order:
    """The order with what is known of its lines' units; the very same one where nothing is new."""
    lines = tuple(
        _replace(line, per_unit=factors[line.id]) if line.id in factors and line.per_unit != factors[line.id] else line
        for line in order.lines
    )
    return (
        order if all(new is old for new, old in zip(lines, order.lines, strict=True)) else _replace(order, lines=lines)
    )


def remembered(order: Order, known: Iterable[Order | None]) -> Order:
    """A view as its channel shows it, with the units that were found for the same lines before."""
    if all(line.unit is None for line in order.lines):
        return order
    before = {
        (line.id, line.sku, line.unit): line.per_unit
        for view in known
        if view is not None
        for line in view.lines
        if line.per_unit is not None
    }
    found = {line.id: before.get((line.id, line.sku, line.unit)) for line in order.lines if line.unit is not None}
    return measured(order, {id_: per for id_, per in found.items() if per is not None})


def unmeasured(order: Order) -> list[OrderLine]:
    """Lines in a unit of which it is not known how many of the ERP's it holds."""
    return [line for line in order.lines if line.unit is not None and line.per_unit is None]


def as_ordered(order: Order, shipment: Shipment) -> Shipment:
    """The shipment in the units that its lines were ordered in. Raises ``Indivisible``."""
    by_id = {line.id: line for line in order.lines}
    if all(line.per_unit in (None, ONE) for line in order.lines):
        return shipment
    packages = tuple(_replace(each, lines=_told(by_id, each.lines)) for each in shipment.packages)
    return _replace(shipment, lines=_told(by_id, shipment.lines), packages=packages)


def _told(by_id: Mapping[str, OrderLine], lines: tuple[ShippedLine, ...]) -> tuple[ShippedLine, ...]:
    return tuple(_replace(one, quantity=_divided(by_id.get(one.line_id), one.quantity)) for one in lines)


def _divided(line: OrderLine | None, quantity: Decimal) -> Decimal:
    if line is None or line.per_unit is None:
        return quantity
    try:
        return _EXACT.divide(quantity, line.per_unit)
    except Inexact:
        text = f"line {line.id} is ordered in {line.unit} of {line.per_unit:f}, of which {quantity:f} are no exact part"
        raise Indivisible(text) from None
