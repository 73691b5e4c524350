"""How an operation ends early, and what a refusal of a posting means: shared by orders and credits."""

from collections.abc import Awaitable, Callable

from crossdock.connectors.businesscentral.answers import Stopped
from crossdock.connectors.businesscentral.client import BusinessCentral, quoted
from crossdock.connectors.businesscentral.keys import stored_key
from crossdock.connectors.businesscentral.proof import Unbookable
from crossdock.domain.outcome import Rejected
from crossdock.kit import ending
from crossdock.kit.manifest import Result

classified = ending.classified(Stopped, Unbookable)


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
