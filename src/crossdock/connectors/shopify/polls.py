"""The healing path: list what changed, and keep the webhook subscriptions alive.

``orders`` lists names only (id, updated_at, payment status): a page of 100 costs little, and an order that a webhook
already brought is known by its content id and not read again. One that is new becomes a signal, which reads it whole.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from crossdock.connectors.shopify import returns_poll, stocking
from crossdock.connectors.shopify.answers import Failed, lost
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.graph import number
from crossdock.connectors.shopify.payouts import payouts
from crossdock.connectors.shopify.shapes import Changed
from crossdock.connectors.shopify.topics import POLLED_ORDER, SCOPED, SUBSCRIBED
from crossdock.connectors.shopify.webhook import Money, Place, content_id, print_of, state_of
from crossdock.kit.manifest import Found, Page, Poll
from crossdock.kit.polling import option_instant

_FOREVER_AGO = datetime(2004, 1, 1, tzinfo=UTC)
_IDS_AT_ONCE = 50


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a poll stands. ``since`` is fixed while a run pages through; ``seen`` becomes the next run's ``since``, but
    no later than ``began``, Shopify's clock at the first page: what its search showed late then, and what changed on a
    page already read, lies behind a last page that is read much later.
    """

    since: datetime
    seen: datetime
    began: datetime | None = None
    after: str | None = None
    until: datetime | None = None
    ids: tuple[str, ...] = ()  # backfill: those still to be listed


class Pointer(msgspec.Struct, frozen=True):
    """The body of a polled message: which order, seen when, and what this view of it is called."""

    order_id: int
    updated_at: datetime
    content: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Cursor).decode
_pointer = msgspec.json.Decoder(Pointer).decode


async def orders(client: Client, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of changed orders, oldest change first. The watermark is what was seen: Shopify's clock, not ours.

    Options ``since``/``until`` (ISO) and ``ids`` narrow a backfill. Raises ``Failed``, ``NotSent``, ``AnswerLost``.
    """
    overlap = timedelta(minutes=float(client.line.settings.get("overlap_minutes") or 10))
    at = _decode(cursor) if cursor else _start(client, options)
    page = await client.orders_changed(_query(at, overlap), _page_size(client), at.after)
    try:
        found = tuple(_found(client.line.connection, order) for order in page.nodes)
    except (ValueError, OverflowError) as error:  # an id that is no number, an instant at an end of the calendar
        raise Failed(lost("answer_unexpected", f"Shopify's list of orders cannot be read: {error}", False)) from error
    began = at.began or client.told_at
    seen = _not_ahead(max([at.seen, *(order.updated_at for order in page.nodes)]), began)
    if page.page_info.has_next_page and page.page_info.end_cursor != at.after:
        following = msgspec.structs.replace(at, seen=seen, began=began, after=page.page_info.end_cursor)
        return Page(found, _encode(following).decode(), more=True)
    rest = at.ids[_IDS_AT_ONCE:]
    following = msgspec.structs.replace(at, since=seen, seen=seen, began=None, after=None, ids=rest)
    return Page(found, _encode(following).decode(), more=bool(rest))


def _not_ahead(seen: datetime, told: datetime | None) -> datetime:
    """Never later than Shopify's own clock: a first start by a clock of ours that runs ahead would pass over everything
    until Shopify's comes there."""
    return seen if told is None else min(seen, told)


def _start(client: Client, options: Mapping[str, Any]) -> Cursor:
    ids = tuple(str(one) for one in options.get("ids") or ())
    since = option_instant(options.get("since")) or (_FOREVER_AGO if ids or options.get("until") else client.line.now())
    return Cursor(since, since, until=option_instant(options.get("until")), ids=ids)


def _query(at: Cursor, overlap: timedelta) -> str:
    """Shopify's search text. Bounds include their second, so that orders changed within one second are all listed."""
    if at.ids:
        return " OR ".join(f"id:{one}" for one in at.ids[:_IDS_AT_ONCE])
    query = f"updated_at:>='{_text(at.since - overlap)}'"
    return f"{query} AND updated_at:<='{_text(at.until)}'" if at.until else query


def _text(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _page_size(client: Client) -> int:
    """8 objects an order: more than 100 might cost more points than one query may."""
    return max(1, min(100, int(client.line.settings.get("page_size") or 100)))


def _found(connection: str, order: Changed) -> Found:
    order_id = number(order.id)
    content = _content(order_id, order)
    return Found(
        delivery_id=content,
        topic=POLLED_ORDER,
        stream_kind="signal",
        stream_key=f"{connection}:order:{order_id}",
        body=_encode(Pointer(int(order_id), order.updated_at, content)),
    )


def _content(order_id: str, order: Changed) -> str:
    """What the webhook of this view calls it."""
    at = order.shipping_address
    to = (
        None
        if at is None
        else Place(at.name, at.company, at.address1, at.address2, at.city, at.zip, at.country_code_v2)
    )
    money = Money(
        order.current_total_price_set.shop_money.amount,
        order.total_outstanding_set.shop_money.amount,
        order.total_refunded_set.presentment_money.amount,
    )
    told = print_of(money, order.note, order.tags, to)
    return content_id(order_id, order.updated_at, state_of(order.display_financial_status, order.cancelled_at), told)


def content_of(body: bytes) -> str:
    """What the view that a polled message points at is called; raises ``msgspec.DecodeError``."""
    return _pointer(body).content


async def subscriptions(client: Client, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Subscribe again what is gone: Shopify deletes a subscription after 8 failed deliveries in a row."""
    uri = str(client.line.settings.get("public_url") or "")
    if not uri:
        return Page((), "off: public_url is not set")
    there = {one.topic for one in await client.subscriptions() if one.uri == uri}
    wanted = SUBSCRIBED
    if not there >= SCOPED.keys():
        scopes = await client.scopes()
        wanted = tuple(topic for topic in SUBSCRIBED if topic not in SCOPED or scopes & {*SCOPED[topic]})
    missing = [topic for topic in wanted if topic not in there]
    for topic in missing:
        await client.subscribe(topic, uri)
    return Page((), f"{len(wanted)} subscribed, {len(missing)} of them anew")


POLLS: dict[str, Poll] = {
    "levels": Poll("levels", stocking.levels, every_s=900.0),
    "orders": Poll("orders", orders, every_s=300.0, backfill=True),
    "subscriptions": Poll("subscriptions", subscriptions, every_s=900.0),
    "returns": Poll("returns", returns_poll.returns, every_s=returns_poll.EVERY_S),
    "payouts": Poll("payouts", payouts, every_s=3600.0, backfill=True),
}
