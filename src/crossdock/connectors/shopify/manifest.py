"""Typed facts about Shopify: settings, topics, limits, what is redacted."""

from crossdock.connectors.shopify.client import API_VERSION
from crossdock.connectors.shopify.topics import (
    MANIFEST_TOPICS,
    POLLED_LEVEL,
    POLLED_ORDER,
    POLLED_PAYOUT,
    POLLED_RETURN,
)
from crossdock.kit.manifest import Manifest, Quota, Setting

SETTINGS = (
    Setting("shop_domain", "Shop's myshopify.com name", example="acme.myshopify.com"),
    Setting(
        "api_base",
        "Address of the API, if not the shop's own",
        required=False,
        example="http://127.0.0.1:8490/sim/shopify",
        help="For simulators and proxies. Empty: https://<shop_domain>.",
    ),
    Setting(
        "client_id",
        "Client id of the app",
        required=False,
        help="With the secret client_secret: tokens by the client credentials grant. Not needed with access_token.",
    ),
    Setting(
        "public_url",
        "Where Shopify reaches this connection's webhooks",
        required=False,
        example="https://orders.example.com/in/shopify/shop1",
        help="When set, missing webhook subscriptions are made again every 15 minutes.",
    ),
    Setting(
        "payouts",
        "Read payouts of Shopify Payments",
        required=False,
        default=False,
        help="true: each payout becomes a settlement. Needs the access scopes read_shopify_payments_payouts and "
        "read_shopify_payments_accounts.",
    ),
    Setting("overlap_minutes", "How far each poll reaches back", required=False, default=10),
    Setting("page_size", "Orders listed per poll page (at most 100)", required=False, default=100),
    Setting(
        "stock_locations",
        "Locations whose stock is compared in full",
        required=False,
        default=[],
        example='["61245521970"]',
        help="The locations named under stock in the route. Needs the scope write_inventory.",
    ),
    Setting(
        "return_location",
        "Location that restocked returns are put back at",
        required=False,
        example="61245521970",
        help="For `push_returns` on the route. Needs the scope write_returns.",
    ),
    Setting("timeout_s", "Seconds to wait for an answer", required=False, default=30),
    Setting("access_token", "Admin API access token", secret=True, required=False, help="Starts with shpat_."),
    Setting("client_secret", "Client secret of the app", secret=True, required=False),
    Setting(
        "webhook_secret",
        "Secret that signs webhooks",
        secret=True,
        help="The app's client secret. Shopify signs webhooks with it.",
    ),
    Setting(
        "webhook_secret_previous",
        "The secret before the last rotation",
        secret=True,
        required=False,
        help="Shopify may sign with it for up to an hour after a rotation.",
    ),
)

MANIFEST = Manifest(
    system="shopify",
    title="Shopify",
    role="channel",
    api_version=API_VERSION,
    sunset="2027-10-01",  # stable since 2026-10-01, each version is kept for at least 12 months
    settings=SETTINGS,
    one_of=(("access_token",), ("client_id", "client_secret")),
    mapping_version="1",
    topics={
        **MANIFEST_TOPICS,
        POLLED_ORDER: "signal",
        POLLED_RETURN: "signal",
        POLLED_PAYOUT: "settlement_seen",
        POLLED_LEVEL: "level_seen",
    },
    # An upper bound over all plans (100 points a second on Standard, 1,000 on Plus): what the shop's own plan gives is
    # told by each answer's meter and obeyed through Result.throttle_s and RateLimited.
    quota=Quota(concurrency=10, rate_per_s=1000.0, burst=2000.0, cost=20),
    settlements="payouts",
    captures=True,
    docs="https://shopify.dev/docs/api/admin-graphql/2026-10",
    redact=(
        "access_token",
        "client_secret",
        "email",
        "emailAddress",
        "phone",
        "phoneNumber",
        "firstName",
        "lastName",
        "first_name",
        "last_name",
        "name",
        "company",
        "address1",
        "address2",
        "zip",
        "billingAddress",
        "shippingAddress",
        "note",
    ),
)
