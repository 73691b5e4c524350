"""Rounds over the last days: of what tells no time of change, all that is young enough is listed again and again."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from crossdock.connectors.shiphero import wire
from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.polls import stamp
from crossdock.kit.manifest import Found, Page

N = TypeVar("N")
_SECOND = timedelta(seconds=1)  # arguments have whole seconds: what was made within this one is listed too


class Round(msgspec.Struct, frozen=True):
    """Where a round is. Between rounds there is nothing to keep: each lists the same days anew."""

    since: datetime
    until: datetime
    after: str


async def page_of(
    client: ShipHero,
    cursor: str | None,
    days: str,
    ask: Callable[[dict[str, Any]], Awaitable[wire.Page[N]]],
    found: Callable[[N], Iterable[Found]],
) -> Page:
    """One page of a round over as many days as the setting ``days`` says; none where it says 0."""
    length = int(client.settings.get(days) or 0)
    if length <= 0:
        return Page((), f"off: {days} is 0")
    at = msgspec.json.decode(cursor, type=Round) if cursor and cursor.startswith("{") else None
    until = at.until if at is not None else client.line.now() + _SECOND
    since = at.since if at is not None else until - timedelta(days=length)
    after = at.after if at is not None else None
    page = await ask({"from": stamp(since), "to": stamp(until), "after": after})
    told = tuple(one for node in page.nodes for one in found(node))
    following = page.following(after)
    if following is None:
        return Page(told, f"listed since {stamp(since)}")
    return Page(told, msgspec.json.encode(Round(since, until, following)).decode(), more=True)
