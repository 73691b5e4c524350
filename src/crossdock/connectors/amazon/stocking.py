"""Stock that the merchant ships himself: an absolute quantity by ``patchListingsItem`` (Listings Items 2021-08-01).

Amazon has no compare-and-set, and it processes a patch after it has accepted it. So:

- The listing is read first. Where it shows something else than we believe, nothing is sent and what it shows is told.
- ``ACCEPTED`` is not success. Done is a number that the listing shows; until then the outcome is unknown, and nothing
  else is sent for this SKU: one number is under way at a time, and a newer version waits for it.
- No number is sent again over a sale. Where the listing shows something new instead, that is told, and the next version
  is made of it; Amazon may still process the old one, but before the new one: patches are processed in order. Where it
  shows what it showed before, Amazon is given time, then the number is sent once more, and in the end a person is told.
- A sale between that read and the patch is overwritten by it, and put right by the order that comes of the sale. That
  moment cannot be closed here: keep a ``buffer`` on the route for what sells fast.

Only listings of fulfilment channel DEFAULT are written: a patch to one that Amazon fulfils would take it out of
Amazon's hands. Sources: the published model; vendor facts, pitfall 15 (a lead time that is not sent along is reset).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from crossdock.connectors.amazon import wire
from crossdock.connectors.amazon.answers import Failed, lost
from crossdock.connectors.amazon.client import Client
from crossdock.connectors.amazon.topics import LEVEL
from crossdock.domain.commands import Payload, PublishStock
from crossdock.domain.outcome import Conflict, Done, OutcomeUnknown, Rejected, RetryLater
from crossdock.domain.stock_events import LevelSeen
from crossdock.kit.errors import Asking
from crossdock.kit.http import AnswerLost, NotSent
from crossdock.kit.levels import found as level_found
from crossdock.kit.manifest import Call, Follow, Found, Page, Result

ATTRIBUTE = "fulfillment_availability"
DEFAULT = "DEFAULT"  # the fulfilment channel of what the merchant ships: the one place that Amazon has here
THROTTLE_S = 0.4  # two reads and a patch, at five a second each
PATIENCE = 3  # looks, a settle time apart, before what does not show is sent again
MOST_LISTED = 1000  # that a search pages through, whatever it found
_encode = msgspec.json.Encoder().encode


async def publish(client: Client, payload: Payload, call: Call) -> Result:
    """Let the listing show a quantity. Done only when it shows it."""
    assert isinstance(payload, PublishStock)
    asking = Asking(client.line)
    try:
        item = await _mine(client, payload)
        if not isinstance(item, wire.ListingItem):
            return Result(item, throttle_s=THROTTLE_S)
        shows = _shown(item)
        if shows == payload.quantity:
            return Result(Done(repeated=True), throttle_s=THROTTLE_S)
        if payload.expected is not None and shows != payload.expected:
            return _stale(client, payload, shows, asking)
    except Failed as failed:
        return Result(failed.outcome)
    except AnswerLost as error:
        return Result(RetryLater(f"the listing was not read: {error}", code="no_answer"))
    return await _patched(client, payload, item)


async def _patched(client: Client, payload: PublishStock, item: wire.ListingItem) -> Result:
    kind = next((one.product_type for one in item.product_types), None)
    if kind is None:
        return Result(Rejected("amazon.product_type_missing", f"Amazon tells no product type of {payload.sku}."))
    try:
        told = await client.patch_listing(payload.sku, kind, _availability(item, payload.quantity))
    except Failed as failed:
        return Result(failed.outcome, throttle_s=THROTTLE_S)
    if told.status == "INVALID":
        return Result(Rejected("amazon.listing_invalid", _words(told.issues) or "Amazon says INVALID and not why."))
    if told.status != "ACCEPTED":
        return Result(OutcomeUnknown(f"Amazon answers the patch with {told.status!r}", "answer_unexpected"))
    return await _confirmed(client, payload, _words(told.issues))


def _words(issues: Iterable[wire.Issue]) -> str:
    return "; ".join(f"{issue.code}: {issue.message}" for issue in list(issues)[:3])


async def _confirmed(client: Client, payload: PublishStock, words: str) -> Result:
    """Accepted: does the listing show it already?"""
    try:
        item = await client.listing_item(payload.sku)
    except (Failed, NotSent, AnswerLost) as error:
        return Result(OutcomeUnknown(f"accepted; not read back: {error}", "not_shown"), throttle_s=THROTTLE_S)
    if item is not None and _shown(item) == payload.quantity:
        return Result(Done(), throttle_s=THROTTLE_S)
    return Result(OutcomeUnknown(f"accepted, and not shown yet. {words}".strip(), "not_shown"), throttle_s=THROTTLE_S)


async def find_published(client: Client, payload: Payload, call: Call) -> Result | None:
    """Is our number there? ``None`` only where nothing has moved for a while: whatever else shows may be a sale, which
    the same number would overwrite."""
    assert isinstance(payload, PublishStock)
    asking = Asking(client.line)
    try:
        item = await _mine(client, payload)
    except Failed as failed:
        return Result(failed.outcome)
    if not isinstance(item, wire.ListingItem):
        return Result(item)
    shows = _shown(item)
    if shows == payload.quantity:
        return Result(Done(repeated=True), throttle_s=THROTTLE_S)
    wrong = [one for one in item.issues if one.severity == "ERROR" and ATTRIBUTE in one.attribute_names]
    if wrong:
        return Result(Rejected("amazon.listing_issue", _words(wrong), hint="Correct the listing, then retry."))
    if shows == payload.expected:
        waits = OutcomeUnknown(f"the listing still shows {shows}: Amazon has not processed the number", "not_shown")
        return Result(waits, throttle_s=THROTTLE_S) if call.tries < PATIENCE else None
    return _stale(client, payload, shows, asking)


async def _mine(client: Client, payload: PublishStock) -> wire.ListingItem | Rejected:
    """The listing as it stands, if it is one that the merchant ships."""
    if payload.location != DEFAULT:
        detail = f"Amazon has the place {DEFAULT} and no {payload.location!r}: name it so in the route's stock."
        return Rejected("stock.unlisted", detail)
    item = await client.listing_item(payload.sku)
    if item is None:
        return Rejected("stock.unlisted", f"The seller has no listing of {payload.sku}.")
    by_amazon = [one.fulfillment_channel_code for one in item.fulfillment_availability if not _own(one)]
    if by_amazon:
        return Rejected("stock.unlisted", f"Amazon fulfils {payload.sku} itself ({by_amazon[0]}).")
    return item


def _own(availability: wire.Availability) -> bool:
    return availability.fulfillment_channel_code == DEFAULT


def _shown(item: wire.ListingItem) -> int:
    """What may be bought; a listing that tells no quantity sells nothing."""
    return next((one.quantity or 0 for one in item.fulfillment_availability if _own(one)), 0)


def _availability(item: wire.ListingItem, quantity: int) -> dict[str, Any]:
    """The attribute as it stands, with another quantity: what is left out of it Amazon sets anew."""
    rows = item.attributes.get(ATTRIBUTE)
    known = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    own = next((row for row in known if row.get("fulfillment_channel_code") == DEFAULT), {})
    return {**own, "fulfillment_channel_code": DEFAULT, "quantity": quantity}


def _stale(client: Client, payload: PublishStock, shows: int, asking: Asking) -> Result:
    seen = LevelSeen(client.line.connection, DEFAULT, payload.sku, shows, asking.at(client.told_at))
    detail = f"shows {shows} and not {payload.quantity if payload.expected is None else payload.expected}"
    return Result(Conflict("stock.stale", detail), (Follow("stock", payload.sku, seen),), THROTTLE_S)


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a compare is. A search pages through a thousand listings: the next one begins at the last one's making."""

    since: datetime | None = None
    token: str | None = None
    seen: int = 0
    last: datetime | None = None


