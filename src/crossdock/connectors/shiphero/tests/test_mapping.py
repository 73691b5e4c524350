"""Written samples and the odd corners of webhooks."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossdock.connectors.shiphero import CONNECTOR
from crossdock.connectors.shiphero.mapping import order_input
from crossdock.domain.commands import ReleaseOrder
from crossdock.domain.events import ReleaseSeen, ShipmentSeen, SignalSeen
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.money import Amount
from crossdock.domain.order import Order, OrderLine, Totals
from crossdock.kit.manifest import Refused, Untranslatable

SAMPLE = (Path(__file__).parent.parent / "samples" / "shipment_update.json").read_bytes()


def changed(**fulfillment: Any) -> bytes:
    hook = msgspec.json.decode(SAMPLE)
    hook["fulfillment"].update(fulfillment)
    return msgspec.json.encode(hook)


def translate(body: bytes, topic: str = "Shipment Update") -> Any:
    [event] = CONNECTOR.translate("wms", topic, body)
    return event


def _mugs(quantity: int) -> ShippedLine:
    return ShippedLine("11", Decimal(quantity), "MUG-01")


def test_a_line_in_cases_is_released_as_goods_at_their_share_of_the_price() -> None:
    line = OrderLine("11", "Mug", Decimal(2), Amount(Decimal("10.00")), "MUG-01", unit="Carton", per_unit=Decimal(12))
    plain = OrderLine("12", "Tea", Decimal(3), Amount(Decimal("4.00")), "TEA-09")
    at = datetime(2026, 11, 23, tzinfo=UTC)
    totals = Totals(Amount(Decimal("32.00")), Amount(Decimal("32.00")))
    order = Order("portal1", "7", "7", at, at, "USD", totals, (line, plain))
    rows = order_input(ReleaseOrder(order), {})["line_items"]
    assert [(row["quantity"], row["price"]) for row in rows] == [(24, "0.8333"), (3, "4.00")]


def test_what_the_customer_wrote_and_was_promised_goes_along() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    line = OrderLine("11", "Mug", Decimal(2), Amount(Decimal("10.00")), "MUG-01")
    totals = Totals(Amount(Decimal("20.00")), Amount(Decimal("20.00")))
    promised = datetime(2026, 11, 24, 17, 0, tzinfo=timezone(timedelta(hours=1)))
    order = Order("shop", "7", "#7", at, at, "USD", totals, (line,), note=" Ring\ntwice ", ship_by=promised)
    told = order_input(ReleaseOrder(order), {})
    assert (told["packing_note"], told["required_ship_date"]) == ("Ring\ntwice", "2026-11-24 16:00:00")
    bare = order_input(ReleaseOrder(msgspec.structs.replace(order, note=" ", ship_by=None)), {})
    assert told.keys() - bare.keys() == {"packing_note", "required_ship_date"}


def test_the_sample_becomes_one_shipment_of_two_parcels() -> None:
    tea = ShippedLine("12", Decimal(1), "TEA-09")
    assert translate(SAMPLE) == ShipmentSeen(
        Shipment(
            id="512001",
            lines=(_mugs(3), tea),
            shipped_at=datetime(2026, 11, 20, 15, 29, 26, tzinfo=UTC),
            packages=(
                Package("1Z000000000000001", "UPS", "Ground", "https://track.example/1Z000000000000001", (_mugs(2),)),
                Package("1Z000000000000002", "UPS", "Ground", None, (_mugs(1), tea)),
            ),
            location="V2FyZWhvdXNlOjc2NzMz",
        ),
        "wms",
        "T3JkZXI6MjA0MTU5MDYy",
    )


def test_identity_of_the_sample() -> None:
    assert CONNECTOR.webhook is not None
    identity = CONNECTOR.webhook.identify("wms", {"x-shiphero-message-id": "m-1"}, SAMPLE)
    assert (identity.delivery_id, identity.topic) == ("m-1", "Shipment Update")
    assert (identity.stream_kind, identity.stream_key) == ("order", "shop-6674573197567")
    again = CONNECTOR.webhook.identify("wms", {}, SAMPLE)
    assert again.also_ids == identity.also_ids
    assert again.delivery_id == CONNECTOR.webhook.identify("wms", {}, SAMPLE).delivery_id


def test_a_webhook_of_the_older_form_has_one_parcel() -> None:
    hook = msgspec.json.decode(SAMPLE)
    del hook["packages"]
    shipment = translate(msgspec.json.encode(hook)).shipment
    assert [package.tracking_number for package in shipment.packages] == ["1Z000000000000001"]
    assert shipment.packages[0].lines == shipment.lines


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"line_items": [{"id": None, "quantity": 1, "sku": "KIT-PART"}]}, "line_unknown", "line_items.id"),
        ({"line_items": [{"id": "1", "quantity": 0}]}, "quantity_wrong", "line_items.quantity"),
        ({"created_at": "yesterday"}, "not_an_instant", "fulfillment.created_at"),
        ({"line_items": 7}, "unreadable", "fulfillment.line_items"),
    ],
)
def test_what_cannot_be_read_is_named(change: dict[str, Any], code: str, field: str) -> None:
    body = changed(**change)
    assert CONNECTOR.webhook is not None
    assert CONNECTOR.webhook.identify("wms", {}, body).stream_key == "shop-6674573197567"
    with pytest.raises(Untranslatable) as wrong:
        translate(body)
    assert (wrong.value.code, wrong.value.field) == (code, field)


@pytest.mark.parametrize(
    ("topic", "status"),
    [
        ("Order Allocated", "allocated"),
        ("Order Deallocated", "backordered"),
        ("Order Packed Out", "packed"),
        ("Order Canceled", "cancelled"),
    ],
)
def test_statuses(topic: str, status: str) -> None:
    body = msgspec.json.encode(
        {"webhook_type": topic, "partner_order_id": "shop-1", "order_uuid": "U", "order_id": 5, "reason": "why"}
    )
    assert translate(body, topic) == ReleaseSeen(status, "wms", "why", "U")


@pytest.mark.parametrize(
    ("told", "status", "reason"),
    [
        ({"holds": {"fraud_hold": True, "address_hold": None, "payment_hold": True}}, "on_hold", "fraud, payment"),
        ({"holds": {"fraud_hold": False}}, "accepted", None),
        ({"holds": None}, "accepted", None),
        ({"fulfillment_status": "On Hold"}, "on_hold", None),
        ({"fulfillment_status": "canceled", "holds": {"client_hold": True}}, "cancelled", None),
        ({"fulfillment_status": "fulfilled", "holds": {"client_hold": True}}, "shipped", None),
    ],
)
def test_holds_are_told_beside_the_status(told: dict[str, Any], status: str, reason: str | None) -> None:
    """Its own word for a hold is understood too, as older messages have it."""
    body = msgspec.json.encode({"id": "U", "partner_order_id": "shop-1", "fulfillment_status": "pending", **told})
    assert translate(body, "orders") == ReleaseSeen(status, "wms", reason, "U")


def test_without_our_key_the_order_is_read_back_and_a_repeat_is_told_from_the_next() -> None:
    first, again, voided = (
        translate(changed(partner_order_id=None, order_uuid="U", tracking_number=number)) for number in "112"
    )
    assert isinstance(first, SignalSeen)
    assert (first.source, first.kind, first.external_id) == ("wms", "order", "U")
    assert first == again != voided
    status = msgspec.json.encode({"webhook_type": "Order Canceled", "order_uuid": "U"})
    assert translate(status, "Order Canceled") == SignalSeen("wms", "order", "U"), "its body tells no time: always read"


def test_unused_types_are_taken_and_unknown_ones_become_exceptions() -> None:
    assert CONNECTOR.webhook is not None
    unused = CONNECTOR.webhook.identify("wms", {}, b'{"webhook_type":"PO Update"}')
    assert unused.stream_key == "wms:unused:PO Update"
    assert CONNECTOR.translate("wms", unused.topic, b"{}") == []
    unknown = CONNECTOR.webhook.identify("wms", {}, b'{"webhook_type":"Moon Landing"}')
    with pytest.raises(Untranslatable, match="Moon Landing"):
        CONNECTOR.translate("wms", unknown.topic, b"{}")
    with pytest.raises(Refused) as refused:
        CONNECTOR.webhook.identify("wms", {}, b'{"webhook_type":"Order Canceled"}')
    assert refused.value.status == 400


def test_several_secrets_in_one_setting() -> None:
    webhook = CONNECTOR.webhook
    assert webhook is not None
    wrong = b64encode(digest(b"one, two", SAMPLE, sha256)).decode()
    with pytest.raises(Refused):
        webhook.verify({"x-shiphero-hmac-sha256": wrong}, SAMPLE, ["one, two"])
    right = b64encode(digest(b"two", SAMPLE, sha256)).decode()
    webhook.verify({"x-shiphero-hmac-sha256": right}, SAMPLE, ["one, two", "old"])
