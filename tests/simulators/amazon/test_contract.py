"""Requests and answers between connector and simulated account, held against Amazon's published models."""

import copy
import json
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from crossdock.connectors.amazon import CONNECTOR
from crossdock.domain.commands import PublishStock, PushFulfilment, ReadBack, ReplaceTracking
from crossdock.domain.events import OrderSeen, SignalSeen
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.totals import prove
from crossdock.kit.listing import Window

_CONTRACTS = Path(
    os.environ.get("CROSSDOCK_VENDOR_CONTRACTS") or Path(__file__).parents[4] / "shared/vendors/contracts"
)
_FOLDER = _CONTRACTS / "amazon-sp-api"

pytestmark = pytest.mark.skipif(
    not _FOLDER.exists(), reason="the vendor's contract is not here (CROSSDOCK_VENDOR_CONTRACTS)"
)

# What is asked, and the model that speaks of it.
OPERATIONS = {
    ("GET", "/orders/2026-01-01/orders"): "orders_2026-01-01.json",
    ("GET", "/orders/2026-01-01/orders/{orderId}"): "orders_2026-01-01.json",
    ("POST", "/orders/v0/orders/{orderId}/shipmentConfirmation"): "ordersV0.json",
    ("GET", "/sellers/v1/marketplaceParticipations"): "sellers.json",
    ("GET", "/listings/2021-08-01/items/{sellerId}"): "listingsItems_2021-08-01.json",
    ("GET", "/listings/2021-08-01/items/{sellerId}/{sku}"): "listingsItems_2021-08-01.json",
    ("PATCH", "/listings/2021-08-01/items/{sellerId}/{sku}"): "listingsItems_2021-08-01.json",
    ("GET", "/reports/2021-06-30/reports"): "reports_2021-06-30.json",
    ("GET", "/reports/2021-06-30/documents/{reportDocumentId}"): "reports_2021-06-30.json",
}


def model(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_FOLDER / "models" / name).read_text("utf-8"))
    return found


def checker(definitions: dict[str, Any], schema: dict[str, Any]) -> Any:
    """A validator that also refuses what the model does not know."""
    closed = copy.deepcopy(definitions)
    for definition in closed.values():
        if definition.get("properties"):
            definition["additionalProperties"] = False
    return jsonschema_rs.Draft4Validator({**schema, "definitions": closed}, validate_formats=True)


def template_of(method: str, path: str) -> str:
    for verb, template in OPERATIONS:
        if verb == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return template
    raise AssertionError(f"{method} {path} is no operation that is used")


