"""What polls share: the instants that a backfill is asked for, and a place that must not run ahead of the vendor."""

from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import msgspec


class _Place(Protocol):
    """A poll's cursor. ``begun``: nothing older is read. ``since``, ``seen``: where this run and the next begin."""

    @property
    def begun(self) -> datetime: ...
    @property
    def since(self) -> datetime: ...
    @property
    def seen(self) -> datetime: ...


P = TypeVar("P", bound=_Place)


def option_instant(told: Any) -> datetime | None:
    """An option such as ``since`` as an aware UTC instant; without a zone it is UTC, and nothing is ``None``.

    Raises ``ValueError`` for what is no ISO date or time.
    """
    if not told:
        return None
    instant = datetime.fromisoformat(str(told).replace("Z", "+00:00"))
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)


def not_ahead(at: P, told: datetime | None) -> P:
    """The place, no later than the vendor's clock (``told``): a first start by a clock of ours that runs ahead would
    pass over everything until the vendor's comes there."""
    if told is None or told >= at.begun:
        return at
    since, seen = min(at.since, told), min(at.seen, told)
    return msgspec.structs.replace(at, begun=told, since=since, seen=seen)  # type: ignore[type-var]
