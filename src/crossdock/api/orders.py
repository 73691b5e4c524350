"""One order as people read it: its process, its money proof, what comes next and what may be done; its line of time is
``timeline``'s."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from crossdock.api.aftermath import Aftermath, aftermath
from crossdock.api.clashes import ClashView, clash
from crossdock.api.desk import Desk
from crossdock.api.kin import Kin, kin
from crossdock.api.parcels import ParcelView, parcels
from crossdock.api.problems import Refusal
from crossdock.api.timeline import PURPOSES, Moment, timeline
from crossdock.domain.holding import keepers, outlook
from crossdock.domain.privacy_decider import KIND as PRIVACY
from crossdock.domain.process import CHECKS, StepView, progress
from crossdock.domain.promise import CURES, SPOKEN, Dates
from crossdock.domain.rulings import locked
from crossdock.domain.state import OrderState, decode_state
from crossdock.domain.totals import Proof, prove
from crossdock.store import reading_orders
from crossdock.store.reading_orders import STATUSES, CommandRow, OrderWhole


class Release(msgspec.Struct, frozen=True):
    """A hold that a person may let go, explained."""

    rule: str
    reason: str
    owner: str
    saw: Mapping[str, Any]
    when: str  # the condition
    at: datetime
    release_by: tuple[str, ...]
    keepers: str  # who may release it, in words
    outlook: str  # what happens next, in words


class PromiseView(msgspec.Struct, frozen=True):
    """What was promised, what is forecast, and what the forecast hangs on."""

    promised: Dates
    given_at: datetime
    told: tuple[str, ...]  # which of the dates the channel promised its customer itself: ship, deliver
    forecast: Dates
    cause: str
    cure: str  # what would make it earlier; empty once it has left
    late: bool


class OrderView(msgspec.Struct, frozen=True):
    """The page of one order (or of another stream)."""

    whole: OrderWhole
    steps: list[StepView]
    next_step: str
    proof: Proof | None
    timeline: list[Moment]
    holds: list[Release]
    parked: int
    waiting: int
    after: Aftermath  # edits, payments, returns, refunds, credits
    acts: tuple[str, ...]  # what could be done now, by somebody whose role allows it
    released: list[str]  # rules whose release can still be taken back
    promise: PromiseView | None = None  # None: no dates are promised
    parcels: list[ParcelView] = []
    clash: ClashView | None = None  # both sides edited it: a person chooses
    kin: list[Kin] = []  # exchange orders, or the order that this one is the exchange of


RESOLVABLE = frozenset({"conflict", "unknown_outcome", "data", "promise"})


async def order_by_key(desk: Desk, key: str) -> OrderView:
    """Raises ``Refusal(not_found)``."""
    stream = await reading_orders.stream_id(desk.pool, "order", key)
    if stream is None:
        raise Refusal("not_found", f"There is no order with the key {key}. Search for it by any id.")
    return await order_by_stream(desk, stream)


async def order_by_stream(desk: Desk, stream: int) -> OrderView:
    """Raises ``Refusal(not_found)``."""
    whole = await reading_orders.whole(desk.pool, stream)
    if whole is None:
        raise Refusal("not_found", f"There is no stream {stream}.")
    state = state_of(whole)
    steps = progress(state) if state is not None and state.steps else []
    return OrderView(
        whole=whole,
        steps=steps,
        next_step=_next(whole, state, steps),
        proof=_proof(desk, state),
        timeline=timeline(whole),
        holds=_holds(state),
        parked=sum(m.handling == "parked" for m in whole.messages),
        waiting=sum(m.handling == "waiting" for m in whole.messages),
        after=aftermath(state, whole.journal),
        acts=_acts(whole, state),
        released=_released(state),
        promise=_promise(state),
        parcels=parcels(state),
        clash=clash(whole.exceptions),
        kin=kin(state),
    )


def state_of(whole: OrderWhole) -> OrderState | None:
    """The order's state; ``None`` for other streams, and for an order nothing was decided about yet."""
    if whole.order.kind != "order" or not isinstance(whole.state, dict):
        return None
    return decode_state(msgspec.json.encode(whole.state))


