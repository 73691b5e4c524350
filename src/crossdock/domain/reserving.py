"""What an order holds of the stock, from its intake until whoever tells positions has it: told to the streams of stock.

The ERP has it once it is booked; a warehouse, where a location goes by the warehouse's numbers, once it is released.
Only orders whose route has ``stock`` switched on speak to them.
"""

from decimal import Decimal

from crossdock.domain import entries as e
from crossdock.domain.decision import Policy, StreamRef, Tell
from crossdock.domain.draft import Draft
from crossdock.domain.money import ZERO
from crossdock.domain.publishing import pool_of
from crossdock.domain.state import OrderState, ordered, ships
from crossdock.domain.stock import StockPolicy
from crossdock.domain.stock_events import StockReserved

RESERVED, COMMITTED, RELEASED = "reserved", "committed", "released"


def reserve(d: Draft) -> None:
    """Tell what changed. Once the ERP has the order its own numbers tell, whatever becomes of it later."""
    policy = d.policy if d.state.order is not None else None
    if policy is None or policy.stock is None or d.state.reservation in (COMMITTED, RELEASED):
        return
    status, sold = _wanted(d.state, policy)
    before = d.state.reserved
    if (status, sold) == (d.state.reservation, before) or (status == RELEASED and d.state.reservation is None):
        return
    d.note(e.StockAsked(status, d.now, sold))
    units, held = _with_parts(policy.stock, sold), _with_parts(policy.stock, before)
    for sku in sorted(units.keys() | held.keys()):
        quantity, listed = units.get(sku, (ZERO, ZERO))
        event = StockReserved(sku, d.order.key, policy.channel, quantity, status, listed)
        d.decision.tells.append(Tell(StreamRef("stock", sku), event))


def _wanted(state: OrderState, policy: Policy) -> tuple[str, dict[str, Decimal]]:
    """Status and units by SKU, as the order stands."""
    order = state.order
    assert order is not None
    held = all(state.status_of(step) in ("done", "skipped") for step in _steps(policy))
    if held and state.ended != "cancelled":
        return COMMITTED, state.reserved
    if state.ended in ("cancelled", "ignored"):
        return RELEASED, {}
    units: dict[str, Decimal] = {}
    for line in order.lines:
        if line.sku and ships(line):
            units[line.sku] = units.get(line.sku, ZERO) + ordered(line)
    return RESERVED, units


def _steps(policy: Policy) -> tuple[str, ...]:
    """After which steps the numbers that the route's locations go by hold the order's units."""
    assert policy.stock is not None
    pools = (pool_of(policy, location) for location in policy.stock.locations)
    elsewhere = any(not place.startswith(f"{policy.erp}/") for pool in pools for place in pool)
    return ("order.book", "order.release") if elsewhere else ("order.book",)


def _with_parts(stock: StockPolicy, sold: dict[str, Decimal]) -> dict[str, tuple[Decimal, Decimal]]:
    """SKU -> what is reserved, and what the channel's own level went down by. A kit takes its components."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for sku, units in sold.items():
        needs = stock.kits.get(sku)
        own, listed = found.get(sku, (ZERO, ZERO))
        found[sku] = (own if needs else own + units, listed + units)
        for part, each in (needs or {}).items():
            quantity, shown = found.get(part, (ZERO, ZERO))
            found[part] = (quantity + units * each, shown)
    return found
