"""Settlements that name this order are told of it, and of each refund of it: now, or when it comes."""

from crossdock.domain import entries as e
from crossdock.domain.decision import StreamRef, Tell
from crossdock.domain.draft import Draft
from crossdock.domain.events import OrderFound, RefundSeen, SettlementNamed
from crossdock.domain.state import OrderState


def settlement_named(d: Draft, event: SettlementNamed) -> None:
    """Note who asks. One that asks again is answered again: its answer may be what it misses."""
    if event.settlement_key not in d.state.settlements:
        d.note(e.SettlementAsked(event.settlement_key, d.now))
    if d.state.order is not None:
        _tell(d, event.settlement_key)
        if d.state.told != _refunds(d.state):
            _tell_all(d, but=event.settlement_key)


def tell_settlements(d: Draft) -> None:
    """What settlements were told is no more the whole: the order has come, or another refund of it."""
    if d.state.settlements and d.state.order is not None and d.state.told != _refunds(d.state):
        _tell_all(d)


def _tell_all(d: Draft, but: str = "") -> None:
    d.note(e.SettlementsTold(_refunds(d.state), d.now))
    for key in d.state.settlements:
        if key != but:
            _tell(d, key)


def _tell(d: Draft, key: str) -> None:
    order = d.order
    found = OrderFound(order.external_id, order.number, _refunds(d.state))
    d.decision.tells.append(Tell(StreamRef("settlement", key), found))


def _refunds(state: OrderState) -> tuple[str, ...]:
    """Also of a refund that does not fit the order, or that waits for an order which is left alone: it was given,
    whatever becomes of its credit."""
    given = [known.refund for known in state.refunds.values()]
    given += [event.refund for event in state.early if isinstance(event, RefundSeen)]
    ids = {refund.id for refund in given}
    handed = (one for subject, one in state.handed.items() if subject.startswith("refund/"))
    ids |= {name for one in handed for name in one.names}
    ids |= {tender.id for refund in given for tender in refund.tenders if tender.id}
    return tuple(sorted(ids))
