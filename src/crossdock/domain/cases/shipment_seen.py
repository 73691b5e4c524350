"""Goods left the warehouse: taken once, balanced per line, resolved to the channel's line ids."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from crossdock.domain import entries as e
from crossdock.domain.decision import StreamRef, Tell
from crossdock.domain.draft import Draft
from crossdock.domain.entries import units
from crossdock.domain.events import SHIPMENTS, ShipmentSeen, SignalSeen
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine, tracking_numbers
from crossdock.domain.money import ZERO
from crossdock.domain.order import Order, OrderLine
from crossdock.domain.problems import problem
from crossdock.domain.state import Parcel, ordered, shipped

Open = dict[str, Decimal]  # line id -> what may still leave


class Misfit(Exception):
    """A shipment that does not fit the order, with the problem's code."""

    def __init__(self, code: str, text: str, cause: str) -> None:
        super().__init__(text)
        self.code, self.text, self.cause = code, text, cause


def shipment_seen(d: Draft, event: ShipmentSeen) -> None:
    """Take a shipment that fits; refuse, visibly, one that does not; the same one twice changes nothing."""
    if d.state.ended == "ignored":
        d.ignore("shipment_seen", "the order is ignored")
        return
    known = d.state.shipments.get(event.shipment.id)
    if known is not None and known.refused is None:
        _repeated(d, known, event)
        return
    try:
        resolved = _fit(d, event.shipment)
    except Misfit as misfit:
        _refuse(d, event, misfit, known)
        return
    told = event.shipment.lines if event.shipment.lines != resolved.lines else None
    d.note(e.ShipmentTaken(resolved, event.source, d.now, told))
    d.settle(_key(event.shipment))
    _refer(d, event.source, event.shipment)


def _key(shipment: Shipment) -> str:
    return f"shipment/{shipment.id}"


def _refer(d: Draft, source: str, shipment: Shipment) -> None:
    d.refer(source, "shipment", shipment.id)
    for package in shipment.packages:
        d.refer(source, "tracking", package.tracking_number)


def _refuse(d: Draft, event: ShipmentSeen, misfit: Misfit, known: Parcel | None) -> None:
    if known is None or known.shipment != event.shipment or known.refused != misfit.text:
        d.note(e.ShipmentRefused(event.shipment, event.source, misfit.text, d.now))
        _refer(d, event.source, event.shipment)
        facts = {"shipment": event.shipment.id, "why": misfit.text}
        cause = f"{event.source}:{misfit.cause}"
        d.open(problem(misfit.code, _key(event.shipment), misfit.text, cause, facts), "take.shipments")


def _fit(d: Draft, shipment: Shipment) -> Shipment:
    """The shipment with every line id resolved. Raises ``Misfit``."""
    cancel = d.state.cancel
    if cancel is not None and cancel.way != "person":
        raise Misfit("order.shipped_after_cancel", "Goods left although the order is cancelled", "cancelled")
    for parcel in d.state.taken():
        if _same_parcel(parcel.shipment, shipment):
            text = "Same tracking number and same lines as a shipment that is already taken"
            raise Misfit("shipment.duplicate_tracking", text, "tracking")
    left = open_lines(d.order, shipped(d.state, but=shipment.id))
    by_id = {line.id: line for line in d.order.lines}
    resolved = _merge([part for line in shipment.lines for part in _resolve(d.order, by_id, left, line)])
    packages = _packages(d, by_id, shipment, resolved)
    if resolved == shipment.lines and packages is shipment.packages:
        return shipment
    return msgspec.structs.replace(shipment, lines=resolved, packages=packages)


def _same_parcel(one: Shipment, other: Shipment) -> bool:
    ours = {package.tracking_number for package in one.packages if package.tracking_number}
    theirs = {package.tracking_number for package in other.packages if package.tracking_number}
    return bool(ours) and ours == theirs and _quantities(one.lines) == _quantities(other.lines)


