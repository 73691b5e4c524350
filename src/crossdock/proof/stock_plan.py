"""Stock in a run: which SKUs the ERP counts, what the shop shows at first, and what people do to both."""

from collections.abc import Iterable
from random import Random
from typing import Any

import msgspec

LOCATION, SOURCE = "101", "1"  # where the shop sells from, and the ERP's location that feeds it
GRACE_S, SETTLE_S = 8, 2  # of the route's stock rules, in our faster time (minutes and one minute by default)
POLLS = {"positions": 6.0, "positions_all": 12.0, "levels": 8.0}  # and how often, in seconds
# Verb -> what somebody does. At the till a unit leaves the shop's level, and the ERP is told some seconds later.
VERBS = ("receive", "lose", "till")
BOOKED_S = (0.5, 3.0)  # until the ERP is told what the till sold
MOST_SKUS = 3


class StockAct(msgspec.Struct, frozen=True):
    """``units`` of a SKU are moved by people."""

    at: float
    verb: str
    sku: str
    units: int = 1


class StockPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A route with stock switched on."""

    there: dict[str, int]  # counted in the ERP before anything is sold
    shown: dict[str, int]  # what the shop shows then; a SKU of it that the ERP does not count is not known to it
    acts: tuple[StockAct, ...] = ()
    restocks: bool = False  # who cancels an order in the shop puts its units back on sale


def draw(random: Random, skus: Iterable[str], until_s: float) -> StockPlan:
    """A plan for some of these SKUs: few units of each, so that they run out."""
    names = sorted(set(skus))
    chosen = random.sample(names, min(MOST_SKUS, len(names)))
    unknown = chosen.pop() if len(chosen) > 1 and random.random() < 0.3 else None
    there = {sku: random.choice((0, 1, 2, 3, 5, 8, 20)) for sku in chosen}
    shown = {sku: random.choice((0, units, units)) for sku, units in there.items()}
    if unknown is not None:
        shown[unknown] = random.choice((1, 4))
    acts = [_act(random, chosen, until_s) for _ in range(random.choice((0, 1, 2, 4, 6)))] if chosen else []
    return StockPlan(there, shown, tuple(sorted(acts, key=_when)), random.random() < 0.5)


def _act(random: Random, skus: list[str], until_s: float) -> StockAct:
    at = round(random.uniform(0.5, until_s), 3)
    return StockAct(at, random.choice(VERBS), random.choice(skus), random.choice((1, 1, 2, 5)))


def _when(act: StockAct) -> float:
    return act.at


def wishes(random: Random, wish: dict[str, Any], skus: tuple[str, ...]) -> dict[str, Any]:
    """The wish with a quantity, so that it can be known before whether it can be had; of these ``skus`` if any."""
    fewer = {"skus": sorted(random.sample(skus, random.randint(1, min(2, len(skus)))))} if skus else {}
    return {**wish, **fewer, "quantity": random.choice((1, 1, 2))}
