"""What a person may do about a settlement: retry, resolve, skip. Whatever comes of it is recorded with name and reason.

``args``: resolve ``problem``, with ``refs`` (type -> id) of what was entered by hand; skip ``step``, one of
``settlement.match`` and ``settlement.kinds``: the lines at fault are posted to suspense.
"""

from collections.abc import Mapping

from crossdock.domain import settlement_entries as s
from crossdock.domain.decision import Reference
from crossdock.domain.events import OperatorActed
from crossdock.domain.settlement_draft import SettlementDraft

LET_GO: Mapping[str, str] = {"settlement.match": "match", "settlement.kinds": "kinds"}
_POST = "settlement.post"
_NOTED = ("settlement.changed", "settlement.returned")  # resolving them says only that somebody has looked


def acted(d: SettlementDraft, event: OperatorActed) -> bool:
    """Do what the person asked, or record why it was refused. Whether anything came of it."""
    if d.state.settlement is None:
        refused: str | None = "the settlement has not come yet"
    elif event.action == "retry":
        refused = _retry(d)
    elif event.action == "resolve":
        refused = _resolve(d, event)
    elif event.action == "skip":
        refused = _skip(d, event)
    else:
        refused = f"a settlement knows no action {event.action!r}"
    if refused is not None:
        d.note(s.ActRecorded(event.action, event.actor, d.now, event.reason, refused=refused))
    return refused is None


def _record(d: SettlementDraft, event: OperatorActed, let_go: str | None = None, *, by_hand: bool = False) -> None:
    d.note(s.ActRecorded(event.action, event.actor, d.now, event.reason, let_go, by_hand))


def _retry(d: SettlementDraft) -> str | None:
    """Send again what failed; ask again for orders that are missing; look again at the route and the period; take in
    what was left alone, once the route begins before it."""
    if d.state.left_alone is not None:
        if (why := d.not_ours) is not None:
            return f"it was {why}: move the route's since back first"
        d.note(s.SettlementTakenIn(d.now))
        return None
    posted = d.state.posted
    if posted is not None and posted.status == "failed":
        d.end(_POST)
        if posted.klass == "rejected":
            # a new command for the same document, with today's settings and posting day
            d.note(s.PostingDropped(posted.key, d.now))
        else:
            d.note(s.PostingSettled(posted.key, "open", d.now))
            d.decision.again.append(posted.key)
        return None
    if not d.state.problems:
        return "nothing of this settlement has failed"
    d.end("settlement.period")
    return None


def _resolve(d: SettlementDraft, event: OperatorActed) -> str | None:
    key, posted = str(event.args.get("problem", "")), d.state.posted
    if key not in d.state.problems:
        return f"no problem {key!r} is open"
    if key in _NOTED:
        _record(d, event)
        d.end(key, event.actor)
        return None
    if posted is not None and posted.status == "open":
        return "it is being sent: wait for its outcome"
    if key == _POST and posted is not None:
        d.note(s.PostingSettled(posted.key, "done", d.now, event.refs, by=event.actor))
        d.decision.references += [Reference(posted.target, kind, id_) for kind, id_ in event.refs.items()]
    _record(d, event, by_hand=True)
    for each in list(d.state.problems):
        d.end(each, event.actor)
    return None


def _skip(d: SettlementDraft, event: OperatorActed) -> str | None:
    step = str(event.args.get("step", ""))
    if step not in LET_GO:
        return f"step {step!r} cannot be skipped"
    if step not in d.state.problems:
        return "nobody is asked about it"
    _record(d, event, LET_GO[step])
    d.end(step, event.actor)
    return None
