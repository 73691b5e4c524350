"""What real systems said, from the connectors' own samples and, where they are present, the vendors'."""

import json
import os
from functools import cache
from pathlib import Path

import crossdock.connectors

ROOT = Path(__file__).parents[2]
_CONNECTORS = Path(crossdock.connectors.__file__).parent
_VENDORS = Path(os.environ.get("CROSSDOCK_VENDOR_CONTRACTS") or ROOT.parent / "shared/vendors/contracts").parent


_MONEY = {"amount": "10.00", "currencyCode": "EUR"}
_CHARGE = {
    "id": "gid://shopify/ShopifyPaymentsBalanceTransaction/9", "type": "CHARGE", "sourceType": "CHARGE",
    "sourceOrderTransactionId": None, "transactionDate": "2026-11-23T12:00:00Z", "adjustmentReason": None,
    "amount": _MONEY, "net": {**_MONEY, "amount": "9.41"}, "associatedPayout": {"id": "gid://shopify/x/7"},
    "associatedOrder": {"id": "gid://shopify/Order/1001", "name": "#1042"},
}  # fmt: skip
_REFUND = {**_CHARGE, "id": "gid://shopify/x/10", "type": "REFUND", "sourceOrderTransactionId": "55",
           "amount": {**_MONEY, "amount": "-4.00"}, "net": {**_MONEY, "amount": "-4.00"}}  # fmt: skip
_PAYOUT = json.dumps({
    "payout": {"id": "gid://shopify/ShopifyPaymentsPayout/7", "legacyResourceId": "7", "status": "PAID",
               "issuedAt": "2026-11-23T12:00:00Z", "transactionType": "DEPOSIT",
               "net": {**_MONEY, "amount": "5.41"}},
    "transactions": [_CHARGE, _REFUND],
}).encode()  # fmt: skip


@cache
def shopify() -> dict[str, tuple[bytes, ...]]:
    """Bodies by topic."""
    found: dict[str, list[bytes]] = {}
    for path in sorted((_CONNECTORS / "shopify/samples").glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        found.setdefault(told["topic"], []).append(json.dumps(told["body"]).encode())
    for path in sorted((_VENDORS / "samples").glob("shopify_orders-*.json")):
        topic = path.stem.split("_")[1].replace("-", "/")
        found.setdefault(topic, []).append(path.read_bytes())
    found["poll/payout"] = [_PAYOUT]
    found["poll/order"] = [b'{"order_id":1001,"updated_at":"2026-11-23T12:00:00Z","content":"order/1001@x/paid"}']
    return {topic: tuple(bodies) for topic, bodies in found.items()}


_POSITION = (
    b'{"type":"position_seen","source":"erp","location":"1","sku":"MUG","on_hand":"12","committed":"2.5",'
    b'"as_of":"2026-11-23T14:00:00Z"}'
)
_LEVEL = (
    b'{"type":"level_seen","channel":"amazon","location":"DEFAULT","sku":"MUG","quantity":12,'
    b'"as_of":"2026-11-23T14:00:00Z"}'
)
_POLLED = {
    "id": "U2hpcG1lbnQ6MQ==", "legacy_id": 7, "warehouse_id": "V2FyZWhvdXNlOjE=", "created_date": "2026-11-23T12:00:00",
    "order": {"id": "T3JkZXI6MQ==", "partner_order_id": "shop-1001"},
    "shipping_labels": [{"id": "L1", "tracking_number": "1Z", "carrier": "UPS", "shipping_method": "Ground"}],
    "line_items": {"edges": [{"node": {"quantity": 2, "shipping_label_id": "L1",
                                       "line_item": {"partner_line_item_id": "11", "sku": "MUG"}}}]},
}  # fmt: skip


@cache
def shiphero() -> dict[str, tuple[bytes, ...]]:
    """Bodies by topic."""
    shipment = (_CONNECTORS / "shiphero/samples/shipment_update.json").read_bytes()
    told = {"webhook_type": "", "partner_order_id": "shop-1001", "order_uuid": "T3JkZXI6MQ==", "order_id": 1,
            "reason": "address"}  # fmt: skip
    statuses = ("Order Canceled", "Order Packed Out", "Order Allocated", "Order Deallocated")
    stock = {"webhook_type": "Inventory Update", "inventory": [{"sku": "MUG", "inventory": "4"}, {"sku": "CUP"}]}
    polled = {"id": "T3JkZXI6MQ==", "partner_order_id": "shop-1001", "fulfillment_status": "canceled"}
    return {
        "Shipment Update": (shipment,),
        **{topic: (json.dumps({**told, "webhook_type": topic}).encode(),) for topic in statuses},
        "shipments": (json.dumps(_POLLED).encode(),),
        "orders": (json.dumps(polled).encode(),),
        "Inventory Update": (json.dumps(stock).encode(),),
        "position": (_POSITION,),
        "parcels": (b'{"shipment_id":"501","status":"delivered","seen_at":"2026-11-23T12:00:00Z"}',),
    }


@cache
def netsuite() -> dict[str, tuple[bytes, ...]]:
    """Bodies by topic: what its poll of invoices keeps."""
    row = {"id": "4714", "number": "INV1", "total": "62.08", "currency": "USD", "invoiced_at": "2026-11-23T14:00:00Z",
           "order": "shop-1001"}  # fmt: skip
    return {"invoice": (json.dumps(row).encode(),), "position": (_POSITION,)}


@cache
def businesscentral() -> dict[str, tuple[bytes, ...]]:
    """Bodies by topic: what its poll of invoices keeps, and what it notifies of."""
    row = {"id": "5d2b7c1e", "number": "INV1", "total": "62.08", "currency": "USD",
           "invoiced_at": "2026-11-23T14:00:00Z", "order": "shop-1001"}  # fmt: skip
    note = {"subscriptionId": "1", "clientState": "word", "resource": "/api/v2.0/companies(1)/salesInvoices(2)",
            "changeType": "created", "lastModifiedDateTime": "2026-11-23T14:00:00.157Z"}  # fmt: skip
    notes = json.dumps({"value": [note, note]}).encode()
    return {"invoice": (json.dumps(row).encode(),), "notification": (notes,), "position": (_POSITION,)}


@cache
def amazon() -> dict[str, tuple[bytes, ...]]:
    """Bodies by topic."""
    found: dict[str, list[bytes]] = {}
    for path in sorted((_CONNECTORS / "amazon/samples").glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        found.setdefault(told["topic"], []).append(json.dumps(told["body"]).encode())
    report = (_CONNECTORS / "amazon/samples/settlement.flat_file_v2.tsv").read_bytes()
    found["settlement"] = [report, report.replace(b"\n", b"\r\n"), report.replace(b".", b",")]
    found["settlement/merchant"] = [report]
    found["level"] = [_LEVEL]
    return {topic: tuple(bodies) for topic, bodies in found.items()}


@cache
def portal() -> dict[str, tuple[bytes, ...]]:
    """Bodies by topic: what a portal gives through the partner API, which is ours."""
    samples = sorted((_CONNECTORS / "portal/samples").glob("*.json"))
    return {path.stem: (path.read_bytes(),) for path in samples}


BODIES = {
    "amazon": amazon,
    "businesscentral": businesscentral,
    "netsuite": netsuite,
    "portal": portal,
    "shiphero": shiphero,
    "shopify": shopify,
}
