"""From a run that breaks a promise to the smallest one that still breaks it.

Whatever can be left out is left out, in halves first and then one by one, as long as the same invariant breaks. Chance
hangs on the seed and the kind of fault, so that what stays behaves much as before; where it does not, the part is kept.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from crossdock.proof.plan import OrderPlan, Scenario
from crossdock.proof.run import Ran, run
from crossdock.proof.stock_plan import StockPlan

MOST_RUNS = 250
_SHORTER_S = (2.0, 4.0, 8.0)

T = TypeVar("T")
Runs = Callable[..., Ran]  # of a scenario; also takes ``patience_s``


class Shrunk(msgspec.Struct, frozen=True):
    """A scenario that breaks ``invariant``, what is left of it, and how many runs it took to get there."""

    invariant: str
    before: Scenario
    scenario: Scenario
    ran: Ran
    runs: int


def shrink(scenario: Scenario, invariant: str, *, runs: Runs = run, most: int = MOST_RUNS) -> Shrunk:
    """The smallest that ``most`` runs find. Raises ``ValueError`` if the scenario does not break the invariant."""
    ran = runs(scenario)
    if not _breaks(ran, invariant):
        raise ValueError(f"seed {scenario.seed} ({scenario.profile}) does not break {invariant}")
    smallest, spent = scenario, 1
    smaller = _smaller(smallest)
    while spent < most and (candidate := next(smaller, None)) is not None:
        tried = runs(candidate)
        spent += 1
        if _breaks(tried, invariant) and bool(tried.ended) == bool(ran.ended):  # a crash stays one
            smallest, ran, smaller = candidate, tried, _smaller(candidate)
    return Shrunk(invariant, scenario, smallest, ran, spent)


def _breaks(ran: Ran, invariant: str) -> bool:
    return any(one.invariant == invariant for one in ran.violations)


def size(scenario: Scenario) -> int:
    """How much there is to read."""
    orders = sum(1 + len(plan.acts) + len(plan.wish) for plan in scenario.orders)
    parts = (scenario.rates, scenario.blows, scenario.operator, scenario.struck)
    single = (
        scenario.workers > 1,
        any(scenario.skews),
        scenario.search_lag_s,
        scenario.edit_window_s,
        scenario.replayed,
    )
    stock = scenario.stock
    told = 0 if stock is None else 1 + len(stock.there) + len(stock.shown) + len(stock.acts)
    return orders + sum(map(len, parts)) + sum(map(bool, single)) + told


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Each a little less than the scenario, what saves most first."""

    def but(**changes: Any) -> Scenario:
        return msgspec.structs.replace(scenario, **changes)

    yield from (but(orders=orders) for orders in _less(scenario.orders) if orders)
    yield from (but(rates=dict(rates)) for rates in _less(tuple(scenario.rates.items())))
    yield from (but(blows=blows) for blows in _less(scenario.blows))
    yield from (but(operator=acts) for acts in _less(scenario.operator))
    yield from (but(struck=struck) for struck in _less(scenario.struck))
    yield from (but(stock=stock) for stock in _less_stock(scenario.stock))
    yield from _simpler(scenario, but)
    for position, plan in enumerate(scenario.orders):
        for less in _plainer(plan):
            yield but(orders=(*scenario.orders[:position], less, *scenario.orders[position + 1 :]))


def _simpler(scenario: Scenario, but: Callable[..., Scenario]) -> Iterator[Scenario]:
    if scenario.replayed:
        yield but(replayed=False)
    if scenario.workers > 1:
        blows = tuple(msgspec.structs.replace(one, who="w1") if one.who == "w2" else one for one in scenario.blows)
        yield but(workers=1, blows=blows)
    if any(scenario.skews):
        yield but(skews=(0.0, 0.0))
    if scenario.search_lag_s:
        yield but(search_lag_s=0.0)
    if scenario.edit_window_s:
        yield but(edit_window_s=0.0)
    if scenario.kill_again is not None:
        yield but(kill_again=None)
    if scenario.kill_at is not None:
        yield but(kill_at=None, kill_again=None)
    last = max([0.0, *(plan.at for plan in scenario.orders), *(blow.at for blow in scenario.blows)])
    yield from (but(trouble_s=until) for until in _SHORTER_S if last < until < scenario.trouble_s)


def _less_stock(plan: StockPlan | None) -> Iterator[StockPlan | None]:
    """None at all, fewer acts, one SKU less."""
    if plan is None:
        return
    yield None
    yield from (msgspec.structs.replace(plan, acts=acts) for acts in _less(plan.acts))
    for sku in sorted(plan.there.keys() | plan.shown.keys()) if len(plan.shown) > 1 else ():
        there, shown = ({n: units for n, units in of.items() if n != sku} for of in (plan.there, plan.shown))
        yield StockPlan(there, shown, tuple(act for act in plan.acts if act.sku != sku), plan.restocks)


def _plainer(plan: OrderPlan) -> Iterator[OrderPlan]:
    yield from (msgspec.structs.replace(plan, acts=acts) for acts in _less(plan.acts))
    skus = plan.wish.get("skus", [])
    if len(skus) > 1:
        yield from (
            msgspec.structs.replace(plan, wish={**plan.wish, "skus": list(less)}) for less in _less(skus) if less
        )
    for name in plan.wish:
        if name != "skus":
            yield msgspec.structs.replace(plan, wish={n: v for n, v in plan.wish.items() if n != name})


def _less(parts: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """Without all, without either half, without each."""
    if not parts:
        return
    yield ()
    if len(parts) > 2:
        middle = len(parts) // 2
        yield tuple(parts[middle:])
        yield tuple(parts[:middle])
    if len(parts) > 1:
        yield from ((*parts[:position], *parts[position + 1 :]) for position in range(len(parts)))
