"""Shipments by creation date, and orders by change: find what webhooks lost."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from crossdock.connectors.shiphero.answers import Stopped
from crossdock.connectors.shiphero.client import ShipHero
from crossdock.connectors.shiphero.manifest import POLLED_ORDER, POLLED_SHIPMENT
from crossdock.connectors.shiphero.mapping import content_id, standing
from crossdock.connectors.shiphero.wire import (
    ORDERS_CHANGED,
    SHIPMENTS,
    ListedOrder,
    ListedShipment,
    OrdersListed,
    ShipmentsListed,
)
from crossdock.domain.outcome import Misconfigured
from crossdock.kit.http import NotSent
from crossdock.kit.manifest import Found, Page, Poll, Unreachable

T = TypeVar("T")
OVERLAP = timedelta(minutes=10)
FIRST_LOOK_BACK = timedelta(days=1)
PAGE_SIZE = 25
TELLING = ("cancelled", "on_hold")  # what only a webhook tells; shipments have a poll of their own


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the poll is. Inside a round the others are set too; between rounds only ``since``.

    ``seen``: the newest shipment of the round. The next one begins there, on the vendor's clock: ours may be off. But
    no later than ``began``, that clock at the first page: the last one may have been read much later.
    """

    since: datetime
    until: datetime | None = None
    after: str | None = None
    seen: datetime | None = None
    began: datetime | None = None


async def shipments(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page. A round covers from the last shipment seen (less an overlap) to now, or what ``options`` ask for."""
    at = _cursor(client, cursor, options)
    until = at.until or client.line.now()
    variables = {"from": stamp(at.since), "to": stamp(until), "first": PAGE_SIZE, "after": at.after}
    listed = await ask(client, SHIPMENTS, variables, ShipmentsListed)
    page = listed.shipments.data
    following = page.following(at.after)
    listed_now = [(_named(bytes(node)), bytes(node)) for node in page.nodes]
    seen = max([at.seen or at.since, *filter(None, (_at(one.created_date) for one, _ in listed_now))])
    after = _after(client, at, until, following, seen)
    found = [_found(one, body) for one, body in listed_now]
    more = following is not None
    return Page(tuple(one for one in found if one is not None), msgspec.json.encode(after).decode(), more)


def _after(client: ShipHero, at: Cursor, until: datetime | None, page: str | None, seen: datetime) -> Cursor:
    """Where to go on: on the next ``page`` of the round, or with the next round."""
    began = at.began or client.told_at or client.line.now()
    if page is not None:
        return Cursor(at.since, until, page, seen, began)
    return Cursor(max(at.since, min(seen, began) - OVERLAP))


def _named(node: bytes) -> ListedShipment:
    try:
        return msgspec.json.decode(node, type=ListedShipment)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreachable(f"ShipHero lists a shipment that cannot be read: {error}") from error


async def orders(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of changed orders; those that were cancelled or put on hold there are found, once each.

    Begins at the newest change seen (less an overlap), on the vendor's clock, or where ``options`` ask for.
    """
    at = _cursor(client, cursor, options)
    variables = {
        "from": stamp(at.since),
        "to": stamp(at.until) if at.until else None,
        "first": PAGE_SIZE,
        "after": at.after,
    }
    page = (await ask(client, ORDERS_CHANGED, variables, OrdersListed)).orders.data
    following = page.following(at.after)
    seen = max([at.seen or at.since, *filter(None, (_at(node.updated_at) for node in page.nodes))])
    after = _after(client, at, at.until, following, seen)
    found = [_standing(client.line.connection, node) for node in page.nodes]
    more = following is not None
    return Page(tuple(one for one in found if one is not None), msgspec.json.encode(after).decode(), more)


def _standing(connection: str, order: ListedOrder) -> Found | None:
    """The order's status, if it is one that matters. It only ever moves on, so that each is told once."""
    status = standing(connection, order).status
    if not order.partner_order_id or status not in TELLING:
        return None
    body = msgspec.json.encode(order)
    return Found(f"order:{order.id}:{status}", POLLED_ORDER, "order", order.partner_order_id, body)


async def ask(client: ShipHero, document: str, variables: dict[str, Any], wanted: type[T]) -> T:
    """One question of a poll. Raises ``Unreachable`` and ``NotSent``."""
    try:
        return await client.ask(document, variables, wanted)
    except Stopped as stopped:
        if isinstance(stopped.outcome, Misconfigured):
            raise Unreachable(str(stopped)) from stopped
        raise NotSent(f"listing: {stopped}") from stopped


def _cursor(client: ShipHero, cursor: str | None, options: Mapping[str, Any]) -> Cursor:
    if cursor is not None:
        return msgspec.json.decode(cursor, type=Cursor)
    since, until = options.get("since"), options.get("until")
    return Cursor(_instant(since) if since else client.line.now() - FIRST_LOOK_BACK, _instant(until) if until else None)


def _at(text: str | None) -> datetime | None:
    """When it was made or changed; None where that cannot be read, which is the mapping's to say."""
    try:
        return _instant(text or "")
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


def stamp(instant: datetime) -> str:
    """An instant as arguments have it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


POLLS = {
    "shipments": Poll("shipments", shipments, every_s=300.0, backfill=True),
    "orders": Poll("orders", orders, every_s=300.0, backfill=True),
}
