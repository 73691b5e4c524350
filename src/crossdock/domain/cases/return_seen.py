"""Goods are on their way back, or have come: no more than had left."""

from decimal import Decimal

from crossdock.domain import entries as e
from crossdock.domain.cases.parting import own_return
from crossdock.domain.draft import Draft
from crossdock.domain.entries import units
from crossdock.domain.events import ReturnSeen
from crossdock.domain.lattice import RETURN, rank
from crossdock.domain.money import ZERO
from crossdock.domain.problems import problem
from crossdock.domain.process import CREDIT
from crossdock.domain.refund import Return
from crossdock.domain.restocking import compare as compare_receipts
from crossdock.domain.state import came_back, shipped, tells_parcels


def return_seen(d: Draft, event: ReturnSeen) -> None:
    """Note a return when it is new or further on; goods that never left cannot come back."""
    if d.state.ended == "ignored":
        d.ignore("return_seen", "the order is ignored")
        return
    if event.returned.status not in RETURN:
        d.ignore("return_seen", f"{event.source} says {event.returned.status}, which has no meaning here")
        return
    returned = own_return(d, event.returned, event.source)
    known = d.state.returns.get(returned.id)
    if (known is None and not returned.lines) or (known is not None and not _further(known, returned)):
        return  # nothing of this order was to come back, or nothing new is told
    d.note(e.ReturnTaken(returned, event.source, d.now))
    d.refer(event.source, "return", returned.id)
    compare(d)
    compare_receipts(d)


def _further(known: Return, returned: Return) -> bool:
    """Of two that are equally far the later one counts; of two of one instant, the one of fewer units: a channel takes
    units off a return and tells no time of it."""
    one, other = rank("return_status", known.status), rank("return_status", returned.status)
    if other != one or returned.at != known.at:
        return other > one or (other == one and returned.at > known.at)
    return _units(returned) < _units(known)


def _units(returned: Return) -> Decimal:
    return sum((line.quantity for line in returned.lines), ZERO)


def compare(d: Draft) -> None:
    """Open a problem while more came back than had left; settle it when it fits."""
    left = shipped(d.state)
    over = [
        f"line {id_}: {units(quantity)} came back, {units(left.get(id_, ZERO))} had left"
        for id_, quantity in came_back(d.state).items()
        if quantity > left.get(id_, ZERO)
    ]
    if not over or not d.state.returns or not tells_parcels(d.state):
        d.settle("return.balance")
        return
    title = "More came back than had left"
    d.open(problem("return.exceeds_shipped", "return.balance", title, "return", {"lines": over}), CREDIT)
