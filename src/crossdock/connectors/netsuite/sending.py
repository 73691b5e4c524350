"""What every operation shares: how it ends early, and what a refusal for our own external id means."""

from collections.abc import Awaitable, Callable

from crossdock.connectors.netsuite.answers import DUPLICATE, Stopped
from crossdock.connectors.netsuite.proof import Unbookable
from crossdock.domain.outcome import Outcome, Rejected
from crossdock.kit import ending
from crossdock.kit.manifest import Result

_DUPLICATES = frozenset(code.lower() for code in DUPLICATE)

classified = ending.classified(Stopped, Unbookable)


async def already_there(stopped: Stopped, find: Callable[[], Awaitable[Result | None]]) -> Result:
    """A refusal because our external id is taken means that an earlier send of ours arrived after all."""
    outcome: Outcome = stopped.outcome
    if isinstance(outcome, Rejected) and outcome.code in _DUPLICATES:
        return await find() or Result(outcome)
    return Result(outcome)
