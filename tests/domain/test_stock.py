"""The arithmetic of availability: never below none, never more than is there, never more for being reserved more."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.domain.stock import (
    Rule,
    Seat,
    StockLocation,
    StockPolicy,
    StockRule,
    allot,
    free_of,
    kit_free,
    rule_for,
)

units = st.integers(0, 500)
decimals = st.decimals(-50, 500, places=2)
rules = st.builds(
    Rule,
    percent=st.none() | st.integers(0, 100),
    cap=st.none() | st.integers(0, 60),
    floor=st.integers(0, 5),
    buffer=st.integers(0, 8),
    ring_fence=st.integers(0, 20),
    share=st.booleans(),
)
seats = st.lists(rules, max_size=6).map(lambda found: [Seat(f"shop{n}/1", rule) for n, rule in enumerate(found)])


def shown(free: int, *rules: Rule) -> list[int]:
    return [part.shown for part in allot(free, [Seat(f"c{n}/1", rule) for n, rule in enumerate(rules)]).values()]


@given(units, seats)
def test_no_unit_is_shown_twice_unless_the_policy_shares_it(free: int, seats: list[Seat]) -> None:
    parts = allot(free, seats)
    alone = sum(parts[seat.name].shown for seat in seats if not seat.rule.share)
    fences = sum(min(parts[seat.name].given, seat.rule.ring_fence) for seat in seats if seat.rule.share)
    opened = [
        parts[seat.name].given - min(parts[seat.name].given, seat.rule.ring_fence) for seat in seats if seat.rule.share
    ]
    assert alone + fences + max(opened, default=0) <= free
    assert all(part.shown >= 0 for part in parts.values())


@given(units, seats)
def test_one_more_unit_takes_nothing_from_anybody(free: int, seats: list[Seat]) -> None:
    fewer, more = allot(free, seats), allot(free + 1, seats)
    for name, part in fewer.items():
        assert part.shown <= more[name].shown
        assert part.given <= more[name].given


@given(st.lists(decimals, min_size=1, max_size=4), st.decimals(0, 500, places=2), st.decimals(0, 500, places=2))
def test_free_is_never_negative_and_falls_with_what_is_reserved(
    available: list[Decimal], reserved: Decimal, more: Decimal
) -> None:
    before, after = free_of(available, reserved, Decimal(0)), free_of(available, reserved + more, Decimal(0))
    assert before is not None
    assert after is not None
    assert 0 <= after <= before <= max(Decimal(0), sum(available, Decimal(0)))
    assert free_of(available, reserved, more) == after


@given(units, seats)
def test_the_terms_add_up_to_what_is_shown(free: int, seats: list[Seat]) -> None:
    for part in allot(free, seats).values():
        assert sum(term.quantity for term in part.terms) == part.shown


@given(st.dictionaries(st.sampled_from("abc"), st.integers(1, 5), min_size=1), st.lists(units, min_size=3, max_size=3))
def test_a_kit_is_as_many_as_its_scarcest_component_allows(needs: dict[str, int], held: list[int]) -> None:
    free: dict[str, int | None] = dict(zip("abc", held, strict=True))
    made = kit_free(needs, free)
    assert made is not None
    assert all(made * each <= (free[sku] or 0) for sku, each in needs.items())
    assert any((made + 1) * each > (free[sku] or 0) for sku, each in needs.items())


def test_what_is_unknown_is_not_zero() -> None:
    assert free_of([], Decimal(0), Decimal(0)) is None
    assert free_of([Decimal(5), None], Decimal(0), Decimal(0)) is None
    assert kit_free({"a": 1, "b": 2}, {"a": 5}) is None
    assert kit_free({"a": 1, "b": 2}, {"a": 5, "b": None}) is None
    assert kit_free({}, {"a": 5}) is None


@pytest.mark.parametrize(
    ("free", "rules", "expected"),
    [
        (10, [Rule()], [10]),
        (10, [Rule(), Rule()], [5, 5]),
        (1, [Rule(), Rule()], [1, 0]),  # the last unit is in one channel, and in one only
        (10, [Rule(percent=70), Rule()], [7, 3]),
        (10, [Rule(percent=50)], [5]),
        (10, [Rule(percent=70), Rule(percent=70)], [5, 5]),  # more than all: in proportion
        (10, [Rule(share=True), Rule(share=True)], [10, 10]),
        (10, [Rule(percent=40), Rule(share=True), Rule(share=True, percent=50)], [4, 6, 3]),
        (10, [Rule(ring_fence=4), Rule()], [7, 3]),
        (3, [Rule(ring_fence=2), Rule(ring_fence=2)], [2, 1]),
        (10, [Rule(buffer=2)], [8]),
        (1, [Rule(buffer=2)], [0]),
        (10, [Rule(cap=4)], [4]),
        (2, [Rule(floor=3)], [0]),
        (3, [Rule(floor=3)], [3]),
        (0, [Rule(percent=0)], [0]),
        (10, [Rule(percent=0)], [0]),
    ],
)
def test_how_stock_is_divided(free: int, rules: list[Rule], expected: list[int]) -> None:
    assert shown(free, *rules) == expected


def test_the_narrower_rule_counts() -> None:
    policy = StockPolicy(
        buffer=1,
        cap=50,
        locations={"101": StockLocation(sources=("1",), buffer=2, percent=40)},
        skus={"SKU-1": StockRule(cap=5, share=True)},
    )
    assert rule_for(policy, "101", "SKU-9") == Rule(buffer=2, cap=50, percent=40)
    assert rule_for(policy, "101", "SKU-1") == Rule(buffer=2, cap=5, percent=40, share=True)
