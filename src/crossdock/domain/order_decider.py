"""How an order decides: the only thing the engine sees of all this."""

from collections.abc import Mapping

from crossdock.domain.advance import advance
from crossdock.domain.captures import payments_seen
from crossdock.domain.cases.command_settled import command_settled
from crossdock.domain.cases.early import apply_one, keep
from crossdock.domain.cases.later_seen import later_seen
from crossdock.domain.cases.masters_came import masters_came
from crossdock.domain.cases.operator_acted import operator_acted
from crossdock.domain.cases.order_seen import order_seen
from crossdock.domain.cases.promise_kept import keep_promise
from crossdock.domain.cases.reconciled import reconciled
from crossdock.domain.cases.return_asked import return_asked
from crossdock.domain.cases.settlement_named import settlement_named, tell_settlements
from crossdock.domain.cases.timer_fired import timer_fired
from crossdock.domain.checks import REVALIDATE
from crossdock.domain.decision import Context, Decider, Decision, Summary
from crossdock.domain.draft import Draft
from crossdock.domain.entries import Early, Entry, encode_entries
from crossdock.domain.events import (
    CommandSettled,
    Event,
    LaterSeen,
    MastersCame,
    OperatorActed,
    OrderSeen,
    PaymentsSeen,
    Reconciled,
    ReturnAsked,
    SettlementNamed,
    TimerFired,
)
from crossdock.domain.evolve import evolve
from crossdock.domain.matching import evidence
from crossdock.domain.measures import measure_key
from crossdock.domain.order import Order
from crossdock.domain.reserving import reserve
from crossdock.domain.restocking import compare_again
from crossdock.domain.state import OrderState, blank, decode_state, encode_state
from crossdock.domain.summary import summarise


class OrderDecider:
    """The ``Decider`` of streams of kind ``order``. Stateless."""

    kind = "order"

    def blank(self) -> OrderState:
        return blank()

    def load(self, stored: bytes) -> OrderState:
        return decode_state(stored)

    def store(self, state: OrderState) -> bytes:
        return encode_state(state)

    def store_entries(self, entries: list[Entry]) -> bytes:
        return encode_entries(entries)

    def decide(self, state: OrderState, event: Event, context: Context) -> Decision:
        """What follows from the event. Pure: same arguments, same answer."""
        d = Draft(state, context)
        if isinstance(event, OrderSeen):
            order_seen(d, event.order, event.authoritative, event.later)
        elif isinstance(event, LaterSeen):
            later_seen(d, event)
        elif isinstance(event, CommandSettled):
            command_settled(d, event)
        elif isinstance(event, Early):
            if d.state.order is None or d.state.left_alone:
                keep(d, event)
            else:
                apply_one(d, event)
                advance(d)
        elif isinstance(event, TimerFired):
            timer_fired(d, event.name)
        elif isinstance(event, MastersCame):
            masters_came(d)
        elif isinstance(event, OperatorActed):
            operator_acted(d, event)
        elif isinstance(event, ReturnAsked):
            return_asked(d, event)
            advance(d)
        elif isinstance(event, PaymentsSeen):
            if d.state.order is not None:
                payments_seen(d, event)
                advance(d)
        elif isinstance(event, SettlementNamed):
            settlement_named(d, event)
        elif isinstance(event, Reconciled):
            reconciled(d, event)
        else:
            d.ignore(str(type(event).__struct_config__.tag), "this kind of event has a stream of its own")
        if state.order is not None:
            compare_again(d, state.order)
        tell_settlements(d)
        if state.wanting and d.state.ended is not None:
            d.decision.wants = ()
        reserve(d)
        keep_promise(d)
        d.decision.after = d.state
        return d.decision

    def evolve(self, state: OrderState, entries: list[Entry]) -> OrderState:
        return evolve(state, entries)

    def summary(self, state: OrderState) -> Summary:
        return summarise(state)

    def masters_needed(self, state: OrderState, event: Event) -> Mapping[str, tuple[set[str], set[str]]]:
        """Channel -> (skus, keys of customers) that deciding on this event in this state will look up."""
        known = [] if state.order is None else [state.order]
        if state.left_alone and state.latest is not None:
            known.append(state.latest)  # taken in, it is checked as the channel last showed it
        if isinstance(event, OrderSeen):
            return _needed(event.order, *known)
        woken = isinstance(event, TimerFired) and event.name == REVALIDATE
        again = woken or isinstance(event, OperatorActed | MastersCame)
        return _needed(*known) if again and known else {}


def _needed(*orders: Order) -> Mapping[str, tuple[set[str], set[str]]]:
    """Of the view that came and of the one in force: a view that is known already may lead to checking the latter."""
    skus = {line.sku for order in orders for line in order.lines if line.sku}
    skus |= {measure_key(line.sku) for order in orders for line in order.lines if line.sku and line.unit is not None}
    return {orders[0].channel: (skus, {one.key for order in orders for one in evidence(order)})}


ORDER: Decider = OrderDecider()
