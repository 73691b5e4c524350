"""Shipments that left are followed until they are delivered, by listing those of the last days again and again.

ShipHero tells no webhook of it and no instant: the message carries its clock at the answer that showed it first. Labels
that were made anew are told by webhook; where that was lost they are found here, for nothing lists shipments by change.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

import msgspec

from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.manifest import POLLED_LABELS, POLLED_PARCEL
from crossdock.connectors.shiphero.mapping import content_id
from crossdock.connectors.shiphero.polls import ask
from crossdock.connectors.shiphero.rounds import page_of
from crossdock.connectors.shiphero.wire import PARCELS, FollowedShipment, LabelNote, ParcelNote, ShipmentsFollowed
from crossdock.connectors.shiphero.wire import Page as WirePage
from crossdock.domain.events import SHIPMENTS
from crossdock.kit.manifest import Found, Page, Poll

PAGE_SIZE = 100


async def parcels(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of the shipments of the last ``tracking_days``; those that are on their way or delivered, once each."""

    async def listed(variables: dict[str, Any]) -> WirePage[FollowedShipment]:
        return (await ask(client, PARCELS, {**variables, "first": PAGE_SIZE}, ShipmentsFollowed)).shipments.data

    return await page_of(client, cursor, "tracking_days", listed, lambda node: _found(client, node))


def _found(client: ShipHero, node: FollowedShipment) -> Iterator[Found]:
    yield from _labels(client, node)
    status = "delivered" if node.delivered else "in_transit" if node.picked_up else None
    key = node.order.partner_order_id if node.order else None
    if status is not None and key:
        seen_at = (client.told_at or client.line.now()).astimezone(UTC)
        body = msgspec.json.encode(ParcelNote(str(node.legacy_id), status, seen_at))
        yield Found(f"parcel:{node.legacy_id}:{status}", POLLED_PARCEL, "order", key, body)


def _labels(client: ShipHero, node: FollowedShipment) -> Iterator[Found]:
    """A message of the same name as the webhook's and the poll's of these labels: one that was heard is not read."""
    numbers = [label.tracking_number for label in node.shipping_labels or () if label.tracking_number]
    order = node.order
    if numbers and order is not None and order.partner_order_id and order.id:
        content = content_id(node.legacy_id, numbers)
        named = f"{order.id}/{node.legacy_id}"
        key = f"{client.line.connection}:{SHIPMENTS}:{named}"
        yield Found(content, POLLED_LABELS, "signal", key, msgspec.json.encode(LabelNote(named, content)))


FOLLOWING = {"parcels": Poll("parcels", parcels, every_s=3600.0)}
