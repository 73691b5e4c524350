"""What every operation shares: how it ends early, and that a document of ours is made once, under our external id."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from crossdock.connectors.netsuite.answers import DUPLICATE, Stopped
from crossdock.connectors.netsuite.client import NetSuite
from crossdock.connectors.netsuite.proof import Unbookable
from crossdock.domain.outcome import Done, Rejected
from crossdock.kit import ending
from crossdock.kit.manifest import Call, Result

Find = Callable[[NetSuite, Any, Call], Awaitable[Result | None]]
Send = Callable[[NetSuite, Any, Call], Awaitable[Result]]

classified = ending.classified(Stopped, Unbookable)


def is_taken(stopped: Stopped) -> bool:
    """Our external id is known there: an earlier send of ours arrived after all."""
    return isinstance(stopped.outcome, Rejected) and stopped.outcome.code.upper() in DUPLICATE


def made_once(find: Find) -> Callable[[Send], Send]:
    """A decorator for what makes a document: an earlier one of ours is its result.

    A first send does not look, for hardly ever is there one: should NetSuite refuse our external id, ``find`` says what
    has it. A repeat looks before it sends; what cannot be rendered any more may be there already, too.
    """

    def decorate(make: Send) -> Send:
        @classified
        async def send(client: NetSuite, payload: Any, call: Call) -> Result:
            if call.tries and (found := await find(client, payload, call)) is not None:
                return found
            try:
                return await make(client, payload, call)
            except (Stopped, Unbookable) as ended:
                taken = bool(call.tries) if isinstance(ended, Unbookable) else is_taken(ended)
                found = await find(client, payload, call) if taken else None
                if found is None:
                    raise
                return found

        return cast("Send", send)

    return decorate


async def ours(client: NetSuite, kind: str, key: str) -> Result | None:
    """The document of a kind that has an external id of ours, if there is one."""
    there = await client.document(kind, f"eid:{key}")
    return None if there is None else Result(Done(refs={kind: there.id}, repeated=True))
