"""The channel said where it wants the order fulfilled from."""

from crossdock.domain import entries as e
from crossdock.domain.cases.parting import own_allocations
from crossdock.domain.draft import Draft
from crossdock.domain.events import AllocationsSeen


def allocations_seen(d: Draft, event: AllocationsSeen) -> None:
    """The last read counts: it is always read fresh."""
    allocations = own_allocations(d, event.allocations)
    if allocations != d.state.allocations:
        d.note(e.AllocationsTaken(allocations, d.now))
        for allocation in allocations:
            d.refer(d.order.channel, "allocation", allocation.id)
