"""A person says whose lines count where the channel and the ERP's people both changed a booked order."""

from crossdock.domain.draft import Draft
from crossdock.domain.events import OperatorActed
from crossdock.domain.merge import CHANNEL, SIDES, MergeChosen
from crossdock.domain.process import AMEND

CLASHED = "booking.amend.conflict"


def merge_as(d: Draft, event: OperatorActed) -> str | None:
    """Ask for the amendment again, with the choice. ``args``: ``prefer`` (channel, erp), ``seen`` (what was shown).

    The ERP is looked at anew: clashes that the person did not see are a conflict again.
    """
    known, prefer = d.state.problems.get(AMEND), str(event.args.get("prefer", ""))
    if known is None or known.code != CLASHED or d.state.cancel is not None:
        return "there is nothing to merge"
    if prefer not in SIDES:
        return "say whose lines count: prefer channel or erp"
    seen = str(event.args.get("seen", ""))
    if not seen:
        return "say which differences were looked at: seen"
    d.note(MergeChosen(prefer, seen, event.actor, d.now))
    d.settle(AMEND, event.actor, event.reason)
    whose = "the channel's" if prefer == CHANNEL else "the ERP's"
    d.move(AMEND, "pending", f"{event.actor} takes {whose} where both changed a line")
    return None
