"""What a channel that asks may be told of a SKU's stock: the number that is kept for it, and of when. Pure.

The number is the one that a channel which shows stock would be shown: its part of what is free, less what its orders
have taken since. Nothing is made up here; what is not known is ``None``.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from crossdock.domain.decision import Policy
from crossdock.domain.publishing import Place, pool_name
from crossdock.domain.publishing import places as places_of
from crossdock.domain.stock_state import Listing, StockState


class Available(msgspec.Struct, frozen=True):
    """``units`` None: not known, and ``why``. ``as_of``: of the oldest position that the number is made of."""

    units: int | None
    as_of: datetime | None = None
    why: str | None = None


def available(sku: str, state: StockState | None, channel: str, policies: Mapping[str, Policy]) -> Available:
    """How many units of a SKU a channel may sell, over all its places."""
    own = [place for place in places_of(sku, policies) if place.channel == channel]
    if not own:
        return Available(None, why="The route does not say out of which stock it sells.")
    if state is None:
        return Available(None, why="No stock of it is known.")
    units, oldest = 0, list[datetime]()
    for place in own:
        held, as_of = _held(state.listings.get(place.name, Listing())), _as_of(state, place)
        if held is None or as_of is None:
            return Available(None, why=f"What is there for {place.name} is not known yet.")
        units += held
        oldest.append(as_of)
    return Available(units, min(oldest))


def _held(listing: Listing) -> int | None:
    """The least that is certain: a smaller number that is on its way counts already."""
    if listing.held is None:
        return None
    flying = [flight.value - flight.sold for flight in listing.flying.values()]
    return max(0, min([listing.held, *flying]))


def _as_of(state: StockState, place: Place) -> datetime | None:
    """Of the oldest position, or of a kit's oldest component; None where one is not known."""
    if place.needs:
        parts = [state.components.get(sku) for sku in place.needs]
        known = [one.at for one in parts if one is not None and one.free.get(pool_name(place.pool)) is not None]
        return min(known) if len(known) == len(parts) else None
    positions = [state.positions.get(one) for one in place.pool]
    there = [one.as_of for one in positions if one is not None]
    return min(there) if there and len(there) == len(positions) else None
