"""How an operation ends early: what its client or its proof raises carries the outcome."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from crossdock.domain.commands import Payload
from crossdock.domain.outcome import OutcomeUnknown
from crossdock.kit.manifest import Call, Result, Untranslatable


def classified(*ended: type[Exception]) -> Callable[[Any], Any]:
    """A decorator for ``send`` and ``look_up``: exceptions of these kinds become the result of their ``outcome``.

    ``Untranslatable`` becomes an unknown outcome: the document stands, but what is shown of it cannot be read.
    ``NotSent`` and ``AnswerLost`` pass through; the engine knows what they mean.
    """

    def decorate(send: Any) -> Any:
        @wraps(send)
        async def run(client: Any, payload: Payload, call: Call) -> Result | None:
            try:
                found: Result | None = await send(client, payload, call)
            except ended as stopped:
                return Result(stopped.outcome)  # type: ignore[attr-defined]
            except Untranslatable as error:
                return Result(OutcomeUnknown(detail=error.detail, code="read_failed"))
            return found

        return run

    return decorate
