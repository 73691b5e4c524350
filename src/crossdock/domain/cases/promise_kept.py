"""The promise is given when an order is accepted; at every event what is to be expected is held against it."""

from datetime import datetime

from crossdock.domain import entries as e
from crossdock.domain.advance import ship_method
from crossdock.domain.checks import EDIT_WINDOW
from crossdock.domain.decision import Policy, Problem
from crossdock.domain.draft import Draft
from crossdock.domain.problems import problem
from crossdock.domain.process import AMEND, CHECKS
from crossdock.domain.promise import (
    ARRIVED,
    BACKORDERED,
    CURES,
    EXCEPTION,
    HELD,
    ON_HOLD,
    ON_ITS_WAY,
    PARTLY_SHIPPED,
    RELEASED,
    SHIPPED,
    SPOKEN,
    Dates,
    Facts,
    Promise,
    Promising,
    forecast,
    promised,
    turns_at,
)
from crossdock.domain.state import FINISHED, OrderState, shippable
from crossdock.domain.tracking import arrived_at

PROMISE = "promise"  # the problem's key and the alarm's name
_BEFORE_RELEASE = frozenset({*CHECKS, "order.book", "order.release", AMEND})


def keep_promise(d: Draft) -> None:
    """Give the promise, forecast anew, tell of a breach before it happens. Nothing, where none is promised."""
    state = d.state
    policy = d.policy if state.order is not None else None
    over = state.cancel is not None or (state.ended is not None and not _came_after_all(state))
    if policy is None or policy.promise is None or over:
        _leave(d, "no date is promised any more")
        return
    if state.promise is None:
        if state.status_of("confirm.payment") not in FINISHED or not shippable(d.order):
            return
        _give(d, policy, policy.promise)
    if state.promise is not None:
        _hold_against(d, state.promise, policy, policy.promise)


def _came_after_all(state: OrderState) -> bool:
    """An order is done when it is billed; its parcels arrive later, and what was promised is held against that."""
    return state.ended == "done" and state.promise is not None and arrived_at(state) is not None


def _leave(d: Draft, reason: str) -> None:
    if d.state.promise is not None:
        d.settle(PROMISE, reason=reason)
        d.timer(PROMISE, None)


def _give(d: Draft, policy: Policy, how: Promising) -> None:
    """What the channel told its customer counts; where it told nothing, what the route promises."""
    starts = max(d.now, d.state.timers.get(EDIT_WINDOW, d.now))
    order, ours = d.order, promised(how, ship_method(d.order, policy), starts)
    told = tuple(name for name, at in (("ship", order.ship_by), ("deliver", order.deliver_by)) if at is not None)
    d.note(e.PromiseGiven(Dates(order.ship_by or ours.ship_by, order.deliver_by or ours.deliver_by), d.now, told))


def _hold_against(d: Draft, given: Promise, policy: Policy, how: Promising) -> None:
    facts = _facts(d.state, given, d.now)
    if facts is None:
        _leave(d, "a person said that no more is to leave")
        return
    made = forecast(how, ship_method(d.order, policy), facts, d.now)
    late = made.later_than(given.dates)
    if (made, facts.cause, late) != (given.forecast, given.cause, given.late):
        d.note(e.ForecastMade(made, facts.cause, facts.since, d.now, late))
    if facts.cause in (SHIPPED, ARRIVED):
        d.settle(PROMISE, reason=f"{SPOKEN[facts.cause]}{', later than promised' if late else ' in time'}")
    elif not late:
        d.settle(PROMISE, reason="the forecast is in time again")
    elif not given.late or PROMISE in d.state.problems:  # one that a person resolved is not raised again
        d.open(_breach(d, given, made, facts.cause), "take.shipments")
    d.timer(PROMISE, turns_at(how, facts, d.now))


def _breach(d: Draft, given: Promise, made: Dates, cause: str) -> Problem:
    """No date stands in the title: it is the same problem while the forecast moves."""
    told = {
        "promised": _spoken(given.dates),
        "forecast": _spoken(made),
        "cause": SPOKEN[cause],
        "cure": CURES[cause],
        "behind": [known.title for key, known in d.state.problems.items() if key != PROMISE],
    }
    title = f"It is forecast to be later than promised: {SPOKEN[cause]}"
    return problem("promise.late", PROMISE, title, f"{d.order.channel}:{cause}", told)


def _spoken(dates: Dates) -> dict[str, str | None]:
    deliver_by = dates.deliver_by
    return {"leaves": dates.ship_by.isoformat(), "arrives": None if deliver_by is None else deliver_by.isoformat()}


def _facts(state: OrderState, given: Promise, now: datetime) -> Facts | None:
    """How far the order is. None: nothing is to leave any more, although not everything has."""
    parcels = list(state.taken())
    whole = state.axes.fulfilment == "shipped"
    if state.finished("take.shipments") and not whole and not parcels:
        return None
    step = state.steps.get("order.release")
    released_at = step.at if step is not None and step.status in FINISHED else None
    if released_at is None and parcels:
        released_at = min(parcel.at for parcel in parcels)
    cause = _cause(state, released_at is not None, bool(parcels))
    shipped_at = delivered_at = None
    if whole or state.finished("take.shipments"):
        cause, shipped_at = SHIPPED, max(parcel.shipment.shipped_at for parcel in parcels)
        delivered_at = arrived_at(state)
        cause = SHIPPED if delivered_at is None else ARRIVED
    since = given.since if given.since is not None and given.cause == cause else now
    picking = state.release_status in ("picking", "packed", "shipped")
    return Facts(cause, since, released_at, shipped_at, delivered_at, picking, state.timers.get(EDIT_WINDOW))


def _cause(state: OrderState, released: bool, partly: bool) -> str:
    steps = {known.step for key, known in state.problems.items() if key != PROMISE and known.klass != "hold"}
    if not released:
        if any(hold.released_at is None for hold in state.holds.values()):
            return HELD
        return EXCEPTION if steps & _BEFORE_RELEASE else ON_ITS_WAY
    if "release.status" in state.problems:
        return EXCEPTION
    if state.release_status in (BACKORDERED, ON_HOLD) and not partly:
        return BACKORDERED if state.release_status == BACKORDERED else ON_HOLD
    return PARTLY_SHIPPED if partly else RELEASED
