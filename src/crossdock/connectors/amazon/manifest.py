"""Typed facts about Amazon: settings, topics, limits, what is redacted."""

from crossdock.connectors.amazon.client import API_VERSION
from crossdock.connectors.amazon.topics import TOPICS
from crossdock.kit.manifest import Manifest, Quota, Setting

SETTINGS = (
    Setting("client_id", "Client id of the app (Login with Amazon)", example="amzn1.application-oa2-client.0a1b…"),
    Setting("api_region", "Which endpoint: na, eu or fe", required=False, default="na"),
    Setting(
        "api_base",
        "Address of the API, if not the region's own",
        required=False,
        example="http://127.0.0.1:8490/sim/amazon",
        help="For simulators, proxies and Amazon's sandbox.",
    ),
    Setting("auth_url", "Address of Login with Amazon, if not its own", required=False, help="For simulators."),
    Setting(
        "marketplace_ids",
        "Marketplaces to take orders from",
        required=False,
        example="[ATVPDKIKX0DER, A2EUQ1WTGCTBG2]",
        help="Empty: all that the seller sells in at this endpoint.",
    ),
    Setting(
        "amazon_fulfilled",
        "What to do with orders that Amazon fulfils: ignore or book",
        required=False,
        default="ignore",
        help="book: booked and billed once Amazon has shipped; nothing is released.",
    ),
    Setting(
        "settlements",
        "Read settlement reports",
        required=False,
        default=False,
        help="true: each report (flat file V2) becomes a settlement. Needs the role Finance and Accounting.",
    ),
    Setting(
        "seller_id",
        "Merchant token, for stock",
        required=False,
        example="A3EXAMPLE",
        help="With marketplace_ids: quantities of listings that you ship yourself are set where a route has stock.",
    ),
    Setting(
        "stock_levels",
        "Compare what all listings show every 15 minutes",
        required=False,
        default=False,
        help="true: what people changed in Seller Central is put right.",
    ),
    Setting("carriers", "Warehouse's carrier -> Amazon's carrier code", required=False, default={}),
    Setting("overlap_hours", "How far each search reaches back (at least 24)", required=False, default=24),
    Setting("page_size", "Orders per page of a search (at most 100)", required=False, default=100),
    Setting("timeout_s", "Seconds to wait for an answer", required=False, default=30),
    Setting(
        "queue_url",
        "SQS queue that ORDER_CHANGE notifications go to",
        required=False,
        example="https://sqs.us-east-1.amazonaws.com/123456789012/order-changes",
        help="Empty: orders come by the search alone.",
    ),
    Setting("aws_region", "The queue's AWS region, where its address does not tell it", required=False),
    Setting("aws_access_key_id", "Access key of the IAM user that reads the queue", required=False),
    Setting("aws_secret_access_key", "Its secret access key", secret=True, required=False),
    Setting("client_secret", "Client secret of the app", secret=True, help="Amazon ends it after 180 days."),
    Setting("refresh_token", "Refresh token of the seller's authorisation", secret=True, help="Starts with Atzr|."),
)

MANIFEST = Manifest(
    system="amazon",
    title="Amazon",
    role="channel",
    api_version=API_VERSION,
    settings=SETTINGS,
    needs={"queue_url": ("aws_access_key_id", "aws_secret_access_key")},
    mapping_version="1",
    topics=TOPICS,
    # Amazon counts per operation; the kit has one bucket per account. It is getOrder's (0.5 a second, burst 30): every
    # read-back and every push is one of those. Searches and confirmations have buckets of their own at Amazon, which
    # their 429 tells.
    quota=Quota(concurrency=5, rate_per_s=0.5, burst=30.0, per_operation=True),
    settlements="settlements",
    docs="https://developer-docs.amazon.com/sp-api/docs/orders-api",
    redact=(
        "buyer",
        "recipient",
        "shipFromAddress",
        "taxRegistrations",
        "giftMessage",
        "customizedUrl",
        "DestinationPostalCode",
        "Body",
        "ReceiptHandle",
    ),
)
