"""What is asked of each order: its proof holds, and what either ERP makes of it is the channel's total to the cent."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.connectors.businesscentral import mapping as central
from crossdock.connectors.businesscentral.proof import Unbookable as CentralRefuses
from crossdock.connectors.businesscentral.tests import orders as central_orders
from crossdock.connectors.netsuite import mapping as netsuite
from crossdock.connectors.netsuite.proof import Unbookable as NetSuiteRefuses
from crossdock.connectors.netsuite.tests import orders as netsuite_orders
from crossdock.connectors.netsuite.tests.test_mapping import SETTINGS as NETSUITE
from crossdock.domain.money import minor_unit
from crossdock.domain.order import Order
from crossdock.domain.totals import prove
from tests.money.made import dishonest, honest

DISHONEST = 5  # one order in so many is tried with a sum that is off


class Found(msgspec.Struct):
    """What came of it. ``wrong``: sentences, each a fault; ``refused``: ERP and field -> orders held, to the person
    who can say why."""

    orders: int = 0
    renderings: int = 0
    dishonest: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    features: Counter[str] = msgspec.field(default_factory=Counter)
    wrong: list[str] = []

    def add(self, other: "Found") -> None:
        self.orders += other.orders
        self.renderings += other.renderings
        self.dishonest += other.dishonest
        self.refused += other.refused
        self.features += other.features
        self.wrong += other.wrong


Render = Callable[[Any, Mapping[str, Any]], Decimal]


def _ways(order: Order) -> Iterable[tuple[str, Render, Any, Mapping[str, Any]]]:
    booking = netsuite_orders.booking(order)
    for mode in ("details", "line", "item"):
        for discounts in (None, "2006"):
            told = f"NetSuite, tax {mode}, discounts {'as lines' if discounts else 'in the price'}"
            yield told, netsuite.render_total, booking, {**NETSUITE, "tax_mode": mode, "discount_item": discounts}
    booking = central_orders.booking(order)
    for mode in ("computed", "account"):
        told = f"Business Central, tax {mode}"
        yield told, central.render_total, booking, {**central_orders.SETTINGS, "tax_mode": mode}


def _ceiling(order: Order) -> str:
    """As a route would have it: above every rounding that the made orders declare."""
    return str(2 * minor_unit(order.currency))


def look_at(seed: int, found: Found) -> None:
    """One order more."""
    order = honest(seed)
    found.orders += 1
    found.features.update(_features(order))
    proof = prove(order, _ceiling(order))
    if not proof.balanced:
        found.wrong.append(f"seed {seed}: an honest order is held: {proof.findings[0].text}")
    for told, render, booking, settings in _ways(order):
        found.renderings += 1
        try:
            total = render(booking, settings)
        except (NetSuiteRefuses, CentralRefuses) as refused:
            found.refused[f"{told}: {refused.outcome.code}"] += 1
            if not refused.outcome.field:
                found.wrong.append(f"seed {seed}: {told} refuses and names nothing: {refused.outcome.detail}")
            continue
        if total != order.totals.total.shop:
            found.wrong.append(f"seed {seed}: {told} comes to {total}, the channel says {order.totals.total.shop}")
    if seed % DISHONEST == 0:
        _dishonest(seed, found)


def _dishonest(seed: int, found: Found) -> None:
    order, name = dishonest(seed)
    found.dishonest += 1
    told = [finding.code for finding in prove(order, _ceiling(order)).findings]
    if name not in told:
        found.wrong.append(f"seed {seed}: the sum of {name} is off, the proof names {told or 'nothing'}")


def _features(order: Order) -> Iterable[str]:
    yield order.currency
    yield "prices with tax" if order.tax_inclusive else "prices without tax"
    if order.totals.rounding.shop:
        yield "declared rounding"
    if any(len(line.discounts) > 1 for line in order.lines):
        yield "stacked discounts"
    if any(len(line.taxes) > 1 for line in order.lines):
        yield "two taxes"
    if any(tax.channel_liable for line in order.lines for tax in line.taxes):
        yield "tax the channel remits"
    if any(line.quantity % 1 for line in order.lines):
        yield "parts of a unit"


def look_at_all(first: int, count: int) -> Found:
    """Orders by seed, from ``first`` on."""
    found = Found()
    for seed in range(first, first + count):
        look_at(seed, found)
    return found
