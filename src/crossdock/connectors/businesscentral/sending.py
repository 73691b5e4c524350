"""How an operation ends early, and what a refusal of a posting means: shared by orders and credits."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from crossdock.connectors.businesscentral.answers import Stopped
from crossdock.connectors.businesscentral.client import BusinessCentral, quoted
from crossdock.connectors.businesscentral.keys import stored_key
from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.domain.commands import Payload
from crossdock.domain.outcome import OutcomeUnknown, Rejected
from crossdock.kit.manifest import Call, Result, Untranslatable


def classified(send: Any) -> Any:
    """Turn what ends an operation early into its result; NotSent and AnswerLost pass through."""

    @wraps(send)
    async def run(client: BusinessCentral, payload: Payload, call: Call) -> Result | None:
        try:
            found: Result | None = await send(client, payload, call)
        except (Stopped, Unbookable) as ended:
            return Result(ended.outcome)
        except Untranslatable as error:  # the document stands, but what is shown of it cannot be read
            return Result(OutcomeUnknown(detail=error.detail, code="read_failed"))
        return found

    return run


async def refused(stopped: Stopped, find: Callable[[], Awaitable[Result | None]]) -> Result:
    """A refusal, unless the document stands: older versions post, then fail for want of what is to be told."""
    if isinstance(stopped.outcome, Rejected):
        found = await find()
        if found is not None:
            return found
    return Result(stopped.outcome)


def of_order(order_key: str, client: BusinessCentral) -> str:
    """The filter that finds every document of an order."""
    return f"externalDocumentNumber%20eq%20{quoted(stored_key(order_key, client.settings))}"