def _quantities(lines: Iterable[ShippedLine]) -> dict[str, Decimal]:
    """What left of each line, in whatever order and parts it is told."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        name = line.line_id or line.sku or ""
        sums[name] = sums.get(name, ZERO) + line.quantity
    return sums


def open_lines(order: Order, sums: Open) -> Open:
    """What may still leave, per line: ordered less shipped."""
    return {line.id: ordered(line) - sums.get(line.id, ZERO) for line in order.lines}


def _resolve(order: Order, by_id: dict[str, OrderLine], left: Open, line: ShippedLine) -> list[ShippedLine]:
    """One told line as one or several of the order's, taking them off ``left``."""
    if line.quantity <= ZERO:
        raise Misfit("shipment.not_positive", f"A shipped quantity is {units(line.quantity)}", "quantity")
    if line.line_id in by_id:
        if line.quantity > left[line.line_id]:
            raise _too_much(by_id[line.line_id], line.quantity - left[line.line_id])
        left[line.line_id] -= line.quantity
        return [line]
    candidates = _of_sku(order, line.sku)
    if not candidates:
        what = f"SKU {line.sku}" if line.sku else "a line"
        raise Misfit("shipment.unknown_line", f"The shipment names {what} that the order does not have", line.sku or "")
    parts, rest = _spread(candidates, left, line.quantity)
    if rest > ZERO:
        raise _too_much(candidates[0], rest)
    return parts


def _too_much(line: OrderLine, rest: Decimal) -> Misfit:
    what = line.sku or line.title
    return Misfit("shipment.exceeds_order", f"{units(rest)} more of {what} left than was ordered", what)


def _of_sku(order: Order, sku: str | None) -> list[OrderLine]:
    return [line for line in order.lines if sku and line.sku == sku]


def _spread(candidates: list[OrderLine], left: Open, quantity: Decimal) -> tuple[list[ShippedLine], Decimal]:
    """Spread a quantity over lines in their order, as far as they are open; gives the rest too."""
    parts = []
    for own in candidates:
        part = min(quantity, left.get(own.id, ZERO))
        if part > ZERO:
            left[own.id] -= part
            quantity -= part
            parts.append(ShippedLine(own.id, part, own.sku))
    return parts, quantity


def _merge(parts: list[ShippedLine]) -> tuple[ShippedLine, ...]:
    """One row per line id."""
    if len({part.line_id for part in parts}) == len(parts):
        return tuple(parts)
    merged: dict[str, ShippedLine] = {}
    for part in parts:
        have = merged.get(part.line_id)
        quantity = part.quantity if have is None else have.quantity + part.quantity
        merged[part.line_id] = ShippedLine(part.line_id, quantity, part.sku)
    return tuple(merged.values())


def _packages(
    d: Draft, by_id: dict[str, OrderLine], shipment: Shipment, lines: tuple[ShippedLine, ...]
) -> tuple[Package, ...]:
    """The parcels with their line ids resolved, out of what the shipment holds."""
    if all(line.line_id in by_id for package in shipment.packages for line in package.lines):
        return shipment.packages
    left = {line.line_id: line.quantity for line in lines}
    packages = []
    for package in shipment.packages:
        parts: list[ShippedLine] = []
        for line in package.lines:
            if line.line_id in by_id:
                parts.append(line)
            else:
                parts += _spread(_of_sku(d.order, line.sku), left, line.quantity)[0]
        packages.append(msgspec.structs.replace(package, lines=_merge(parts)))
    return tuple(packages)


def _repeated(d: Draft, known: Parcel, event: ShipmentSeen) -> None:
    """A shipment that is taken already: nothing, more about its parcels, or a contradiction."""
    shipment = event.shipment
    if _quantities(known.told or known.shipment.lines) != _quantities(shipment.lines):
        text = "The warehouse changed the lines of a shipment that is already taken"
        facts = {"shipment": shipment.id}
        d.open(problem("shipment.changed", _key(shipment), text, event.source, facts), "take.shipments")
        return
    had = {package.tracking_number for package in known.shipment.packages}
    if all(package.tracking_number in had for package in shipment.packages):
        return
    if event.read:
        _ask(d, event)
    else:
        by_id = {line.id: line for line in d.order.lines}
        packages = _packages(d, by_id, shipment, known.shipment.lines)
        d.note(e.ShipmentAmended(msgspec.structs.replace(known.shipment, packages=packages), d.now))
        _refer(d, event.source, shipment)


def _ask(d: Draft, event: ShipmentSeen) -> None:
    """What the warehouse shows when it is asked counts: no message tells which of two labels is the newer."""
    named = f"{event.read}/{event.shipment.id}"
    content = ",".join(sorted(tracking_numbers(event.shipment)))
    to = StreamRef("signal", f"{event.source}:{SHIPMENTS}:{named}")
    d.decision.tells.append(Tell(to, SignalSeen(event.source, SHIPMENTS, named, content)))
