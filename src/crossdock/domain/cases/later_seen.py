"""The channel changed an order after goods of it had left: what has not left yet may have been cancelled there."""

import msgspec

from crossdock.domain.decision import StreamRef, Tell
from crossdock.domain.draft import Draft
from crossdock.domain.events import LaterSeen, SignalSeen
from crossdock.domain.order import Order
from crossdock.domain.rulings import Stage, stage_of

# What a channel may tell no more once goods have left; none of it is undone by that.
_MAY_LACK = ("customer", "bill_to", "ship_to", "note", "po_number", "ship_by", "deliver_by")


def later_seen(d: Draft, event: LaterSeen) -> None:
    """Have the order read, where something of it may still leave: our own shipments change it there too."""
    state = d.state
    if state.order is None or state.ended is not None or state.cancel is not None or stage_of(state) is Stage.SHIPPED:
        return
    to = StreamRef("signal", f"{event.channel}:order:{event.external_id}")
    d.decision.tells.append(Tell(to, SignalSeen(event.channel, "order", event.external_id)))


def as_known(order: Order, known: Order) -> Order:
    """A view of after goods had left, with what it lacks and what ships as they were known before."""
    kept = {name: getattr(known, name) for name in _MAY_LACK if getattr(order, name) is None}
    if order.ship_to is None:
        kept["region"] = known.region
    ships = {line.id: line.requires_shipping for line in known.lines}
    lines = tuple(
        msgspec.structs.replace(line, requires_shipping=ships.get(line.id, line.requires_shipping))
        for line in order.lines
    )
    return msgspec.structs.replace(order, lines=lines, **kept)