async def levels(client: Client, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Everything that Amazon shows of what the merchant ships, from the beginning each time, with ``stock_levels``.

    Raises ``Failed``, ``NotSent``, ``AnswerLost``.
    """
    if not client.line.settings.get("stock_levels"):
        return Page((), _text(Cursor()))
    at = msgspec.json.decode(cursor, type=Cursor) if cursor else Cursor()
    asking = Asking(client.line)
    page = await client.listing_items(at.since, at.token)
    as_of = asking.at(client.told_at)
    own = [item for item in page.items if any(map(_own, item.fulfillment_availability))]
    found = tuple(_found(client, item, as_of) for item in own)
    made = [one.created_date for item in page.items for one in item.summaries if one.created_date is not None]
    return Page(found, *_following(at, page, max([*made, *([at.last] if at.last else [])], default=None)))


def _following(at: Cursor, page: wire.ListingItems, last: datetime | None) -> tuple[str, bool]:
    token = page.pagination.next_token if page.pagination else None
    seen = at.seen + len(page.items)
    if token:
        if token == at.token:
            raise Failed(lost("pages_come_round", "Amazon's list of listings gave the same page token twice.", False))
        return _text(Cursor(at.since, token, seen, last)), True
    if seen >= MOST_LISTED and last is not None and last != at.since:
        return _text(Cursor(since=last)), True
    return _text(Cursor()), False


def _text(cursor: Cursor) -> str:
    return _encode(cursor).decode()


def _found(client: Client, item: wire.ListingItem, as_of: datetime) -> Found:
    seen = LevelSeen(client.line.connection, DEFAULT, item.sku, _shown(item), as_of)
    return level_found(LEVEL, seen)
