"""Stock: absolute values with compare-and-swap (``inventorySetQuantities``, Admin API 2026-10), and the full compare.

``available`` is what we set, never ``on_hand``: Shopify takes a sale off ``available`` at once, and so do our books.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from crossdock.connectors.shopify import graph
from crossdock.connectors.shopify.answers import Failed, UserError
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.graph import gid
from crossdock.connectors.shopify.shapes import InventoryItem
from crossdock.connectors.shopify.topics import POLLED_LEVEL
from crossdock.domain.commands import Payload, PublishStock
from crossdock.domain.outcome import Conflict, Done, Rejected, RetryLater
from crossdock.domain.stock_events import LevelSeen
from crossdock.kit.errors import Asking
from crossdock.kit.levels import found as level_found
from crossdock.kit.manifest import Call, Follow, Page, Result

PER_PAGE = 100
STALE = ("CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE")
# The key was used before: for what, only the level tells.
USED = ("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")
NOT_THERE = ("INVALID_INVENTORY_ITEM", "INVALID_LOCATION", "NON_MUTABLE_INVENTORY_ITEM")
_encode = msgspec.json.Encoder().encode


async def publish(client: Client, payload: Payload, call: Call) -> Result:
    """Set what is available, if the shop still shows what is expected. Where nothing is, its level is read first."""
    assert isinstance(payload, PublishStock)
    try:
        return await _publish(client, payload, call)
    except Failed as failed:
        return Result(failed.outcome, throttle_s=client.throttle_s)


async def _publish(client: Client, payload: PublishStock, call: Call) -> Result:
    item, expected = payload.ref, payload.expected
    if item is None or expected is None:
        known = await client.inventory_item(payload.sku, payload.location)
        if known is None or known.available is None:
            return _unlisted(client, payload)
        item = graph.number(known.id)
        expected = known.available if expected is None else expected
    errors = await client.set_available(_asked(payload, item, expected), call.idempotency_key)
    if not errors:
        return Result(Done({"inventoryItem": item}), throttle_s=client.throttle_s)
    return await _refused(client, payload, errors)


def _asked(payload: PublishStock, item: str, expected: int) -> dict[str, Any]:
    row = {
        "inventoryItemId": gid("InventoryItem", item),
        "locationId": gid("Location", payload.location),
        "quantity": payload.quantity,
        "changeFromQuantity": expected,
    }
    document = f"crossdock://stock/v{payload.version}"  # which number it is, for the shop's own inventory history
    return {"name": "available", "reason": "correction", "referenceDocumentUri": document, "quantities": [row]}


def _unlisted(client: Client, payload: PublishStock) -> Result:
    detail = f"The shop does not stock {payload.sku} at location {payload.location}, or has it more than once."
    return Result(Rejected("stock.unlisted", detail), throttle_s=client.throttle_s)


async def _refused(client: Client, payload: PublishStock, errors: tuple[UserError, ...]) -> Result:
    """Nothing was set. What the shop shows instead is told, so that the next number is made from it."""
    first = errors[0]
    if first.code in NOT_THERE:
        return _unlisted(client, payload)
    if first.code == "IDEMPOTENCY_CONCURRENT_REQUEST":
        return Result(RetryLater(first.message, code="in_progress"), throttle_s=client.throttle_s)
    if first.code not in (*STALE, *USED):
        field = ".".join(first.field) if first.field else None
        outcome = Rejected(f"shopify.{(first.code or 'user_error').lower()}", first.message, field)
        return Result(outcome, throttle_s=client.throttle_s)
    asking = Asking(client.line)
    known = await client.inventory_item(payload.sku, payload.location)
    as_of = asking.at(client.told_at)
    seen = _level(client.line.connection, payload.location, known, as_of) if known is not None else None
    if seen is None:
        return _unlisted(client, payload)
    detail = f"shows {seen.quantity} and not {payload.expected}: {first.code}"
    return Result(Conflict("stock.stale", detail), (Follow("stock", payload.sku, seen),), client.throttle_s)


def _level(connection: str, location: str, item: InventoryItem, as_of: datetime) -> LevelSeen | None:
    if item.sku is None or item.available is None:
        return None
    return LevelSeen(connection, location, item.sku, item.available, as_of, graph.number(item.id))


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a compare is: which of the locations, and after which item."""

    nth: int = 0
    after: str | None = None


async def levels(client: Client, cursor: str | None, options: Mapping[str, Any]) -> Page:
    """Everything that the shop shows at the locations of the setting ``stock_locations``, from the beginning each time.

    Raises ``Failed``, ``NotSent``, ``AnswerLost``.
    """
    locations = [str(one) for one in client.line.settings.get("stock_locations") or ()]
    at = msgspec.json.decode(cursor, type=Cursor) if cursor else Cursor()
    if at.nth >= len(locations):
        return Page((), _encode(Cursor()).decode())
    location, asking = locations[at.nth], Asking(client.line)
    page = await client.levels(location, PER_PAGE, at.after)
    as_of = asking.at(client.told_at)
    seen = [one for item in page.nodes if (one := _level(client.line.connection, location, item, as_of)) is not None]
    found = tuple(level_found(POLLED_LEVEL, one) for one in seen if one.sku)
    if page.page_info is not None and page.page_info.has_next_page and page.page_info.end_cursor != at.after:
        return Page(found, _encode(Cursor(at.nth, page.page_info.end_cursor)).decode(), more=True)
    following = Cursor(at.nth + 1)
    more = following.nth < len(locations)
    return Page(found, _encode(following if more else Cursor()).decode(), more)
