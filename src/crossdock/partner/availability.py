"""``POST /partner/v1/availability``: what the streams of stock keep for the partner's channel, with its age."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from crossdock.domain.availability import Available, available
from crossdock.domain.decision import Policy
from crossdock.domain.money import ZERO, plausible
from crossdock.domain.promise import Dates, promised
from crossdock.domain.stock_state import StockState, decode_stock
from crossdock.partner.asking import MOST_SKUS, policy_of
from crossdock.partner.counter import Asking, Counter, counter_of
from crossdock.partner.problems import Refusal
from crossdock.store.reading import plain, statements


class StockLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many base units of a SKU are wanted."""

    sku: str
    quantity: Decimal = Decimal(1)


class AvailabilityQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``ship_method``: the portal's own code, for the date of arrival."""

    lines: list[StockLine]
    ship_method: str | None = None


class AvailabilityAnswer(msgspec.Struct, frozen=True):
    """Whether as many are there. ``stale``: the number is older than an answer may be, and is told with its age.

    ``units``: what is kept for this channel, which nobody reserves by asking.
    """

    sku: str
    availability: Literal["available", "short", "stale", "unknown"]
    units: int | None = None
    as_of: datetime | None = None
    why: str | None = None


class AvailabilityAnswers(msgspec.Struct, frozen=True):
    """``promised``: the dates of an order that were accepted now; only where every line is available."""

    lines: list[AvailabilityAnswer]
    stale_after_s: float
    promised: Dates | None = None


async def check(request: Asking, asked: AvailabilityQuestion) -> AvailabilityAnswers:
    """What is available of each line. Raises ``Refusal``."""
    counter = counter_of(request)
    policy = policy_of(request, counter)
    _sound(asked)
    states, now = await _states(counter, [line.sku for line in asked.lines])
    lines = [_answer(counter, policy, line, states.get(line.sku), now) for line in asked.lines]
    dates = None
    if policy.promise is not None and all(line.availability == "available" for line in lines):
        code = asked.ship_method
        method = policy.ship_methods.get(code, policy.default_ship_method) if code else policy.default_ship_method
        dates = promised(policy.promise, method, now)
    return AvailabilityAnswers(lines, counter.stock_fresh_s, dates)


def _sound(asked: AvailabilityQuestion) -> None:
    if not 1 <= len(asked.lines) <= MOST_SKUS:
        raise Refusal("request_refused", f"Ask for 1 to {MOST_SKUS} lines.")
    for index, line in enumerate(asked.lines):
        if not 1 <= len(line.sku) <= 200:
            raise Refusal("request_refused", f"lines[{index}].sku has 1 to 200 characters.")
        if not plausible(line.quantity) or line.quantity <= ZERO:
            raise Refusal("request_refused", f"lines[{index}].quantity is no number that an order can have.")
    if len({line.sku for line in asked.lines}) < len(asked.lines):
        raise Refusal("request_refused", "A SKU stands on two lines: ask once for the sum, or both would get one yes.")


async def _states(counter: Counter, skus: list[str]) -> tuple[dict[str, StockState], datetime]:
    rows: list[Any] = await counter.pool.fetch(statements("partner").stocks, skus)
    now: datetime = await counter.pool.fetchval(statements("partner").now)
    return {row["key"]: decode_stock(plain(row["state"])) for row in rows}, now


def _answer(
    counter: Counter, policy: Policy, line: StockLine, state: StockState | None, now: datetime
) -> AvailabilityAnswer:
    found: Available = available(line.sku, state, policy.channel, counter.policies)
    if found.units is None or found.as_of is None:
        return AvailabilityAnswer(line.sku, "unknown", why=found.why)
    age_s = (now - found.as_of).total_seconds()
    if age_s > counter.stock_fresh_s:
        why = f"It was last read {age_s / 3600:.1f} hours ago."
        return AvailabilityAnswer(line.sku, "stale", found.units, found.as_of, why)
    said: Literal["available", "short"] = "available" if found.units >= line.quantity else "short"
    return AvailabilityAnswer(line.sku, said, found.units, found.as_of)
