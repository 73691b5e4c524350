"""Returns by the day they were made: finds what webhooks lost. ``returns`` tells no time of change, so each round lists
all that are young enough; each state of one has a content id, and is taken once."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.manifest import POLLED_RETURN
from crossdock.connectors.shiphero.polls import ask
from crossdock.connectors.shiphero.returns import LISTED, Listed, Told, content_id, receipt_of
from crossdock.domain.receipt import is_there
from crossdock.kit.manifest import Found, Page, Poll, Untranslatable

PAGE_SIZE = 25
_SECOND = timedelta(seconds=1)


class Round(msgspec.Struct, frozen=True):
    """Where a round is. Between rounds there is nothing to keep: each lists the same days anew."""

    since: datetime
    until: datetime
    after: str


async def returns(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of the returns of the last ``return_days``; those of which something came, once for each state."""
    days = int(client.settings.get("return_days") or 0)
    if days <= 0:
        return Page((), "off: return_days is 0")
    at = msgspec.json.decode(cursor, type=Round) if cursor and cursor.startswith("{") else None
    until = at.until if at is not None else client.line.now() + _SECOND
    since = at.since if at is not None else until - timedelta(days=days)
    after = at.after if at is not None else None
    variables = {"from": _wire(since), "to": _wire(until), "first": PAGE_SIZE, "after": after}
    page = (await ask(client, LISTED, variables, Listed)).returns.data
    found = tuple(one for edge in page.edges for one in _found(edge.node))
    end = page.pageInfo.endCursor
    if page.pageInfo.hasNextPage and end is not None and end != after:
        return Page(found, msgspec.json.encode(Round(since, until, end)).decode(), more=True)
    return Page(found, f"listed since {_wire(since)}")


def _found(told: Told) -> list[Found]:
    key = told.order.partner_order_id if told.order else None
    if not key:
        return []
    body = msgspec.json.encode(told)
    try:
        receipt = receipt_of(told)
    except Untranslatable:
        return [
            Found(f"return:{told.id}:unreadable", POLLED_RETURN, "order", key, body)
        ]  # its order says what is wrong
    if not is_there(receipt):
        return []
    return [Found(content_id(receipt), POLLED_RETURN, "order", key, body)]


def _wire(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


RETURNING = {"returns": Poll("returns", returns, every_s=3600.0)}
