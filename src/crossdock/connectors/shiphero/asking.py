"""How polls ask: what stops a listing is told in a poll's own words."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from crossdock.connectors.shiphero.answers import Stopped
from crossdock.connectors.shiphero.client import ShipHero
from crossdock.domain.outcome import Misconfigured
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Unreachable

T = TypeVar("T")


async def ask(client: ShipHero, document: str, variables: dict[str, Any], wanted: type[T]) -> T:
    """A listing's answer. Raises ``Unreachable`` where the account is wrong, else ``NotSent``: asked again."""
    try:
        return await client.ask(document, variables, wanted)
    except Stopped as stopped:
        if isinstance(stopped.outcome, Misconfigured):
            raise Unreachable(str(stopped)) from stopped
        raise NotSent(f"listing: {stopped}") from stopped


def wired(instant: datetime) -> str:
    """An instant as ShipHero's arguments are spelled, UTC without a zone."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