async def exercised(seller: Any) -> None:
    """Every call the connector can make, refusals included."""
    seller.settings["page_size"] = 2
    for place in ("US", "GB", "DE", "JP"):
        seller.place(marketplace=place, discount=True, shipping=True, gift_wrap=True, company=True, tip=200)
    afn, pending = seller.place(afn=True), seller.place(pending=True)
    await seller.sim.tick()
    replaced = seller.place(replaces=afn)
    cancelled = seller.place(quantity=2)
    seller.sim.act("request_cancel", {"id": cancelled})
    seller.sim.act("cancel_order", {"id": cancelled})
    seller.sim.act("cancel_item", {"id": seller.place(lines=2, quantity=2), "quantity": 1})
    seller.later(1)
    for order_id in list(seller.sim.books_.orders):
        await seller.do(ReadBack("order", order_id))
        lines = tuple(ShippedLine(line["id"], Decimal(line["quantity"])) for line in seller.entry(order_id)["lines"])
        package = Package(f"TN{order_id}", "ups", "Ground", lines=lines)
        push = PushFulfilment(order_id, Shipment(f"S{order_id}", lines, seller.at, (package,)))
        await seller.do(push)
        await seller.look_up(push)
        label = msgspec.structs.replace(package, tracking_number=f"TM{order_id}")
        shipment = msgspec.structs.replace(push.shipment, packages=(label,))
        await seller.do(ReplaceTracking(order_id, shipment, (f"TN{order_id}",)))
    await seller.do(ReadBack("order", "111-0000000-0000000"))
    assert replaced != pending
    other = seller.place(lines=1, quantity=1)
    line = seller.entry(other)["lines"][0]["id"]
    lines = (ShippedLine(line, Decimal(1)),)
    odd = Shipment("S", lines, seller.at, (Package("TN", "Kurier Meyer", lines=lines),))
    await seller.do(PushFulfilment(other, odd))
    assert CONNECTOR.listing is not None
    for by in ("changed", "placed"):
        await CONNECTOR.listing.pages(seller.client, Window(seller.at - timedelta(hours=1), seller.at, by), None)
    await CONNECTOR.listing.named(seller.client, [f"amazon-{other}"])
    await _publish(seller)
    await seller.poll("orders")
    await seller.poll("orders", since="2026-11-01T00:00:00Z", until="2026-11-20T11:00:00Z")
    seller.settings["settlements"] = True
    seller.sim.settlements.documents_url = "http://amazon.test"
    _, cursor = await seller.poll("settlements")
    for packed in (True, False):
        seller.sim.act("settle", {"packed": packed})
    await seller.poll("settlements", cursor)
    await seller.poll("settlements", since="2026-11-01T00:00:00Z", until="2026-11-20T11:00:00Z")
    assert CONNECTOR.check is not None
    await CONNECTOR.check(seller.client)
    bad = {"marketplaceId": "ATVPDKIKX0DER", "packageDetail": {"packageReferenceId": "x", "carrierCode": "UPS"}}
    bad["packageDetail"] |= {"trackingNumber": "T", "shipDate": "2026-11-20T12:00:00Z", "orderItems": []}
    with pytest.raises(Exception, match="PackageReferenceId"):
        await seller.client.confirm_shipment(other, bad)
    seller.settings["page_size"] = 1000  # clamped
    await seller.poll("orders")
    seller.sim.act("expire_tokens", {})
    await seller.do(ReadBack("order", other))
    seller.sim.buckets.factor = 0.0
    await seller.do(ReadBack("order", other))


async def _publish(seller: Any) -> None:
    """Quantities: taken, refused with issues, of no listing; and all listings over two pages."""
    seller.settings |= {"seller_id": "A3SIMULATED", "marketplace_ids": ["ATVPDKIKX0DER"], "stock_levels": True}
    for nth in range(25):
        seller.sim.act("list_item", {"sku": f"SKU-{nth}", "quantity": 4, "afn": nth == 7})
    for sku in ("SKU-1", "SKU-7", "NONE"):
        await seller.do(PublishStock(sku, "DEFAULT", 9, 1, 4))
    seller.sim.listings.spoils = True
    await seller.do(PublishStock("SKU-2", "DEFAULT", 9, 1, 4))
    await seller.look_up(PublishStock("SKU-2", "DEFAULT", 9, 1, 4))
    told = await seller.client.patch_listing("SKU-3", "OTHER_TYPE", {"fulfillment_channel_code": "DEFAULT"})
    assert (told.status, len(told.issues)) == ("INVALID", 1)
    await seller.poll("levels")


async def test_every_request_and_every_answer_keeps_the_contract(seller: Any) -> None:
    await exercised(seller)
    used, statuses = set(), set()
    for seen in seller.seen:
        if "x-amz-target" in seen.request.headers or seen.request.path.startswith("/report-documents/"):
            continue
        template = template_of(seen.request.method, seen.request.path)
        told = model(OPERATIONS[seen.request.method, template])
        operation = told["paths"][template][seen.request.method.lower()]
        used.add((seen.request.method, template))
        statuses.add(seen.status)
        check_request(seen, operation, told)
        check_answer(seen, operation, told)
    assert used == set(OPERATIONS)
    assert statuses == {200, 204, 400, 403, 404, 429}


