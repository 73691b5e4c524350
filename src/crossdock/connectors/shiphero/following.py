"""Shipments that left are followed until they are delivered, by listing those of the last days again and again.

ShipHero tells no webhook of it and no instant: the message carries its clock at the answer that showed it first.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.manifest import POLLED_PARCEL
from crossdock.connectors.shiphero.polls import ask
from crossdock.connectors.shiphero.wire import PARCELS, FollowedShipment, ParcelNote, ShipmentsFollowed
from crossdock.kit.manifest import Found, Page, Poll

PAGE_SIZE = 100
_SECOND = timedelta(seconds=1)  # arguments have whole seconds: what left within this one is listed too


class Round(msgspec.Struct, frozen=True):
    """Where a round is. Between rounds there is nothing to keep: each lists the same days anew."""

    since: datetime
    until: datetime
    after: str


async def parcels(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of the shipments of the last ``tracking_days``; those that are on their way or delivered, once each."""
    days = int(client.settings.get("tracking_days") or 0)
    if days <= 0:
        return Page((), "off: tracking_days is not set")
    at = msgspec.json.decode(cursor, type=Round) if cursor and cursor.startswith("{") else None
    until = at.until if at is not None else client.line.now() + _SECOND
    since = at.since if at is not None else until - timedelta(days=days)
    after = at.after if at is not None else None
    variables = {"from": _wire(since), "to": _wire(until), "first": PAGE_SIZE, "after": after}
    page = (await ask(client, PARCELS, variables, ShipmentsFollowed)).shipments.data
    seen_at = (client.told_at or client.line.now()).astimezone(UTC)
    found = tuple(one for edge in page.edges for one in _found(edge.node, seen_at))
    end = page.pageInfo.endCursor
    if page.pageInfo.hasNextPage and end is not None and end != after:
        return Page(found, msgspec.json.encode(Round(since, until, end)).decode(), more=True)
    return Page(found, f"followed since {_wire(since)}")


def _found(node: FollowedShipment, seen_at: datetime) -> list[Found]:
    status = "delivered" if node.delivered else "in_transit" if node.picked_up else None
    key = node.order.partner_order_id if node.order else None
    if status is None or not key:
        return []
    body = msgspec.json.encode(ParcelNote(str(node.legacy_id), status, seen_at))
    return [Found(f"parcel:{node.legacy_id}:{status}", POLLED_PARCEL, "order", key, body)]


def _wire(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


FOLLOWING = {"parcels": Poll("parcels", parcels, every_s=3600.0)}
