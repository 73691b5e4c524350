"""The few facts about an order that people list, filter and count by."""

from crossdock.domain.decision import Summary
from crossdock.domain.events import ParcelSeen
from crossdock.domain.process import PROCESS, REFUNDING, UNDO
from crossdock.domain.state import OrderState

MISSING = "order.missing"  # the alarm: until it goes off, an order that others told of is waited for


def summarise(state: OrderState) -> Summary:
    order = state.order
    if order is None and state.settlements and not state.early:
        return Summary("ignored", reason="only a settlement names it: the order has not come")
    if order is None and state.early and all(isinstance(event, ParcelSeen) for event in state.early):
        return Summary("ignored", reason="only a carrier tells of it: the order has not come")
    if order is None and state.early and MISSING not in state.timers:
        return Summary("ignored", reason="others tell of it: for a week the order has not come")
    if order is None:
        return Summary("waiting", reason="the order has not come yet")
    status, step, reason = _where(state)
    total = order.totals.total.shop
    return Summary(
        status,
        step,
        reason,
        order.number,
        order.channel,
        order.region,
        f"{total:f}",
        order.currency,
        order.placed_at,
    )


def _where(state: OrderState) -> tuple[str, str | None, str | None]:
    """Status, step and reason: problems first, then holds, then what it waits for."""
    for problem in state.problems.values():
        if problem.klass not in ("hold", "promise"):  # a late order is as far as it is: late is told beside
            return "exception", problem.step, problem.title
    for intent in state.commands.values():
        if state.ended is not None and intent.step in REFUNDING and intent.status == "open":
            return "open", intent.step, "a refund is on its way into the books"
    if state.ended is not None:
        return state.ended, None, state.ended_reason or (state.cancel.reason if state.cancel else None)
    if state.cancel is not None and state.cancel.way == "undo":
        return "open", _undoing(state), "being cancelled"
    for problem in state.problems.values():
        if problem.klass == "hold":
            return "held", problem.step, problem.title
    return _progress(state)


def _undoing(state: OrderState) -> str | None:
    return next((step.name for step in UNDO if not state.finished(step.name)), None)


def _progress(state: OrderState) -> tuple[str, str | None, str | None]:
    current: str | None = None
    for step in PROCESS:
        now = state.steps.get(step.name)
        if now is not None and now.status == "waiting":
            return "waiting", step.name, now.reason
        if current is None and not state.finished(step.name):
            current = step.name
    found = state.steps.get(current) if current is not None else None
    return "open", current, found.reason if found is not None else None
