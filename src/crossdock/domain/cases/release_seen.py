"""The warehouse told how far it is with our order."""

from crossdock.domain import entries as e
from crossdock.domain.draft import Draft
from crossdock.domain.events import ReleaseSeen
from crossdock.domain.lattice import RELEASE, rank
from crossdock.domain.problems import problem

KEY = "release.status"


def release_seen(d: Draft, event: ReleaseSeen) -> None:
    """Note it when it is further on than what was told before; a cancellation that is not ours is a problem."""
    state = d.state
    if event.status not in RELEASE:
        d.ignore("release_seen", f"{event.source} says {event.status}, which has no meaning here")
        return
    if event.external_id != state.warehouse_ref:
        d.refer(event.source, "order", event.external_id)
    known = state.release_status
    further = known is None or rank("release", event.status) > rank("release", known)
    if not further and (event.external_id is None or state.warehouse_ref is not None):
        return
    d.note(e.ReleaseNoted(event.status, event.source, d.now, event.reason, event.external_id))
    if event.status == "cancelled" and state.cancel is None and not state.finished("take.shipments"):
        title = f"{event.source} cancelled the order that we released"
        d.open(problem("release.cancelled_there", KEY, title, event.source, {"reason": event.reason}), "take.shipments")
