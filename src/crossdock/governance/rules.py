"""Hold rules: CEL conditions over a flat view of the order.

Amounts are given as doubles, because CEL has no decimals: good for "over 5,000", never for money arithmetic. A rule
that fails while it runs holds the order and says so; it never lets an order pass unseen.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.domain.decision import HoldHit
from crossdock.domain.holding import RELEASE, VIEW
from crossdock.domain.money import Amount
from crossdock.domain.order import Order, OrderLine, PaymentStatus, Totals

# Names a macro binds (``lines.exists(l, …)``): they are not facts of the order.
_BOUND = re.compile(r"\.(?:exists|exists_one|all|map|filter)\(\s*([A-Za-z_]\w*)\s*,")
# Facts about a person: a hold may be decided by them, but what it saw is shown without them.
_PERSONAL = frozenset({"email", "customer_name", "note", "ship_name", "ship_postal_code", "ship_city"})


class HoldRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule as configured. ``expires_s``: how long the hold stands until ``on_expiry`` happens; None: for ever."""

    name: str
    when: str
    owner: str = "operations"
    reason: str = ""
    expires_s: float | None = None
    release_by: tuple[str, ...] = ()
    release_on: tuple[str, ...] = (VIEW,)
    on_expiry: str = RELEASE
    escalate_to: str = ""


class RuleError(Exception):
    """The condition cannot be used; the text says what is wrong with it."""


def facts_of(order: Order) -> dict[str, Any]:
    """What a condition may speak of: the names of ``FACTS``. Absent texts are "", absent lists empty."""
    ship, bill, buyer = order.ship_to, order.bill_to, order.customer
    country = (ship and ship.country_code) or (bill and bill.country_code) or ""
    return {
        "channel": order.channel,
        "number": order.number,
        "currency": order.currency,
        "total": float(order.totals.total.shop),
        "discount_total": float(order.totals.discounts.shop),
        "tax_total": float(order.totals.tax.shop),
        "payment_status": str(order.payment_status),
        "gateways": [payment.gateway for payment in order.payments],
        "tags": list(order.tags),
        "source": order.source or "",
        "note": order.note or "",
        "po_number": order.po_number or "",
        "tax_inclusive": order.tax_inclusive,
        "email": (buyer and buyer.email) or "",
        "customer_name": (buyer and buyer.name) or "",
        "company": (buyer and buyer.company) or (ship and ship.company) or "",
        "guest": buyer is None or buyer.external_id is None,
        "country": country,
        "bill_country": (bill and bill.country_code) or "",
        "ship_name": (ship and ship.name) or "",
        "ship_region": (ship and (ship.region_code or ship.region)) or "",
        "ship_city": (ship and ship.city) or "",
        "ship_postal_code": (ship and ship.postal_code) or "",
        "line_count": len(order.lines),
        "item_count": float(sum((line.quantity for line in order.lines), Decimal(0))),
        "skus": [line.sku or "" for line in order.lines],
        "lines": [_line(line) for line in order.lines],
        "shipping_codes": [charge.code or charge.title for charge in order.charges if charge.kind == "shipping"],
        "placed_at": order.placed_at,
    }


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "sku": line.sku or "",
        "title": line.title,
        "quantity": float(line.quantity),
        "unit_price": float(line.unit_price.shop),
        "kind": str(line.kind),
        "requires_shipping": line.requires_shipping,
    }


def _example() -> Order:
    one = Amount(Decimal(1))
    line = OrderLine("1", "Sample", Decimal(1), one, sku="SKU-1")
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    totals = Totals(total=one, lines=one)
    paid = PaymentStatus.PAID
    return Order("shop", "1", "#1", instant, instant, "EUR", totals, (line,), payment_status=paid, tags=("sample",))


def fact_names() -> list[str]:
    """Every name a condition may use."""
    return sorted(facts_of(_example()))


def compile_rule(rule: HoldRule) -> Callable[[Mapping[str, Any]], HoldHit | None]:
    """Make a rule callable; raises ``RuleError`` for a condition that cannot be read, names a fact that does not
    exist, or gives something other than true or false."""
    import cel  # 16 MB: only where rules are run

    try:
        program = cel.compile(rule.when)
    except ValueError as error:
        raise RuleError(f"The condition cannot be read: {' '.join(str(error).split())}") from error
    used = sorted(set(program.variables()) - set(_BOUND.findall(rule.when)))
    known = facts_of(_example())
    for name in used:
        if name not in known:
            raise RuleError(f"The condition speaks of '{name}', which an order does not have. " + _suggest(name, known))
    _prove(program, known)
    return lambda facts: _run(rule, program, used, facts)


def _suggest(name: str, known: Mapping[str, Any]) -> str:
    from crossdock.governance.faults import nearest

    return nearest(name, known, "It has")


def _prove(program: Any, known: Mapping[str, Any]) -> None:
    try:
        answer = program.execute(dict(known))
    except Exception as error:
        raise RuleError(f"The condition fails on a sample order: {error}") from error
    if not isinstance(answer, bool):
        raise RuleError(f"The condition gives {answer!r}, not true or false. Compare it with something.")


def _run(rule: HoldRule, program: Any, used: Sequence[str], facts: Mapping[str, Any]) -> HoldHit | None:
    saw = {name: ("(withheld)" if name in _PERSONAL else _plain(facts[name])) for name in used}
    reason = rule.reason or f"The rule '{rule.name}' applies."
    try:
        hit = program.execute(dict(facts))
    except Exception as error:  # noqa: BLE001 -- a rule that cannot be run must hold, whatever it raised
        broken = f"The rule '{rule.name}' could not be run ({type(error).__name__}): held to be safe."
        return _hit(rule, broken, saw)
    return _hit(rule, reason, saw) if hit is not False else None


def _hit(rule: HoldRule, reason: str, saw: dict[str, Any]) -> HoldHit:
    return HoldHit(
        rule.name, rule.owner, reason, saw, rule.expires_s, rule.when, rule.release_by, rule.release_on,
        rule.on_expiry, rule.escalate_to,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def compile_rules(rules: Sequence[HoldRule]) -> Callable[[Order], list[HoldHit]]:
    """All rules as the one function the engine asks; raises ``RuleError`` as ``compile_rule`` does."""
    compiled = [compile_rule(rule) for rule in rules]
    if not compiled:
        return lambda order: []

    def holds(order: Order) -> list[HoldHit]:
        facts = facts_of(order)
        return [hit for run in compiled if (hit := run(facts)) is not None]

    return holds
