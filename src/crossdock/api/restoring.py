"""What a person says of a database that was put back to an earlier time, where it did not notice by itself."""

from crossdock.api.acts import Done
from crossdock.api.desk import Desk
from crossdock.api.guard import Caller
from crossdock.api.problems import Refusal
from crossdock.governance import audit
from crossdock.store.origin import DOUBT_S

DAYS, LONGEST_DAYS = DOUBT_S / 86400.0, 366.0


async def mark(desk: Desk, caller: Caller, reason: str, days: float) -> Done:
    """It lost time: for so many days first sends look before they write. Raises ``Refusal``: bad_request."""
    _why(reason)
    if not 0 < days <= LONGEST_DAYS:
        raise Refusal("bad_request", f"Say for how many days: more than 0, at most {LONGEST_DAYS:g}.")
    await audit.append(desk.pool, caller.name, "database.restored", "database", reason.strip(), {"days": days})
    await desk.store.restored(days * 86400.0)
    said = f"For {days:g} day{'s' * (days != 1)} whatever is sent for the first time is looked for first."
    return Done("database.restored", said)


async def end(desk: Desk, caller: Caller, reason: str) -> Done:
    """What was lost is made up for. Raises ``Refusal``: bad_request."""
    _why(reason)
    await audit.append(desk.pool, caller.name, "database.made_up", "database", reason.strip())
    await desk.store.restored(0.0)
    return Done("database.made_up", "First sends are sent without a look from now on.")


def _why(reason: str) -> None:
    if not reason.strip():
        raise Refusal("bad_request", "Say why: the reason is kept with the act.")
