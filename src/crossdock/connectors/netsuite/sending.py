"""What every operation shares: how it ends early, and what a refusal for our own external id means."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from crossdock.connectors.netsuite.answers import DUPLICATE, Stopped
from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.proof import Unbookable
from crossdock.domain.commands import Payload
from crossdock.domain.outcome import Outcome, OutcomeUnknown, Rejected
from crossdock.kit.manifest import Call, Result, Untranslatable

_DUPLICATES = frozenset(code.lower() for code in DUPLICATE)


def classified(send: Any) -> Any:
    """Turn what ends an operation early into its result; NotSent and AnswerLost pass through."""

    @wraps(send)
    async def run(client: NetSuite, payload: Payload, call: Call) -> Result | None:
        try:
            found: Result | None = await send(client, payload, call)
        except (Stopped, Unbookable) as ended:
            return Result(ended.outcome)
        except Untranslatable as error:  # the document stands, but what NetSuite shows of it cannot be read
            return Result(OutcomeUnknown(detail=error.detail, code="read_failed"))
        return found

    return run


async def already_there(stopped: Stopped, find: Callable[[], Awaitable[Result | None]]) -> Result:
    """A refusal because our external id is taken means that an earlier send of ours arrived after all."""
    outcome: Outcome = stopped.outcome
    if isinstance(outcome, Rejected) and outcome.code in _DUPLICATES:
        return await find() or Result(outcome)
    return Result(outcome)
