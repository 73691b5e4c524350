"""Hold rules explain themselves, and one that breaks holds."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from crossdock.domain.money import Amount
from crossdock.domain.order import Address, Order, OrderLine, Party, Totals
from crossdock.governance.rules import HoldRule, RuleError, compile_rule, compile_rules


def order(total: str = "12.50", sku: str = "A-1", country: str = "DE") -> Order:
    amount = Amount(Decimal(total))
    at = datetime(2026, 5, 1, tzinfo=UTC)
    line = OrderLine("1", "Lamp", Decimal(2), amount, sku=sku)
    return Order(
        "shop1", "42", "#42", at, at, "EUR", Totals(amount, amount), (line,),
        ship_to=Address(name="Jo Doe", country_code=country), customer=Party(email="jo@doe.example"),
    )  # fmt: skip


def test_a_hit_carries_the_values_it_saw() -> None:
    holds = compile_rules([HoldRule("large", "total > 10 && country == 'DE'", "finance", "Look at it.", 60.0)])
    (hit,) = holds(order())
    assert (hit.rule, hit.owner, hit.reason, hit.expires_s) == ("large", "finance", "Look at it.", 60.0)
    assert hit.saw == {"country": "DE", "total": 12.5}
    assert holds(order(country="US")) == []


def test_what_names_a_person_is_withheld() -> None:
    (hit,) = compile_rules([HoldRule("mail", "email.endsWith('.example')")])(order())
    assert hit.saw == {"email": "(withheld)"}


def test_lines_can_be_asked() -> None:
    holds = compile_rules([HoldRule("hazard", "lines.exists(l, l.sku.startsWith('HAZ'))")])
    assert [hit.rule for hit in holds(order(sku="HAZ-9"))] == ["hazard"]
    assert holds(order()) == []


def test_a_rule_that_breaks_while_running_holds() -> None:
    holds = compile_rules([HoldRule("third", "skus.size() < 1 || skus[0] == 'X' || lines[0].quantity > 0.0")])
    assert holds(order())
    breaks = HoldRule("second", "number != '#42' || skus[1] == 'B'")
    (hit,) = compile_rules([breaks])(order())
    assert "held to be safe" in hit.reason


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("totl > 1", "Did you mean 'total'"),
        ("total >", "cannot be read"),
        ("total + 1.0", "not true or false"),
        ("total > 'a'", "fails on a sample order"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_before_anything_starts(when: str, told: str) -> None:
    with pytest.raises(RuleError, match=told):
        compile_rule(HoldRule("bad", when))
