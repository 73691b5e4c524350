"""How orders come: a search by change that heals everything, and a queue of notifications that is quicker.

``orders`` lists whole orders, so that none of them is read one by one: a seller's ``getOrder`` gives 30 a minute, a
search 100 at once. ``notifications`` only says which order changed; it is read back by an operation.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b, sha256
from typing import Any

import msgspec

from crossdock.connectors.amazon import standing, topics
from crossdock.connectors.amazon.answers import Failed, lost
from crossdock.connectors.amazon.client import Client, text_of
from crossdock.connectors.amazon.queue import Message
from crossdock.connectors.amazon.reports import settlements
from crossdock.connectors.amazon.stocking import levels
from crossdock.connectors.amazon.wire import ChangeNotification, Head, Named, NotificationHead, Order, Searched
from crossdock.domain.order import order_key
from crossdock.domain.outcome import Rejected
from crossdock.kit.manifest import Found, Page, Poll
from crossdock.kit.polling import option_instant

LEAST_OVERLAP = timedelta(hours=24)  # orders surface hours late for some sellers (github amzn #763 and others)
_FOREVER_AGO = datetime(2016, 1, 1, tzinfo=UTC)  # Amazon shows nothing older anywhere
_BEHIND = timedelta(minutes=3)  # an end must be two minutes in Amazon's past
_IDS_AT_ONCE = 10
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the search stands. ``since`` is fixed while a run pages through; ``seen`` becomes the next run's.

    ``begun``: the first run's start, by Amazon's clock. What changed before it is left alone, so that a start takes
    over no order that somebody else is working on. ``exact``: a span that was asked for, without overlap.
    ``tokens``: digests of this run's page tokens, to notice one that comes again.
    """

    since: datetime
    seen: datetime
    begun: datetime | None = None
    after: str | None = None
    until: datetime | None = None
    exact: bool = False
    ids: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Cursor).decode
_head = msgspec.json.Decoder(Head).decode
_whole = msgspec.json.Decoder(Order).decode
_named_order = msgspec.json.Decoder(Named).decode


