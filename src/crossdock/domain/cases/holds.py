"""A person lets holds go, or holds again; the rule says who may."""

from datetime import datetime

from crossdock.domain.draft import Draft
from crossdock.domain.events import OperatorActed
from crossdock.domain.hold import Hold
from crossdock.domain.holding import keepers, may_release, release, restore
from crossdock.domain.rulings import locked


def refusal(d: Draft, event: OperatorActed, rule: str) -> str | None:
    """Why this person may not let this hold go now, or None.

    ``args["seen_at"]``: when the values that the person looked at were seen; what has changed since stays held.
    """
    hold = d.state.holds.get(rule)
    if hold is None or hold.released_at is not None:
        return "no such hold is in force"
    if not may_release(hold.owner, hold.release_by, event.actor, event.role):
        return f"{rule} may be released by {keepers(hold.owner, hold.release_by)}, not by {event.actor}"
    looked = event.args.get("seen_at")
    if looked is not None and not _same(hold, str(looked)):
        return f"the order has changed since {rule} was looked at"
    return None


def _same(hold: Hold, looked: str) -> bool:
    try:
        return (hold.seen_at or hold.at) == datetime.fromisoformat(looked)
    except ValueError:
        return False


def release_asked(d: Draft, event: OperatorActed) -> str | None:
    """Release the hold that is named, or all that this person may; the reason when nothing came of it."""
    rule = event.args.get("rule")
    standing = [name for name, hold in d.state.holds.items() if hold.released_at is None]
    rules = [str(rule)] if rule is not None else standing
    refused = {each: refusal(d, event, each) for each in rules}
    for each, why in refused.items():
        if why is None:
            release(d, each, event.actor, event.reason)
    if rules and None in refused.values():
        return None
    return next(iter(refused.values()), "no such hold is in force")


def hold_again(d: Draft, event: OperatorActed) -> str | None:
    """Take a release back, as long as the ERP has nothing of the order."""
    rule = str(event.args.get("rule", ""))
    hold = d.state.holds.get(rule)
    if hold is None or hold.released_at is None:
        return "there is no such hold that was released"
    if not may_release(hold.owner, hold.release_by, event.actor, event.role):
        return f"{rule} may be held again by {keepers(hold.owner, hold.release_by)}, not by {event.actor}"
    if locked(d.state) or d.state.cancel is not None or d.state.ended is not None:
        return "it is too late: the order is booked, being booked, or has ended"
    restore(d, rule, event.actor, event.reason)
    return None
