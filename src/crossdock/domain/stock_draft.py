"""A decision about one SKU being made: entries are folded in as they are noted."""

from crossdock.domain.decision import Context, Decision
from crossdock.domain.publishing import Place, places
from crossdock.domain.stock_state import Listing, StockEntry, StockState, apply_stock, fork_stock


class StockDraft:
    """The working state of one call to ``decide``, and what follows from it so far."""

    __slots__ = ("context", "decision", "now", "places", "sku", "state")

    def __init__(self, sku: str, state: StockState, context: Context) -> None:
        self.sku, self.context, self.now = sku, context, context.now
        self.state = fork_stock(state)
        self.decision = Decision()
        self.places = places(sku, context.policy)

    def note(self, entry: StockEntry) -> None:
        self.decision.entries.append(entry)
        apply_stock(self.state, entry)

    def listing(self, name: str) -> Listing:
        return self.state.listings.get(name, Listing())

    def places_of(self, channel: str) -> list[Place]:
        return [place for place in self.places if place.channel == channel]
