"""Shopify: a channel. Orders come by webhook and poll, fulfilments go back (Admin GraphQL API 2026-10).

Start at ``manifest.py``; ``mapping.py`` is what an order means, ``operations.py`` what can be asked of the shop.
Imports ``kit`` and ``domain`` only.
"""

from crossdock.connectors.shopify import webhook
from crossdock.connectors.shopify.answers import Failed
from crossdock.connectors.shopify.client import Client
from crossdock.connectors.shopify.listing import LISTING
from crossdock.connectors.shopify.manifest import MANIFEST
from crossdock.connectors.shopify.operations import OPERATIONS, open_client
from crossdock.connectors.shopify.polls import POLLS
from crossdock.connectors.shopify.translating import translate
from crossdock.kit.http import AnswerLost, NotSent
from crossdock.kit.manifest import Connector, Unreachable, Webhook

# Every order is read with its customer, its products and the locations it is to leave from.
_NEEDED = ("read_orders", "read_customers", "read_products", "read_locations")
_NEEDED_BY = {  # setting -> the scopes that it needs: without them Shopify refuses the calls
    "payouts": ("read_shopify_payments_payouts", "read_shopify_payments_accounts"),
    "stock_locations": ("write_inventory",),
    "return_location": ("write_returns",),
}
_ONE_OF = (
    "write_merchant_managed_fulfillment_orders",
    "write_assigned_fulfillment_orders",
    "write_third_party_fulfillment_orders",
)


async def check(client: Client) -> str:
    """Name the shop and its plan; raises ``Unreachable`` when it cannot be reached or a scope is missing."""
    try:
        found = await client.whoami()
    except (Failed, NotSent, AnswerLost) as error:
        raise Unreachable(f"{client.line.settings.get('shop_domain')}: {error}") from error
    scopes = {scope.handle for scope in found.current_app_installation.access_scopes}
    needed = [*_NEEDED, *(one for name, more in _NEEDED_BY.items() if client.line.settings.get(name) for one in more)]
    missing = [scope for scope in needed if scope not in scopes and scope.replace("read_", "write_", 1) not in scopes]
    if not scopes & set(_ONE_OF):
        missing.append(" or ".join(_ONE_OF))
    if missing:
        raise Unreachable(f"{found.shop.name}: the app lacks the access scope {' and '.join(missing)}.")
    shop = found.shop
    old = "" if "read_all_orders" in scopes else "; orders of the last 60 days only"
    return (
        f"shop {shop.name} ({shop.myshopify_domain}), plan {shop.plan.public_display_name}, {shop.currency_code}{old}"
    )


async def sells_in(client: Client) -> tuple[str, ...]:
    """The shop's one currency: what its customers pay in beside is the orders' other side."""
    try:
        return ((await client.whoami()).shop.currency_code,)
    except (Failed, NotSent, AnswerLost) as error:
        raise Unreachable(f"{client.line.settings.get('shop_domain')}: {error}") from error


CONNECTOR = Connector(
    manifest=MANIFEST,
    open=open_client,
    translate=translate,
    operations=OPERATIONS,
    polls=POLLS,
    webhook=Webhook(webhook.verify, webhook.identify, ("webhook_secret", "webhook_secret_previous")),
    check=check,
    sells_in=sells_in,
    listing=LISTING,
)
