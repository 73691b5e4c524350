"""What channels are to be told of a SKU: targets from what is free, and which of them may be sent now. Pure.

No unit may be on sale in two channels at once, not even while numbers are on their way. A number is therefore lowered
at once and raised only as far as no other place may still show the unit: what a place *may be showing*
(``Listing.bound``) stays its own until the channel has confirmed less.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from crossdock.domain.decision import Policy
from crossdock.domain.money import ZERO
from crossdock.domain.stock import Part, Rule, Seat, Term, allot, free_of, kit_free, rule_for, whole
from crossdock.domain.stock_state import Listing, Position, Reservation, StockState


class Place(msgspec.Struct, frozen=True):
    """A place of a channel, with the rule for this SKU and the pool that feeds it."""

    channel: str
    location: str
    pool: tuple[str, ...]  # places of positions, sorted
    rule: Rule
    needs: dict[str, int]  # not empty: the SKU is a kit

    @property
    def name(self) -> str:
        return f"{self.channel}/{self.location}"


class Wanted(msgspec.Struct, frozen=True):
    """A number that a place is to show, how it was made, and the target that it may have to wait for."""

    place: Place
    value: int
    terms: tuple[Term, ...]
    target: int


def pool_of(policy: Policy, location: str) -> tuple[str, ...]:
    """The places that feed a location of the channel: ``connection/location``; a bare one is the ERP's."""
    assert policy.stock is not None
    told = policy.stock.locations[location].sources
    return tuple(sorted(one if "/" in one else f"{policy.erp}/{one}" for one in told))


def pool_name(pool: Iterable[str]) -> str:
    return ",".join(pool)


def places(sku: str, policies: Mapping[str, Policy]) -> list[Place]:
    """Every place that shows this SKU, in order of their names."""
    found = []
    for channel in sorted(policies):
        policy = policies[channel]
        if policy.stock is not None:
            needs = policy.stock.kits.get(sku, {})
            for location in policy.stock.locations:
                rule = rule_for(policy.stock, location, sku)
                found.append(Place(channel, location, pool_of(policy, location), rule, needs))
    return found


def kits_with(sku: str, policies: Mapping[str, Policy]) -> list[str]:
    """The kits that this SKU is a component of."""
    stocks = [policy.stock for policy in policies.values() if policy.stock is not None]
    return sorted({kit for stock in stocks for kit, needs in stock.kits.items() if sku in needs})


class Pool(msgspec.Struct, frozen=True):
    free: int | None
    terms: tuple[Term, ...]


def pools(state: StockState, shown: Iterable[Place]) -> dict[tuple[str, ...], Pool]:
    """What is free of every pool, and of what that is made."""
    found: dict[tuple[str, ...], Pool] = {}
    for place in shown:
        if place.pool not in found:
            found[place.pool] = _kit_pool(state, place) if place.needs else _pool(state, place.pool, list(shown))
    return found


def _pool(state: StockState, pool: tuple[str, ...], shown: list[Place]) -> Pool:
    mine = [place for place in shown if place.pool == pool]
    held = [(r, taken_from(r, mine)) for r in state.reservations.values()]
    reserved = [(r, part) for r, part in held if part and r.committed_at is None]
    flying = [(r, part) for r, part in held if part and r.committed_at is not None]
    positions = [(place, state.positions.get(place)) for place in pool]
    available = [None if p is None else p.on_hand - p.committed for _, p in positions]
    terms = [term for place, p in positions if p is not None for term in _position_terms(place, p)]
    terms += _orders("reserved", reserved) + _orders("in_flight", flying)
    free = free_of(available, _sum(reserved), _sum(flying))
    if free is not None and sum(term.quantity for term in terms) != free:
        terms.append(Term("below_zero" if not free else "rounding", free - sum(term.quantity for term in terms)))
    return Pool(free, tuple(terms))


def taken_from(reservation: Reservation, mine: Iterable[Place]) -> Decimal:
    """How much of a reservation comes out of the pool that feeds these places."""
    return sum(
        (reservation.parts.get(place.location, ZERO) for place in mine if place.channel == reservation.channel), ZERO
    )


def _sum(held: list[tuple[Reservation, Decimal]]) -> Decimal:
    return sum((part for _, part in held), ZERO)


def _position_terms(place: str, position: Position) -> list[Term]:
    terms = [Term("on_hand", whole(position.on_hand), place, position.as_of)]
    if position.committed:
        terms.append(Term("committed", -whole(position.committed), place, position.as_of))
    return terms


