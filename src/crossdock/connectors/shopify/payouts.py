"""The poll of payouts: lists them, and reads the lines of each that the bank has taken or sent back, once.

A payout is told when it is final (PAID, FAILED). One that is still on its way keeps the place from moving past it, so
that it is seen again however long it takes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec

from crossdock.connectors.shopify.answers import Failed, lost
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.graph import number
from crossdock.connectors.shopify.payout_mapping import STATUSES
from crossdock.connectors.shopify.payout_shapes import Payout, PayoutBody
from crossdock.connectors.shopify.topics import POLLED_PAYOUT
from crossdock.kit.manifest import Found, Page
from crossdock.kit.polling import not_ahead, option_instant

_FOREVER_AGO = datetime(2013, 1, 1, tzinfo=UTC)  # Shopify Payments began then
_UNDER_WAY = ("SCHEDULED", "IN_TRANSIT")
OVERLAP = timedelta(days=14)  # a bank may send a payout back days after it took it
PAGE = 50


class PayoutCursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """``since`` is fixed while a run pages through; ``seen`` becomes the next one's, but not beyond ``open_since``,
    the oldest payout that is still under way. ``begun``: nothing issued before it is looked at. ``pending``: listed and
    not read yet. ``known``: content id -> when it was issued, of what was read within the overlap."""

    since: datetime
    seen: datetime
    begun: datetime
    open_since: datetime | None = None
    until: datetime | None = None
    after: str | None = None
    listed: bool = False
    pending: tuple[Payout, ...] = ()
    known: dict[str, datetime] = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(PayoutCursor).decode
_replace = msgspec.structs.replace


async def payouts(client: Client, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """One page: a list of payouts, or the lines of one of them. Raises ``Failed``, ``NotSent``, ``AnswerLost``."""
    if client.line.settings.get("payouts") is not True:
        return Page((), "off: payouts is not set")
    at = _decode(cursor) if cursor and cursor.startswith("{") else _start(client, options)
    if at.pending:
        return await _read(client, at)
    return await _list(client, at)


def _start(client: Client, options: Mapping[str, Any]) -> PayoutCursor:
    since, until = option_instant(options.get("since")), option_instant(options.get("until"))
    begun = (since or (_FOREVER_AGO if until else client.line.now())).replace(microsecond=0)  # Shopify tells seconds
    return PayoutCursor(begun, begun, begun, until=until)


async def _list(client: Client, at: PayoutCursor) -> Page:
    query = f"issued_at:>='{_text(at.since - OVERLAP)}'" + (f" AND issued_at:<='{_text(at.until)}'" if at.until else "")
    page = await client.payouts(query, PAGE, at.after)
    if page is None:
        raise Failed(lost("no_payments_account", "The shop has no Shopify Payments account: unset `payouts`.", False))
    at = not_ahead(at, client.told_at)
    nodes = [one for one in page.nodes if one.issued_at >= at.begun]
    new = tuple(one for one in nodes if one.status in STATUSES and content_id(one) not in at.known)
    waits = [one.issued_at for one in nodes if one.status in _UNDER_WAY]
    at = _replace(
        at,
        seen=max([at.seen, *(one.issued_at for one in nodes)]),
        open_since=min([one for one in (at.open_since, *waits) if one is not None], default=None),
        pending=new,
    )
    following = page.page_info.end_cursor if page.page_info.has_next_page else None
    if following is not None and following == at.after:
        raise Failed(lost("pages_repeat", "Shopify's list of payouts comes round.", False))
    at = _replace(at, after=following, listed=following is None)
    return _following(at, ())


async def _read(client: Client, at: PayoutCursor) -> Page:
    """The oldest that is listed. One that failed has no lines any more: they went into another payout. Lines that do
    not make the payout may not all be shown yet: they are read again with the next run."""
    payout, *rest = at.pending
    paid = STATUSES[payout.status] == "paid"
    lines = await client.payout_lines(number(payout.id)) if paid else ()
    body = _encode(PayoutBody(payout, lines))
    connection, content = client.line.connection, content_id(payout)
    found = Found(
        delivery_id=f"{content}/{blake2b(body, digest_size=6).hexdigest()}",
        topic=POLLED_PAYOUT,
        stream_kind="settlement",
        stream_key=f"{connection}-{number(payout.id)}",
        body=body,
    )
    whole = not paid or abs(sum(one.net.amount for one in lines)) == abs(payout.net.amount)
    known = {**at.known, content: payout.issued_at} if whole else at.known
    at = _replace(at, pending=tuple(rest), known=known)
    return _following(at, (found,))


def _following(at: PayoutCursor, found: tuple[Found, ...]) -> Page:
    """The place to go on from: what is listed is read before more is listed."""
    if at.pending or not at.listed:
        return Page(found, _encode(at).decode(), more=True)
    since = at.seen if at.open_since is None else min(at.seen, at.open_since)
    known = {content: issued for content, issued in at.known.items() if issued >= since - OVERLAP}
    done = _replace(at, since=since, seen=since, open_since=None, listed=False, known=known)
    return Page(found, _encode(done).decode())


def content_id(payout: Payout) -> str:
    """Which payout, how far it is."""
    return f"payout/{number(payout.id)}@{payout.status}"


def _text(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
