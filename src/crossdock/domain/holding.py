"""Holds: who may let one go, what lets it go by itself, and how it explains itself. Pure.

A hold remembers the rule as it was when it struck, so that what people read and who may act do not depend on a
configuration that was changed since.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from crossdock.domain import entries as e
from crossdock.domain.draft import Draft
from crossdock.domain.hold import Hold, HoldEscalated, HoldReleased, HoldRestored
from crossdock.domain.problems import held
from crossdock.domain.state import FINISHED, OrderState

STEP = "screen.holds"
ROLES = ("viewer", "customer_service", "operator", "integrator", "admin")  # of people who sign in
ACTING = ("operator", "integrator", "admin")  # may release what names nobody
ADMIN = "admin"
RELEASE, ESCALATE = "release", "escalate"  # what an expiry does
VIEW = "view"


def _paid(state: OrderState) -> str | None:
    return "the payment is confirmed" if state.status_of("confirm.payment") in FINISHED else None


def _allocated(state: OrderState) -> str | None:
    return "the channel says where it is fulfilled from" if state.allocations else None


# What may let a hold go without a person, beside its expiry. ``view`` is the checks' own: the rule no longer hits.
EVENTS: Mapping[str, Callable[[OrderState], str | None]] = {
    VIEW: lambda _: None,
    "payment": _paid,
    "allocation": _allocated,
}
_WORDS: Mapping[str, str] = {
    VIEW: "a newer view of the order no longer meets the condition",
    "payment": "the payment is as far as the route asks for",
    "allocation": "the channel says where the order is fulfilled from",
}


def screening(holds: Sequence[Hold]) -> e.Verdict:
    """What the holds mean for their step."""
    closed = [hold for hold in holds if hold.released_at is None]
    if not closed:
        return e.Verdict(STEP, "done", "released" if holds else None)
    return e.Verdict(STEP, "waiting", "; ".join(f"{hold.rule}: {hold.reason}" for hold in closed))


def named(owner: str, release_by: Sequence[str]) -> tuple[str, ...]:
    """The roles and people that a hold names: ``release_by``, else its owner where that is a role. Empty: nobody."""
    return tuple(release_by) or ((owner,) if owner in ROLES else ())


def may_release(owner: str, release_by: Sequence[str], actor: str, role: str) -> bool:
    """Whether this person may let the hold go. An administrator always may.

    ``role`` is empty in what earlier versions stored: they asked at the door, and knew no holds that name anybody.
    """
    wanted = named(owner, release_by)
    if not role:
        return not wanted
    if role == ADMIN:
        return True
    if not wanted:
        return role in ACTING
    return role != "viewer" and (role in wanted or (actor in wanted and actor not in ROLES))


def keepers(owner: str, release_by: Sequence[str]) -> str:
    """Who may let it go, in words."""
    wanted = named(owner, release_by) or ACTING[:-1]
    spoken = [f"every {one.replace('_', ' ')}" if one in ROLES else one for one in wanted if one != ADMIN]
    return ", ".join([*spoken, "every admin"])


def outlook(hold: Hold) -> str:
    """What happens next to a hold that stands, in words."""
    parts = [_WORDS[event] for event in hold.release_on if event in _WORDS]
    said = f"It is let go by itself when {' or when '.join(parts)}." if parts else "Only a person lets it go."
    if hold.escalated_at is not None:
        return f"{said} It was passed on to {hold.owner} on {_day(hold.escalated_at)}."
    if hold.expires_at is None:
        return said
    if hold.on_expiry == ESCALATE:
        return f"{said} On {_day(hold.expires_at)} it is passed on to {hold.escalate_to or hold.owner} and stays."
    return f"{said} On {_day(hold.expires_at)} it ends and the order goes on."


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def release(d: Draft, rule: str, by: str, reason: str) -> bool:
    """Release one hold; False when there is none of that name that still holds."""
    hold = d.state.holds.get(rule)
    if hold is None or hold.released_at is not None:
        return False
    d.note(HoldReleased(rule, by, reason, d.now))
    d.settle(f"hold/{rule}", by, reason)
    d.timer(f"hold/{rule}", None)
    _screen(d)
    return True


def let_go(d: Draft) -> None:
    """Release what has been waiting for something that is so now."""
    for hold in list(d.state.holds.values()):
        if hold.released_at is None:
            why = next((said for event in hold.release_on if (said := EVENTS[event](d.state)) is not None), None)
            if why is not None:
                release(d, hold.rule, "crossdock", why)


def expire(d: Draft, rule: str) -> None:
    """The hold's time is over: what the rule declared for that."""
    hold = d.state.holds.get(rule)
    if hold is None or hold.released_at is not None:
        return
    if hold.on_expiry == ESCALATE:
        d.note(HoldEscalated(rule, hold.escalate_to or hold.owner, d.now))
        d.open(held(d.state.holds[rule]), STEP, again=True)
    else:
        release(d, rule, "crossdock", "the hold expired")


def restore(d: Draft, rule: str, by: str, reason: str) -> None:
    """Hold again what was released; its time begins anew."""
    hold = d.state.holds[rule]
    lasts = None if hold.expires_at is None else hold.expires_at - hold.at
    d.note(HoldRestored(rule, by, reason, d.now, None if lasts is None else d.now + lasts))
    d.open(held(d.state.holds[rule]), STEP)
    d.timer(f"hold/{rule}", d.state.holds[rule].expires_at)
    _screen(d)


def _screen(d: Draft) -> None:
    verdict = screening(tuple(d.state.holds.values()))
    d.move(verdict.step, verdict.status, verdict.reason)