def check_request(seen: Any, operation: dict[str, Any], told: dict[str, Any]) -> None:
    parameters = {one["name"]: one for one in operation["parameters"] if one["in"] == "query"}
    assert set(seen.request.query) <= set(parameters)
    for name, text in seen.request.query.items():
        schema = parameters[name]
        value: Any = (
            text.split(",") if schema["type"] == "array" else int(text) if schema["type"] == "integer" else text
        )
        plain = {key: part for key, part in schema.items() if key in ("type", "items", "format", "maxItems")}
        checker({}, plain).validate(value)
    body = next((one for one in operation["parameters"] if one["in"] == "body"), None)
    if body is not None:
        checker(told["definitions"], body["schema"]).validate(json.loads(seen.request.body))
    else:
        assert not seen.request.body
    assert seen.request.headers["x-amz-access-token"].startswith("Atza|")
    assert seen.request.headers["user-agent"]


def check_answer(seen: Any, operation: dict[str, Any], told: dict[str, Any]) -> None:
    answer = operation["responses"][str(seen.status)]
    headers = {name.lower() for name in answer.get("headers", {})}
    assert {name for name in seen.headers if name.startswith("x-amzn-")} <= headers
    if "schema" in answer:
        checker(told["definitions"], answer["schema"]).validate(json.loads(seen.body))
    else:
        assert not seen.body


def orders_in(part: Any) -> Iterator[dict[str, Any]]:
    """Every whole order in Amazon's own examples."""
    if isinstance(part, dict) and {"orderId", "orderItems"} <= set(part):
        yield part
    elif isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from orders_in(inner)


def test_every_example_of_amazons_own_is_read_to_the_cent() -> None:
    examples = list(orders_in(model("orders_2026-01-01.json")["paths"]))
    assert len(examples) >= 8
    for example in examples:
        event, *_ = CONNECTOR.translate("amazon", "order", json.dumps(example).encode())
        assert isinstance(event, OrderSeen)
        proof = prove(event.order)
        assert proof.balanced, (example["orderId"], proof.findings)
        assert str(event.order.totals.total.shop) == example["proceeds"]["grandTotal"]["amount"]


def test_amazons_own_notification_is_a_signal() -> None:
    schema = json.loads((_FOLDER / "schemas/notifications/OrderChangeNotification.json").read_text("utf-8"))
    (example,) = schema["examples"]
    (event,) = CONNECTOR.translate("amazon", "ORDER_CHANGE", json.dumps(example).encode())
    assert isinstance(event, SignalSeen)
    assert event.external_id == "903-8868176-2219830"


async def test_notifications_keep_their_schema(seller: Any) -> None:
    schema = json.loads((_FOLDER / "schemas/notifications/OrderChangeNotification.json").read_text("utf-8"))
    schema.pop("$id")
    validator = jsonschema_rs.Draft7Validator(_without_ids(schema))
    order_id = seller.place(quantity=3, lines=2)
    seller.place(pending=True)
    seller.place(afn=True)
    seller.later(1)
    seller.sim.act("ship_by_hand", {"id": order_id, "quantity": 1})
    seller.sim.act("ship_by_hand", {"id": order_id, "reference": 2})
    seller.sim.act("cancel_order", {"id": seller.place()})
    bodies = [json.loads(one.body) for one in seller.sim.queue.held.values()]
    for body in bodies:
        validator.validate(body)
    changes = [body["Payload"]["OrderChangeNotification"]["Summary"]["OrderStatus"] for body in bodies]
    assert set(changes) == {"Pending", "Unshipped", "PartiallyShipped", "Shipped", "Canceled"}


def _without_ids(schema: Any) -> Any:
    """The published schema gives every part an ``$id`` that is no address."""
    if isinstance(schema, dict):
        return {
            key: _without_ids(value)
            for key, value in schema.items()
            if not (key == "$id" and isinstance(value, str) and value.startswith("#"))
        }
    return [_without_ids(one) for one in schema] if isinstance(schema, list) else schema
