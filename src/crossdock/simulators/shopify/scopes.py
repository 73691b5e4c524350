"""Which access scopes the Admin API asks for, by field, and how it refuses an app that lacks them.

Any one of a field's scopes is enough, and to write implies to read. Source: the scopes that the vendor publishes with
its schema, API 2026-10; of ``refundCreate`` and ``metafieldsSet`` on orders: their own pages.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from crossdock.simulators.shopify.language import Field

USUAL = (
    *("read_orders", "write_orders", "read_returns", "read_locations", "write_merchant_managed_fulfillment_orders"),
    *("write_inventory", "write_fulfillments", "read_customers", "read_products", "write_returns"),
    *("read_shopify_payments_accounts", "read_shopify_payments_payouts"),
)
_KINDS = ("assigned", "merchant_managed", "third_party")
_FULFILMENT = tuple(f"read_{kind}_fulfillment_orders" for kind in _KINDS)
_PAYMENTS = ("read_shopify_payments", "read_shopify_payments_accounts")
_NEEDED = {
    **dict.fromkeys(("order", "orders", "refund", "refunds", "transactions"), ("read_orders",)),
    **dict.fromkeys(("fulfillmentOrder", "fulfillmentOrders"), _FULFILMENT),
    **dict.fromkeys(("fulfillment", "fulfillments"), ("read_orders", *_FULFILMENT)),
    **dict.fromkeys(("return", "returns"), ("read_returns",)),
    **dict.fromkeys(("location", "locations"), ("read_locations", "read_inventory")),
    "customer": ("read_customers",),
    "product": ("read_products",),
    "inventoryItems": ("read_inventory", "read_products"),
    "inventoryLevel": ("read_inventory",),
    "shopifyPaymentsAccount": _PAYMENTS,
    "fulfillmentCreate": tuple(f"write_{kind}_fulfillment_orders" for kind in _KINDS),
    "fulfillmentTrackingInfoUpdate": tuple(f"write_{kind}_fulfillment_orders" for kind in _KINDS),
    "fulfillmentEventCreate": ("write_fulfillments",),
    "refundCreate": ("write_orders",),
    "metafieldsSet": ("write_orders",),
    "inventorySetQuantities": ("write_inventory",),
    "reverseFulfillmentOrderDispose": ("write_returns",),
}


def refusals(selection: Sequence[Field], granted: Iterable[str]) -> list[dict[str, Any]]:
    """The errors that the vendor answers for these fields; none where the app may see them all."""
    may = {*granted}
    may |= {scope.replace("write_", "read_", 1) for scope in may}
    return [_refusal(path) for path in _paths(selection) if not may & {*_NEEDED.get(path[-1], may)}]


def _paths(selection: Sequence[Field], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for field in selection:
        yield (*above, field.name)
        yield from _paths(field.selection, (*above, field.name))


def _refusal(path: tuple[str, ...]) -> dict[str, Any]:
    required = " or ".join(f"`{scope}` access scope" for scope in _NEEDED[path[-1]]) + "."
    page = "https://shopify.dev/api/usage/access-scopes"
    return {
        "message": f"Access denied for {path[-1]} field. Required access: {required}",
        "path": path,
        "extensions": {"code": "ACCESS_DENIED", "documentation": page, "requiredAccess": required},
    }