def _proof(desk: Desk, state: OrderState | None) -> Proof | None:
    """The proof by which the order was, or will be, let through: with its route's ceiling for rounding."""
    if state is None or state.order is None:
        return None
    return prove(state.order, desk.rounding_ceilings.get(state.order.channel, "0.00"))


def _promise(state: OrderState | None) -> PromiseView | None:
    given = state.promise if state is not None else None
    if given is None or given.forecast is None:
        return None
    cause, cure = SPOKEN[given.cause], CURES.get(given.cause, "")
    return PromiseView(given.dates, given.at, given.told, given.forecast, cause, cure, given.late)


def _next(whole: OrderWhole, state: OrderState | None, steps: list[StepView]) -> str:
    order = whole.order
    if state is not None and state.left_alone:
        return "None: whoever booked orders before has it. To take it in, move the route's since back, then retry."
    if order.finished_at or order.status in ("done", "cancelled", "ignored"):
        return ""
    if any(m.handling == "parked" for m in whole.messages):
        return "Its messages are parked: settle the cause, then retry."
    stuck = [e for e in whole.exceptions if e.state == "open"]
    problem = min(stuck, key=lambda e: e.klass == "promise", default=None)  # what delays comes before that it is late
    if problem is not None:
        return problem.hint
    sending = next((c for c in whole.commands if c.state is not None), None)
    if sending is not None:
        return _when_sent(sending)
    if whole.timers:
        return f"It wakes by itself for “{whole.timers[0].name}”."
    following = next((s for s in steps if s.status in ("running", "waiting", "pending")), None)
    return f"{following.title}." if following else "Crossdock decides on it next."


def _when_sent(command: CommandRow) -> str:
    deed = f"{PURPOSES.get(command.purpose, command.purpose)} at {command.target}"
    if command.paused is not None:
        return f"{deed}, once somebody resumes that connection. It is paused: {command.paused}."
    if command.away:
        return f"{deed}, by itself as soon as it answers: it does not answer now."
    if command.throttled_at is not None:
        since = command.throttled_at.isoformat(" ", "minutes")
        return f"{deed}, by itself as soon as the limit there lets it through: it refuses commands since {since}."
    return f"{deed}, by itself."


def _holds(state: OrderState | None) -> list[Release]:
    if state is None:
        return []
    return [
        Release(
            rule, hold.reason, hold.owner, hold.saw, hold.when, hold.at, hold.release_by,
            keepers(hold.owner, hold.release_by), outlook(hold),
        )
        for rule, hold in state.holds.items()
        if hold.released_at is None
    ]  # fmt: skip


def _released(state: OrderState | None) -> list[str]:
    if state is None or locked(state) or state.cancel is not None or state.ended is not None:
        return []
    return [rule for rule, hold in state.holds.items() if hold.released_at is not None]


def _acts(whole: OrderWhole, state: OrderState | None) -> tuple[str, ...]:
    order, found = whole.order, []
    stuck = [e for e in whole.exceptions if e.state == "open" and e.klass != "promise"]  # being late is not retried
    if order.kind == PRIVACY and order.status != "parked":
        return ("resolve",) if stuck else ()
    if stuck or order.status in ("exception", "parked") or (state is not None and state.left_alone):
        found.append("retry")
    if _holds(state):
        found.append("release_hold")
    if _released(state):
        found.append("hold")
    if state is not None and state.status_of("validate.customer") == "failed" and not locked(state):
        found.append("link")
    if clash(whole.exceptions) is not None:
        found.append("merge")
    problems = state.problems.values() if state is not None else ()
    if any(problem.step not in CHECKS and problem.klass in RESOLVABLE for problem in problems):
        found.append("resolve")
    if any(problem.step in CHECKS and problem.klass != "hold" for problem in problems):
        found.append("skip")
    if state is not None and order.finished_at is None and state.cancel is None:
        found.append("cancel")
    return tuple(found)


__all__ = ["PRIVACY", "STATUSES", "OrderView", "order_by_key", "order_by_stream", "state_of"]