async def orders(client: Client, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of changed orders. The watermark is what was seen: Amazon's clock, not ours.

    Options ``since``/``until`` (ISO) and ``ids`` narrow a backfill. Raises ``Failed``, ``NotSent``, ``AnswerLost``.
    """
    at = _decode(cursor) if cursor else _start(client, options)
    if at.ids:
        return await _named(client, at)
    at, page = await _search(client, at)
    clock = _clock(page, client)
    begun = at.begun or min(at.since, clock)
    heads = [(_headed(raw), bytes(raw)) for raw in page.orders]
    found = tuple(
        _odd(client, body) if head is None else _found(client, head, body)
        for head, body in heads
        if head is None or at.exact or head.last_updated_time >= begun
    )
    seen = max([at.seen, *(head.last_updated_time for head, _ in heads if head is not None)])
    at = msgspec.structs.replace(at, begun=begun, seen=max(begun, min(seen, clock)))
    return Page(found, *_following(at, page.pagination.next_token if page.pagination else None))


def _following(at: Cursor, token: str | None) -> tuple[str, bool]:
    """The place to go on from, and whether at once."""
    if not token:
        return _text(msgspec.structs.replace(at, since=at.seen, after=None, tokens=())), False
    digest = sha256(token.encode()).hexdigest()[:12]
    if digest not in at.tokens:
        return _text(msgspec.structs.replace(at, after=token, tokens=(*at.tokens, digest))), True
    # Pages that come round would never end. Back at the run's start, the poll loop sees a place that it had before and
    # ends the run aloud; the next one begins anew.
    return _text(msgspec.structs.replace(at, seen=at.since, after=None, tokens=())), True


async def _search(client: Client, at: Cursor) -> tuple[Cursor, Searched]:
    since, size = _from(client, at), _page_size(client)
    try:
        return at, await client.search(since, at.until, size, at.after)
    except Failed as failed:
        if at.after is None or not isinstance(failed.outcome, Rejected):
            raise
    # A page token lives a day: after a longer rest the run begins again where it began.
    at = msgspec.structs.replace(at, after=None, tokens=())
    return at, await client.search(since, at.until, size, None)


def _from(client: Client, at: Cursor) -> datetime:
    if at.exact:
        return at.since
    hours = float(client.line.settings.get("overlap_hours") or 24)
    since = at.since - max(LEAST_OVERLAP, timedelta(hours=hours))
    return since if at.begun is None else max(since, at.begun)


async def _named(client: Client, at: Cursor) -> Page:
    """Orders that a person named, one by one."""
    found = []
    for order_id in at.ids[:_IDS_AT_ONCE]:
        raw = await client.order(order_id)
        if raw is not None:
            head, body = _headed(raw), bytes(raw)
            found.append(_odd(client, body) if head is None else _found(client, head, body, asked=True))
    rest = at.ids[_IDS_AT_ONCE:]
    return Page(tuple(found), _text(msgspec.structs.replace(at, ids=rest)), more=bool(rest))


def _start(client: Client, options: Mapping[str, Any]) -> Cursor:
    ids = tuple(str(one) for one in options.get("ids") or ())
    since, until = option_instant(options.get("since")), option_instant(options.get("until"))
    if ids or since or until:
        since = since or _FOREVER_AGO
        until = min(until, client.line.now() - _BEHIND) if until else None
        return Cursor(since, since, until=until, exact=True, ids=ids)
    now = client.line.now()
    return Cursor(now, now)


def _page_size(client: Client) -> int:
    return max(1, min(100, int(client.line.settings.get("page_size") or 100)))


def _clock(page: Searched, client: Client) -> datetime:
    """Amazon's own time: what it has listed up to, else what its answer is dated."""
    return _sane(page.last_updated_before or client.told_at or client.line.now())


def _headed(raw: msgspec.Raw) -> Head | None:
    """``None`` for an order that cannot be read."""
    try:
        head = _head(raw)
    except _UNREADABLE:
        return None
    return head if _plausible(head.last_updated_time) else None


def _odd(client: Client, body: bytes) -> Found:
    """One odd order keeps no other from being taken: it becomes an exception of its own. Raises ``Failed`` for what
    does not even name itself."""
    try:
        order_id = _named_order(body).order_id
    except _UNREADABLE as error:
        text = f"Amazon lists something that names no order: {error}"
        raise Failed(lost("answer_unexpected", text, False)) from error
    key = order_key(client.line.connection, order_id)
    return Found(f"order/{order_id}@unreadable/{_print(body)}", topics.ORDER, "order", key, body)


def _plausible(instant: datetime) -> bool:
    """At the ends of the calendar nothing can be added to an instant."""
    return 1970 <= instant.year <= 9998


def _sane(instant: datetime) -> datetime:
    if _plausible(instant):
        return instant
    raise Failed(lost("answer_unexpected", f"Amazon tells the time {instant.isoformat()}.", False))


def _found(client: Client, head: Head, body: bytes, *, asked: bool = False) -> Found:
    connection, settings = client.line.connection, client.line.settings
    reason = standing.ignored(head.fulfillment, book_amazons=standing.books_amazons(settings), asked=asked)
    name = f"{content_id(head)}/{_print(body)}"
    if reason is not None:
        key = f"{connection}:ignored:{head.order_id}"  # no more is kept of it than which order is how far
        topic = topics.ORDER_LATER if standing.later(head.fulfillment) else topics.ORDER_IGNORED
        return Found(f"ignored/{name}", topic, "signal", key, _encode(head))
    return Found(name, topics.ORDER, "order", order_key(connection, head.order_id), body)


def content_id(head: Head) -> str:
    """Which order, when it changed, how far it is. Amazon tells whole seconds: see ``_print``."""
    status = head.fulfillment.fulfillment_status if head.fulfillment else "UNTOLD"
    return f"order/{head.order_id}@{text_of(head.last_updated_time)}/{status}"


def _print(body: bytes) -> str:
    """Tells views of one second apart, in a few letters that reveal nothing: of what is read, whatever its order."""
    try:
        told = _encode(_whole(body))
    except _UNREADABLE:  # the mapping will say what is off
        told = body
    return blake2b(told, digest_size=6).hexdigest()


def _text(cursor: Cursor) -> str:
    return _encode(cursor).decode()


class Receipts(msgspec.Struct, frozen=True):
    """What was received and is durable by now: the place of the queue's poll, deleted when it is asked again."""

    received: tuple[str, ...] = ()


_receipts = msgspec.json.Decoder(Receipts).decode


async def notifications(client: Client, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Delete what the last page brought, receive the next. The cursor is saved after its page is durable, so that
    nothing is deleted before the store has answered; what was stored and not deleted comes again and is known."""
    queue = client.queue
    if queue is None:
        return Page((), "off: queue_url is not set")
    done = _receipts(cursor).received if cursor and cursor.startswith("{") else ()
    if done:
        await queue.delete(done)
    received = await queue.receive()
    place = Receipts(tuple(message.receipt_handle for message in received))
    book = standing.books_amazons(client.line.settings)
    found = tuple(_notified(client.line.connection, message, book) for message in received)
    return Page(found, _encode(place).decode(), more=bool(received))


def _notified(connection: str, message: Message, book_amazons: bool) -> Found:
    """A notification as a message of its order; one that cannot be read is kept too, and becomes an exception."""
    body = message.body.encode("utf-8", "surrogatepass")
    try:
        head = msgspec.json.decode(body, type=NotificationHead)
        name = f"notification/{head.notification_metadata.notification_id}"
        if head.notification_type != topics.CHANGE:
            return Found(name, topics.OTHER, "signal", f"{connection}:ignored:{message.message_id}", body)
        whole = msgspec.json.decode(body, type=ChangeNotification)
    except _UNREADABLE:
        key = f"{connection}:notification:{message.message_id}"
        return Found(f"message/{message.message_id}", topics.CHANGE, "signal", key, body)
    change = whole.payload.order_change_notification
    if standing.ignored_change(change.summary, book_amazons=book_amazons) is not None:
        key = f"{connection}:ignored:{change.amazon_order_id}"
        later = standing.later(standing.of_change(change.summary))
        return Found(name, topics.CHANGE_LATER if later else topics.CHANGE_IGNORED, "signal", key, _encode(whole))
    return Found(name, topics.CHANGE, "signal", f"{connection}:order:{change.amazon_order_id}", body)


POLLS: dict[str, Poll] = {
    "orders": Poll("orders", orders, every_s=900.0, backfill=True),
    "notifications": Poll("notifications", notifications, every_s=30.0),
    "levels": Poll("levels", levels, every_s=900.0),
    "settlements": Poll("settlements", settlements, every_s=14_400.0, backfill=True),
}
