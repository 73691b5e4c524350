"""Shipments that left are followed until they are delivered, by listing those of the last days again and again.

ShipHero tells no webhook of it and no instant: the message carries its clock at the answer that showed it first.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

import msgspec

from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.manifest import POLLED_PARCEL
from crossdock.connectors.shiphero.polls import ask
from crossdock.connectors.shiphero.rounds import page_of
from crossdock.connectors.shiphero.wire import PARCELS, FollowedShipment, ParcelNote, ShipmentsFollowed
from crossdock.connectors.shiphero.wire import Page as WirePage
from crossdock.kit.manifest import Found, Page, Poll

PAGE_SIZE = 100


async def parcels(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of the shipments of the last ``tracking_days``; those that are on their way or delivered, once each."""

    async def listed(variables: dict[str, Any]) -> WirePage[FollowedShipment]:
        return (await ask(client, PARCELS, {**variables, "first": PAGE_SIZE}, ShipmentsFollowed)).shipments.data

    return await page_of(client, cursor, "tracking_days", listed, lambda node: _found(client, node))


def _found(client: ShipHero, node: FollowedShipment) -> Iterator[Found]:
    status = "delivered" if node.delivered else "in_transit" if node.picked_up else None
    key = node.order.partner_order_id if node.order else None
    if status is not None and key:
        seen_at = (client.told_at or client.line.now()).astimezone(UTC)
        body = msgspec.json.encode(ParcelNote(str(node.legacy_id), status, seen_at))
        yield Found(f"parcel:{node.legacy_id}:{status}", POLLED_PARCEL, "order", key, body)


FOLLOWING = {"parcels": Poll("parcels", parcels, every_s=3600.0)}
