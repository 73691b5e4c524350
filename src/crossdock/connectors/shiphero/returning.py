"""Returns by the day they were made: finds what webhooks lost. ``returns`` tells no time of change, so each round lists
all that are young enough; each state of one has a content id, and is taken once."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.manifest import POLLED_RETURN
from crossdock.connectors.shiphero.polls import ask
from crossdock.connectors.shiphero.returns import LISTED, Listed, Told, content_id, receipt_of
from crossdock.connectors.shiphero.rounds import page_of
from crossdock.connectors.shiphero.wire import Page as WirePage
from crossdock.domain.receipt import is_there
from crossdock.kit.manifest import Found, Page, Poll, Untranslatable

PAGE_SIZE = 25


async def returns(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of the returns of the last ``return_days``; those of which something came, once for each state."""

    async def listed(variables: dict[str, Any]) -> WirePage[Told]:
        return (await ask(client, LISTED, {**variables, "first": PAGE_SIZE}, Listed)).returns.data

    return await page_of(client, cursor, "return_days", listed, _found)


def _found(told: Told) -> Iterator[Found]:
    key = told.order.partner_order_id if told.order else None
    if not key:
        return
    try:
        receipt = receipt_of(told)
    except Untranslatable:  # its order says what is wrong
        yield Found(f"return:{told.id}:unreadable", POLLED_RETURN, "order", key, msgspec.json.encode(told))
        return
    if is_there(receipt):
        yield Found(content_id(receipt), POLLED_RETURN, "order", key, msgspec.json.encode(told))


RETURNING = {"returns": Poll("returns", returns, every_s=3600.0)}
