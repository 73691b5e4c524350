"""How many units of a SKU a channel may show: the arithmetic of availability. Pure; units are whole pieces.

A **pool** is a set of places in the ERP or a warehouse whose stock is counted together. Of each pool:

    free = on hand - committed by the ERP - reserved by orders - in flight

``free`` is divided between the places in channels that are fed by the pool (``allot``), so that no unit is shown twice
unless the policy shares it. What is not known is never taken for zero: a pool with a place whose position is unknown
gives ``None``, and nothing is published.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

import msgspec

from crossdock.domain.money import ZERO

WHOLE = 100


class StockRule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """What a route, one of its locations or one of its SKUs says; what is not said is taken from the wider one."""

    percent: int | None = None  # its part of what is free; not said: an equal part of what others leave
    cap: int | None = None  # never shows more than this
    floor: int | None = None  # fewer than this are shown as none
    buffer: int | None = None  # kept back of its part
    ring_fence: int | None = None  # units that are its own before anything is divided
    share: bool | None = None  # shows the same units as all others that share: what they sell at once is oversold


class StockLocation(StockRule, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A place of the channel. ``sources``: the ERP's locations that feed it, or ``connection/location`` elsewhere."""

    sources: tuple[str, ...] = ()


class StockPolicy(StockRule, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """How a channel is told stock. ``kits``: SKU -> its components and how many of each."""

    locations: dict[str, StockLocation] = {}
    skus: dict[str, StockRule] = {}
    kits: dict[str, dict[str, int]] = {}
    grace_s: int = 300  # how long a level below ours may mean orders that have not come yet
    settle_s: int = 60  # how long after a booking the ERP's positions may still be without it, clocks included


class Rule(msgspec.Struct, frozen=True):
    """What holds for one SKU at one place of one channel."""

    percent: int | None = None
    cap: int | None = None
    floor: int = 0
    buffer: int = 0
    ring_fence: int = 0
    share: bool = False


class Term(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One term of a published number, for people: how much it adds or takes, whose word it is, and of when."""

    name: str  # on_hand, committed, reserved, in_flight, component, free, ring_fence, part, buffer, cap, floor, waits
    quantity: int
    source: str = ""
    as_of: datetime | None = None


class Seat(msgspec.Struct, frozen=True):
    """One place of a channel that a pool feeds. ``name``: ``channel/location``."""

    name: str
    rule: Rule


class Part(msgspec.Struct, frozen=True):
    """What a seat is given, what it shows of that, and how one became the other."""

    given: int
    shown: int
    terms: tuple[Term, ...] = ()


def rule_for(policy: StockPolicy, location: str, sku: str) -> Rule:
    """The rule of the SKU, else of the location, else of the route, field by field."""
    said: dict[str, Any] = {}
    for wider in (policy, policy.locations[location], policy.skus.get(sku)):
        if wider is not None:
            given = {name: getattr(wider, name) for name in StockRule.__struct_fields__}
            said.update({name: value for name, value in given.items() if value is not None})
    return Rule(**said)


def whole(quantity: Decimal) -> int:
    """Whole units of a quantity, rounded down."""
    return int(quantity.to_integral_value(ROUND_FLOOR))


def free_of(available: Iterable[Decimal | None], reserved: Decimal, in_flight: Decimal) -> int | None:
    """What is free of a pool; ``None`` when the position of any of its places is not known, or it has none.

    ``available``: on hand less what the ERP has committed, for each place.
    """
    known = list(available)
    if not known or any(one is None for one in known):
        return None
    total = sum((one for one in known if one is not None), ZERO)
    return max(0, whole(total - reserved - in_flight))


def kit_free(needs: Mapping[str, int], free: Mapping[str, int | None]) -> int | None:
    """How many of a kit its scarcest component allows; ``None`` when one of them is not known."""
    counts: list[int] = []
    for sku, each in needs.items():
        held = free.get(sku)
        if held is None:
            return None
        counts.append(max(0, held) // each)
    return min(counts) if counts else None


def allot(free: int, seats: Sequence[Seat]) -> dict[str, Part]:
    """Divide what is free: ring fences first, in order of their names, then by percent.

    The parts of seats that do not share, and the one that all others share, never come to more than ``free``; more that
    is free never makes anybody's part smaller.
    """
    left = max(0, free)
    fenced: dict[str, int] = {}
    for seat in sorted(seats, key=_name):
        fenced[seat.name] = min(seat.rule.ring_fence, left)
        left -= fenced[seat.name]
    weights = _weights(seats)
    divided = dict(zip(weights, _divide(left, list(weights.values())), strict=True))
    return {seat.name: _part(seat, fenced[seat.name], _open_part(seat, divided), left) for seat in seats}


def _name(seat: Seat) -> str:
    return seat.name


def _open_part(seat: Seat, divided: Mapping[str, int]) -> int:
    if not seat.rule.share:
        return divided[seat.name]
    return divided[""] * min(WHOLE, WHOLE if seat.rule.percent is None else seat.rule.percent) // WHOLE


def _weights(seats: Sequence[Seat]) -> dict[str, Fraction]:
    """Of each seat that does not share, by name, and under "" of what is shared or shown to nobody."""
    alone = sorted((seat for seat in seats if not seat.rule.share), key=_name)
    shared = any(seat.rule.share for seat in seats)
    told = sum(seat.rule.percent for seat in alone if seat.rule.percent is not None)
    silent = sum(1 for seat in alone if seat.rule.percent is None) + shared
    rest = Fraction(max(0, WHOLE - told))
    each = rest / silent if silent else Fraction(0)
    found = {s.name: each if s.rule.percent is None else Fraction(max(0, s.rule.percent)) for s in alone}
    found[""] = each if shared else Fraction(0) if silent else rest
    return found


def _divide(units: int, weights: Sequence[Fraction]) -> list[int]:
    """Whole units by weight (highest averages, after D'Hondt): one more unit never takes one from anybody.

    Rounding to the nearest would (the Alabama paradox), and rounding down would show the last unit nowhere.
    """
    total = sum(weights)
    if not total:
        return [0 for _ in weights]
    given = [int(units * weight / total) for weight in weights]
    for _ in range(units - sum(given)):
        averages = [weight / (have + 1) for weight, have in zip(weights, given, strict=True)]
        given[averages.index(max(averages))] += 1
    return given


def _part(seat: Seat, fenced: int, opened: int, pool: int) -> Part:
    rule, given = seat.rule, fenced + opened
    terms = [Term("ring_fence", fenced, seat.name)] if fenced else []
    terms.append(Term("part", opened, f"of {pool} that are divided"))
    shown = max(0, given - max(0, rule.buffer))
    if rule.buffer > 0:
        terms.append(Term("buffer", shown - given, seat.name))
    if rule.cap is not None and shown > rule.cap:
        terms.append(Term("cap", rule.cap - shown, seat.name))
        shown = max(0, rule.cap)
    if 0 < shown < rule.floor:
        terms.append(Term("floor", -shown, seat.name))
        shown = 0
    return Part(given, shown, tuple(terms))
