"""Returns by the day they were made: finds what webhooks lost. ``returns`` tells no time of change, so each round lists
all that are young enough; each state of one has a content id, and is taken once."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.manifest import POLLED_RETURN
from crossdock.connectors.shiphero.polls import ask
from crossdock.connectors.shiphero.returns import LISTED, Listed, Named, Told, content_id, receipt_of
from crossdock.connectors.shiphero.rounds import page_of
from crossdock.connectors.shiphero.wire import Page as WirePage
from crossdock.domain.receipt import is_there
from crossdock.kit.manifest import Found, Page, Poll, Unreachable, Untranslatable

PAGE_SIZE = 25


async def returns(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of the returns of the last ``return_days``; those of which something came, once for each state."""

    async def listed(variables: dict[str, Any]) -> WirePage[msgspec.Raw]:
        return (await ask(client, LISTED, {**variables, "first": PAGE_SIZE}, Listed)).returns.data

    return await page_of(client, cursor, "return_days", listed, _found)


def _found(node: msgspec.Raw) -> Iterator[Found]:
    body = bytes(node)
    try:
        named = msgspec.json.decode(body, type=Named)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreachable(f"ShipHero lists a return that cannot be read: {error}") from error
    key = named.order.partner_order_id if named.order else None
    if not key:
        return
    try:
        receipt = receipt_of(msgspec.json.decode(body, type=Told))
    except (Untranslatable, msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # its order says what is wrong
        yield Found(f"return:{named.id}:unreadable", POLLED_RETURN, "order", key, body)
        return
    if is_there(receipt):
        yield Found(content_id(receipt), POLLED_RETURN, "order", key, body)


RETURNING = {"returns": Poll("returns", returns, every_s=3600.0)}
