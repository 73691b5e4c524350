"""The books of one SKU: what is there, and what orders hold from their intake until the ERP's positions show them."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import msgspec

from crossdock.domain.decision import ReservationRow, StockRow
from crossdock.domain.money import ZERO
from crossdock.domain.publishing import Place
from crossdock.domain.stock import whole
from crossdock.domain.stock_draft import StockDraft
from crossdock.domain.stock_events import PositionSeen, StockReserved
from crossdock.domain.stock_state import (
    LevelTaken,
    Position,
    PositionTaken,
    Reservation,
    ReservationDropped,
    ReservationSet,
)

UNCOUNTED = timedelta(hours=1)  # beyond the settle time: all that a first position may take to arrive


def position_seen(d: StockDraft, event: PositionSeen) -> None:
    """Take a position; one that is older than what is known changes nothing, whatever order they arrive in.

    One with the numbers that are known is taken too: its instant is what tells a late one that it is late.
    """
    place = f"{event.source}/{event.location}"
    known = d.state.positions.get(place)
    if known is not None and event.as_of <= known.as_of:
        return
    d.note(PositionTaken(place, Position(event.on_hand, event.committed, event.as_of)))
    d.decision.stock.append(StockRow(d.sku, place, event.on_hand, event.committed, event.as_of))
    _drop_shown(d)


def _drop_shown(d: StockDraft) -> None:
    """Orders that every position of their pool was read after, and long enough after, are in those positions."""
    for order, held in list(d.state.reservations.items()):
        if held.committed_at is not None and _shown(d, held):
            _drop(d, order, "shown")


def _shown(d: StockDraft, held: Reservation) -> bool:
    policy = d.context.policy.get(held.channel)
    stock = policy.stock if policy is not None else None
    fed = {one for place in d.places_of(held.channel) for one in place.pool if place.location in held.parts}
    if stock is None or not fed or held.committed_at is None:
        return True  # the route no longer says whose positions it waits for
    shown_from = held.committed_at + timedelta(seconds=stock.settle_s)
    known = [d.state.positions.get(one) for one in fed]
    return all(one is not None and one.as_of >= shown_from for one in known)


def _drop_uncounted(d: StockDraft) -> None:
    """What no system counts has no position that could show an order: the ERP has had it for long, and so would one
    that is read from now on. Else a service that is sold for years would hold all of its orders."""
    for order, held in list(d.state.reservations.items()):
        policy = d.context.policy.get(held.channel)
        settle = timedelta(seconds=policy.stock.settle_s if policy is not None and policy.stock is not None else 0)
        if held.committed_at is not None and held.committed_at + settle + UNCOUNTED < d.now and not _counted(d, held):
            _drop(d, order, "uncounted")


def _counted(d: StockDraft, held: Reservation) -> bool:
    return any(one in d.state.positions for place in d.places_of(held.channel) for one in place.pool)


def reserve(d: StockDraft, event: StockReserved) -> None:
    """An order wants so much from now on: what the channel can still sell changed by as much as the order did."""
    _drop_uncounted(d)
    known = d.state.reservations.get(event.order)
    if event.status == "committed":
        if known is not None and not known.quantity:
            _drop(d, event.order, "shown")  # a kit: its components are what the ERP has
        elif known is not None and known.committed_at is None:
            _hold(d, event.order, msgspec.structs.replace(known, committed_at=d.now))
        return
    if known is not None and known.committed_at is not None:
        return  # the ERP has it: from there on its own numbers tell
    sold = known.sold if known is not None else ZERO
    _sell(d, event.channel, event.sold - sold)
    if event.status == "released" or not (event.quantity or event.sold):
        if known is not None:
            _drop(d, event.order, "released")
        return
    at = known.at if known is not None else d.now
    parts = _parts(d, event)
    if known is None or (known.quantity, known.sold) != (event.quantity, event.sold):
        _hold(d, event.order, Reservation(event.channel, event.quantity, event.sold, parts, at))


def _drop(d: StockDraft, order: str, reason: str) -> None:
    d.note(ReservationDropped(order, reason, d.now))
    d.decision.reservations.append(ReservationRow(d.sku, order))


def _hold(d: StockDraft, order: str, held: Reservation) -> None:
    d.note(ReservationSet(order, held))
    row = ReservationRow(d.sku, order, held.channel, held.quantity, held.committed_at)
    d.decision.reservations.append(row)


def _parts(d: StockDraft, event: StockReserved) -> dict[str, Decimal]:
    """Out of which of the channel's locations it is taken: in the route's order, as far as each has free stock.

    The channel decides that later and elsewhere; for what is free over all it makes no difference.
    """
    own, left = d.places_of(event.channel), event.quantity
    if not own or not left:
        return {}
    parts: dict[str, Decimal] = {}
    for place in own:
        part = min(left, max(_unreserved(d, place, event.order), ZERO))
        if part:
            parts[place.location] = part
            left -= part
    if left:
        parts[own[0].location] = parts.get(own[0].location, ZERO) + left
    return parts


def _unreserved(d: StockDraft, place: Place, but: str) -> Decimal:
    known = [d.state.positions.get(one) for one in place.pool]
    there = sum((one.on_hand - one.committed for one in known if one is not None), ZERO)
    fed: Mapping[tuple[str, str], bool] = {
        (one.channel, one.location): True for one in d.places if one.pool == place.pool
    }
    for order, held in d.state.reservations.items():
        if order != but:
            there -= sum((q for at, q in held.parts.items() if (held.channel, at) in fed), ZERO)
    return there


def _sell(d: StockDraft, channel: str, quantity: Decimal) -> None:
    """The channel's own level went down by so much (or up again, when less is wanted)."""
    left = whole(quantity)
    for place in d.places_of(channel):
        known = d.listing(place.name)
        can = known.held if known.held is not None else known.bound
        part = left if left < 0 else min(left, can)
        if part:
            held = None if known.held is None else known.held - part
            d.note(LevelTaken(place.name, held, "sold" if part > 0 else "returned", d.now, sold=part))
            left -= part
        if not left:
            return
