"""Typed facts about ShipHero: settings, topics, limits, what is redacted."""

from crossdock.kit.manifest import Manifest, Quota, Setting

SHIPMENT_UPDATE = "Shipment Update"
ORDER_CANCELED = "Order Canceled"
ORDER_PACKED_OUT = "Order Packed Out"
ORDER_ALLOCATED = "Order Allocated"
ORDER_DEALLOCATED = "Order Deallocated"
POLLED_SHIPMENT = "shipments"
POLLED_ORDER = "orders"
INVENTORY_UPDATE = "Inventory Update"
POSITION = "position"
STOCK = "stock"  # what a signal of an Inventory Update names: SKUs
POLLED_PARCEL = "parcels"
POLLED_LABELS = "labels"
RETURN_UPDATE = "Return Update"
POLLED_RETURN = "returns"

# Vendor topic -> the canonical word for what happened to the order.
STATUSES = {
    ORDER_ALLOCATED: "allocated",
    ORDER_DEALLOCATED: "backordered",
    ORDER_PACKED_OUT: "packed",
    ORDER_CANCELED: "cancelled",
}
# fulfillment_status -> the canonical word, where it says more than that the order is there.
STANDING = {"canceled": "cancelled", "cancelled": "cancelled", "fulfilled": "shipped", "on hold": "on_hold"}
IGNORED = {
    "Tote Complete": "ignored: inside the warehouse",
    "Tote Cleared": "ignored: inside the warehouse",
    "Package Added": "ignored: Shipment Update tells it",
    "Generate Label": "ignored: labels are the warehouse's",
    "PO Update": "ignored: purchasing is the ERP's",
    "Capture Payment": "ignored: payment is the channel's",
    "Automation Rules": "ignored: inside the warehouse",
}

SETTINGS = (
    Setting(
        "base_url",
        "Address of the API",
        required=False,
        default="https://public-api.shiphero.com",
        help="Change it only for simulators and proxies.",
    ),
    Setting(
        "username", "API user's e-mail", required=False, help="With the secret password, if there is no refresh_token."
    ),
    Setting("shop_name", "Shop name shown on orders in ShipHero", required=False, default="Crossdock"),
    Setting(
        "warehouse_id",
        "Warehouse that lines are sent to",
        required=False,
        example="V2FyZWhvdXNlOjc2NzMz",
        help="Its id in the API, not the number in its pages. Empty: ShipHero's routing decides.",
    ),
    Setting(
        "customer_account_id", "Client account (3PL only)", required=False, help="When a 3PL acts for this merchant."
    ),
    Setting(
        "tracking_days",
        "For how long after it left a shipment is followed until it is delivered (0: not at all)",
        required=False,
        default=0,
        help="Each hour every shipment of these days is listed: 1 credit each.",
    ),
    Setting(
        "return_days",
        "For how long after it was announced a return is looked at (0: only webhooks tell of it)",
        required=False,
        default=60,
        help="Each hour every return of these days is listed: 1 credit each.",
    ),
    Setting(
        "return_carrier",
        "Carrier of announced returns",
        required=False,
        default="Generic",
        help="ShipHero demands one. It makes no label of it.",
    ),
    Setting("return_method", "Shipping method of announced returns", required=False, default="Generic Label"),
    Setting("refresh_token", "Refresh token of the API user", secret=True, required=False),
    Setting("password", "API user's password", secret=True, required=False, help="Not needed with a refresh_token."),
    Setting(
        "webhook_secret",
        "Signature secrets of the webhooks",
        secret=True,
        help="shared_signature_secret of webhook_create, shown once. One per webhook: separate several with commas.",
    ),
    Setting("webhook_secret_previous", "Secrets before the last rotation", secret=True, required=False),
)

MANIFEST = Manifest(
    system="shiphero",
    title="ShipHero",
    role="warehouse",
    api_version="public-api",  # unversioned
    settings=SETTINGS,
    one_of=(("refresh_token",), ("username", "password")),
    mapping_version="1",
    topics={
        SHIPMENT_UPDATE: "shipment_seen",
        POLLED_SHIPMENT: "shipment_seen",
        POLLED_ORDER: "release_seen",
        POLLED_PARCEL: "parcel_seen",
        RETURN_UPDATE: "return_received",
        POLLED_RETURN: "return_received",
        **dict.fromkeys(STATUSES, "release_seen"),
        POSITION: "position_seen",
        INVENTORY_UPDATE: "signal",
        **IGNORED,
    },
    # A bucket of 4,004 credits, 60 back per second. Source: vendor's rate limit page, 2026-06.
    quota=Quota(concurrency=16, rate_per_s=60.0, burst=4004.0, cost=5),
    docs="https://developer.shiphero.com/getting-started/",
    redact=(
        "username",
        "email",
        "phone",
        "first_name",
        "last_name",
        "name",
        "shipping_name",
        "company",
        "address",
        "address1",
        "address2",
        "zip",
        "shipping_address",
        "billing_address",
        "gift_note",
        "packing_note",
        "note",
    ),
)
