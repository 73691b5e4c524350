"""Shipments by creation date: finds what webhooks lost."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from crossdock.connectors.shiphero.answers import Stopped
from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.manifest import POLLED_SHIPMENT
from crossdock.connectors.shiphero.mapping import content_id
from crossdock.connectors.shiphero.wire import SHIPMENTS, ListedShipment, ShipmentsListed
from crossdock.domain.outcome import Misconfigured
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Found, Page, Poll, Unreachable

OVERLAP = timedelta(minutes=10)
FIRST_LOOK_BACK = timedelta(days=1)
PAGE_SIZE = 25


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the poll is. Inside a round the others are set too; between rounds only ``since``.

    ``seen``: the newest shipment of the round. The next one begins there, on the vendor's clock: ours may be off.
    """

    since: datetime
    until: datetime | None = None
    after: str | None = None
    seen: datetime | None = None


async def shipments(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page. A round covers from the last shipment seen (less an overlap) to now, or what ``options`` ask for."""
    at = _cursor(client, cursor, options)
    until = at.until or client.line.now()
    variables = {"from": _wire(at.since), "to": _wire(until), "first": PAGE_SIZE, "after": at.after}
    try:
        listed = await client.ask(SHIPMENTS, variables, ShipmentsListed)
    except Stopped as stopped:
        if isinstance(stopped.outcome, Misconfigured):
            raise Unreachable(str(stopped)) from stopped
        raise NotSent(f"listing shipments: {stopped}") from stopped
    page = listed.shipments.data
    more = page.pageInfo.hasNextPage and page.pageInfo.endCursor not in (None, at.after)
    listed_now = [(msgspec.json.decode(edge.node, type=ListedShipment), bytes(edge.node)) for edge in page.edges]
    seen = max([at.seen or at.since, *filter(None, (_created(one) for one, _ in listed_now))])
    after = Cursor(at.since, until, page.pageInfo.endCursor, seen) if more else Cursor(max(at.since, seen - OVERLAP))
    found = [_found(one, body) for one, body in listed_now]
    return Page(tuple(one for one in found if one is not None), msgspec.json.encode(after).decode(), more)


def _cursor(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Cursor:
    if cursor is not None:
        return msgspec.json.decode(cursor, type=Cursor)
    since, until = options.get("since"), options.get("until")
    return Cursor(_instant(since) if since else client.line.now() - FIRST_LOOK_BACK, _instant(until) if until else None)


def _created(shipment: ListedShipment) -> datetime | None:
    """When it was made; None where that cannot be read, which is the mapping's to say."""
    try:
        return _instant(shipment.created_date or "")
    except ValueError:
        return None


def _found(shipment: ListedShipment, body: bytes) -> Found | None:
    """Only what belongs to an order of ours; orders made by hand in ShipHero carry no key."""
    order_key = shipment.order.partner_order_id if shipment.order else None
    if not order_key:
        return None
    labels = [label.tracking_number for label in shipment.shipping_labels or ()]
    return Found(content_id(shipment.legacy_id, labels), POLLED_SHIPMENT, "order", order_key, body)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _wire(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


POLLS = {"shipments": Poll("shipments", shipments, every_s=300.0, backfill=True)}