def _orders(name: str, held: list[tuple[Reservation, Decimal]]) -> list[Term]:
    """One term for each channel's orders; as old as the oldest of them."""
    found = []
    for channel in sorted({reservation.channel for reservation, _ in held}):
        own = [(reservation, part) for reservation, part in held if reservation.channel == channel]
        oldest = min(reservation.at for reservation, _ in own)
        count = f"{len(own)} order{'s' if len(own) > 1 else ''} of {channel}"
        found.append(Term(name, -whole(_sum(own)), count, oldest))
    return found


def _kit_pool(state: StockState, place: Place) -> Pool:
    name = pool_name(place.pool)
    known = {sku: state.components[sku] for sku in place.needs if sku in state.components}
    free = kit_free(place.needs, {sku: one.free.get(name) for sku, one in known.items()})
    if free is None:
        return Pool(None, ())
    held = {sku: known[sku].free[name] or 0 for sku in place.needs}
    scarce = min(place.needs, key=lambda sku: (held[sku] // place.needs[sku], sku))
    said = f"{held[scarce]} of {scarce}, {place.needs[scarce]} in each: the scarcest component"
    unheard = _unheard(state, [frozenset(one.holds) for one in known.values()])
    terms: tuple[Term, ...] = (Term("component", free, said, known[scarce].at),)
    if unheard:
        terms = (*terms, Term("reserved", -min(free, unheard), "orders that the components have not told yet"))
    return Pool(max(0, free - unheard), terms)


def _unheard(state: StockState, holds: list[frozenset[str]]) -> int:
    """Kits in orders that some component has yet to tell that it is free without: one that was sold just now would be
    shown again."""
    orders = [(order, held) for order, held in state.reservations.items() if held.sold]
    return sum(whole(held.sold) for order, held in orders if not all(order in known for known in holds))


def targets(state: StockState, shown: list[Place], free: Mapping[tuple[str, ...], Pool]) -> dict[str, tuple[int, Part]]:
    """What each place is to show in the end. Places of pools that are not known have none."""
    found: dict[str, tuple[int, Part]] = {}
    for pool, told in free.items():
        if told.free is not None:
            fed = [place for place in shown if place.pool == pool and not _absent(state, place)]
            parts = allot(told.free, [Seat(place.name, place.rule) for place in fed])
            found |= {name: (told.free, part) for name, part in parts.items()}
    return found


def _absent(state: StockState, place: Place) -> bool:
    """A channel that does not have the SKU there gets no part of it."""
    listing = state.listings.get(place.name)
    return listing is not None and listing.unlisted


def wanted(state: StockState, shown: list[Place], now: datetime) -> list[Wanted]:
    """The numbers to send now: lower ones at once, higher ones as far as no unit is shown twice."""
    free = pools(state, shown)
    goals = targets(state, shown, free)
    bounds = {place.name: state.listings.get(place.name, Listing()).bound for place in shown}
    found = []
    # Who shows too much comes first: what it gives up is for others only when its channel has confirmed it.
    for place in sorted(shown, key=lambda one: one.name):
        if place.name not in goals:
            continue
        listing = state.listings.get(place.name, Listing())
        target = goals[place.name][1].shown
        value = min(target, max(_room(place, shown, goals, bounds), listing.held or 0, 0))
        if _stands(listing, value):
            continue
        bounds[place.name] = max(bounds[place.name], value)
        terms = (*free[place.pool].terms, *goals[place.name][1].terms)
        if value != target:
            terms = (*terms, Term("waits", value - target, "until other channels show less", now))
        found.append(Wanted(place, value, terms, target))
    return found


def _room(place: Place, shown: list[Place], goals: Mapping[str, tuple[int, Part]], bounds: Mapping[str, int]) -> int:
    """How much of the pool no other place may be showing."""
    others = [one for one in shown if one.pool == place.pool and one.name != place.name]
    alone = sum(bounds[one.name] for one in others if not one.rule.share)
    sharing = [bounds[one.name] for one in others if one.rule.share and not place.rule.share]
    shared = max(sharing, default=0)
    return goals[place.name][0] - alone - shared


def _stands(listing: Listing, value: int) -> bool:
    """Whether nothing is to be sent: it is shown already or on its way, was refused, or is in doubt."""
    if listing.unlisted or listing.stale or listing.failed is not None or listing.low is not None:
        return True
    if listing.held is None and listing.flying:
        return True  # the first number reads what is there: a second one that did so too would overwrite sales
    return listing.value == value if listing.version in listing.flying else listing.held == value
