"""The channel said where it wants the order fulfilled from."""

from crossdock.domain import entries as e
from crossdock.domain.draft import Draft
from crossdock.domain.events import AllocationsSeen


def allocations_seen(d: Draft, event: AllocationsSeen) -> None:
    """The last read counts: it is always read fresh."""
    if event.allocations != d.state.allocations:
        d.note(e.AllocationsTaken(event.allocations, d.now))
        for allocation in event.allocations:
            d.refer(d.order.channel, "allocation", allocation.id)
