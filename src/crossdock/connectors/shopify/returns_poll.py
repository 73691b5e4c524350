"""The poll of returns: heals what lost webhooks would have told of goods that are to come back.

A return has no instant of its last change, and nothing says that its changes are its order's. So every order with a
return under way is listed, and what is listed otherwise than the last time, or no longer, becomes a signal, which reads
the order's returns whole. One that is opened and ended between two runs leaves no trace here. Where a webhook told of
it, the order is read once more when a run has been in between; where none did, nothing was begun that has to end.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from crossdock.connectors.shopify.answers import Failed, lost
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.graph import number
from crossdock.connectors.shopify.returns import UnderWay
from crossdock.connectors.shopify.topics import POLLED_RETURN
from crossdock.kit.manifest import Found, Page

# The order's returnStatus in its search (API 2026-10): all but ``returned``, ``return_failed``, ``no_return``.
QUERY = " OR ".join(f"return_status:{one}" for one in ("return_requested", "in_progress", "inspection_complete"))
PAGE = 50
EVERY_S = 900.0
LOOK_AGAIN_S = 2 * EVERY_S  # after a webhook: a whole run has begun and ended in between
SCOPES = frozenset({"read_returns", "write_returns"})


class ReturnsCursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """``known``: order -> a print of its returns, as the last whole run listed them. ``listed``: by this run so far.
    ``begun``: there was a whole run before. What a first one finds is older than we are."""

    known: dict[str, str] = {}
    listed: dict[str, str] = {}
    after: str | None = None
    begun: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ReturnsCursor).decode


async def returns(client: Client, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page of orders with returns under way. Raises ``Failed``, ``NotSent``, ``AnswerLost``."""
    at = _decode(cursor) if cursor and cursor.startswith("{") else ReturnsCursor()
    if at.after is None and not SCOPES & await client.scopes():
        return Page((), "off: the app has no scope read_returns")
    page = await client.returns_under_way(QUERY, PAGE, at.after)
    shown = {number(one.id): _print(one) for one in page.nodes}
    listed = {**at.listed, **shown}
    changed = [order_id for order_id, told in shown.items() if at.begun and at.known.get(order_id) != told]
    info = page.page_info
    if info.has_next_page:
        if info.end_cursor is None or info.end_cursor == at.after:
            raise Failed(lost("pages_repeat", "Shopify's list of orders with returns comes round.", False))
        following = ReturnsCursor(at.known, listed, info.end_cursor, at.begun)
        return Page(_signals(client, changed), _encode(following).decode(), more=True)
    ended = [order_id for order_id in at.known if order_id not in listed]
    done = ReturnsCursor(listed, begun=True)
    return Page(_signals(client, [*changed, *ended]), _encode(done).decode())


def _print(order: UnderWay) -> str:
    """The same for the same returns, in whatever order they are shown."""
    told = sorted((one.id, one.status, one.total_quantity) for one in order.returns.nodes)
    return blake2b(_encode(told), digest_size=6).hexdigest()


def _signals(client: Client, orders: list[str]) -> tuple[Found, ...]:
    """Each is new: what returns are like now, they may have been like before."""
    connection, at = client.line.connection, client.told_at or client.line.now()
    return tuple(
        Found(
            delivery_id=f"returns/{order_id}@{at:%Y-%m-%dT%H:%M:%SZ}",
            topic=POLLED_RETURN,
            stream_kind="signal",
            stream_key=f"{connection}:return:{order_id}",
            body=_encode({"order_id": int(order_id)}),
        )
        for order_id in orders
    )
