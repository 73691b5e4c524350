"""The shop's orders as thin views, for reconciliation: by window of change or of placing, or by key. Reading only."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from crossdock.connectors.shopify.answers import Failed, lost
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.graph import number
from crossdock.connectors.shopify.shapes import ListedOrder
from crossdock.domain.money import plausible
from crossdock.domain.order import order_key
from crossdock.kit.listing import CANCELLED, NONE, OPEN, PART, WHOLE, Listed, Listing, ListPage, Window

PAGE = 100  # 9 objects an order: 250 would ask for more than the 1,000 points that one query may cost
# When it was placed is processed_at, here and in the mapping: an imported order keeps the instant it was placed at.
_FIELDS = {"changed": ("updated_at", "UPDATED_AT"), "placed": ("processed_at", "PROCESSED_AT")}
# Shopify's OrderDisplayFulfillmentStatus (2026-10): whatever is on its way counts as none of it having left, and of
# RESTOCKED nothing is said: it left or it did not, and came back.
_FULFILMENT = {"FULFILLED": WHOLE, "FULFILLMENT_NOT_REQUIRED": WHOLE, "PARTIALLY_FULFILLED": PART, "RESTOCKED": None}


async def pages(client: Client, window: Window, cursor: str | None) -> ListPage:
    """One page of the window. Raises ``Failed``, ``NotSent``, ``AnswerLost``."""
    field, sort = _FIELDS[window.by]
    query = f"{field}:>='{_text(window.since)}' AND {field}:<'{_text(window.until)}'"
    page = await client.orders_listed(query, PAGE, cursor, sort)
    info = page.page_info
    following = info.end_cursor if info.has_next_page and info.end_cursor != cursor else None
    return ListPage(tuple(_listed(client.line.connection, one) for one in page.nodes), cursor=following)


async def named(client: Client, keys: Sequence[str]) -> tuple[Listed, ...]:
    """The orders of these keys that the shop shows. A key that cannot be one of this shop's is not asked for."""
    prefix = f"{client.line.connection}-"
    ids = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
    ids = [one for one in ids if one.isascii() and one.isdigit()]
    if not ids:
        return ()
    query = " OR ".join(f"id:{one}" for one in ids)
    page = await client.orders_listed(query, len(ids), None, "UPDATED_AT")
    return tuple(_listed(client.line.connection, one) for one in page.nodes)


def _listed(connection: str, order: ListedOrder) -> Listed:
    total, rounding = order.total_price_set, order.total_cash_rounding_adjustment.payment_set
    shop, seen = total.shop_money, total.presentment_money
    # total_price is told before cash rounding; what is owed, and what we hold, is after it (see ``mapping``).
    amounts = (shop.amount + rounding.shop_money.amount, seen.amount + rounding.presentment_money.amount)
    if not all(map(plausible, amounts)):
        raise Failed(lost("answer_unexpected", f"order {order.id} is listed with a total that is no amount", False))
    external_id, dual = number(order.id), seen.currency_code != shop.currency_code
    return Listed(
        key=order_key(connection, external_id),
        external_id=external_id,
        number=order.name,
        status=CANCELLED if order.cancelled_at is not None else OPEN,
        total=amounts[0],
        currency=shop.currency_code,
        changed_at=order.updated_at,
        placed_at=order.processed_at,
        presentment_total=amounts[1] if dual else None,
        presentment_currency=seen.currency_code if dual else None,
        quantity=Decimal(order.current_subtotal_line_items_quantity),
        fulfilment=_FULFILMENT.get(order.display_fulfillment_status, NONE),
    )


def _text(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


LISTING = Listing(
    pages,
    named,
    lag_s=60.0,  # Shopify states no bound for its search; its support speaks of seconds, the poll's overlap is 10 min
    most=PAGE,
    cost=40,
    reach_days=60,  # without the scope read_all_orders
    signal="order",
    load=lambda client: client.restored_s,  # the shop's plan decides: 100 points a second, or 1,000
)
