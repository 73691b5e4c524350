"""Requests and answers between connector and simulated store, held against the vendor's published schema."""

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    build_client_schema,
    coerce_input_value,
    get_named_type,
    parse,
    type_from_ast,
)

from crossdock.connectors.shopify import CONNECTOR, documents, payout_mapping
from crossdock.domain.commands import (
    PublishInvoice,
    PublishStock,
    PushFulfilment,
    PushRefund,
    PushReturn,
    ReadBack,
    ReplaceTracking,
    TellTracking,
)
from crossdock.domain.fulfilment import Invoice, Package, Shipment, ShippedLine
from crossdock.domain.receipt import Receipt, ReceivedRow
from crossdock.domain.refund import Credit

_CONTRACTS = Path(
    os.environ.get("CROSSDOCK_VENDOR_CONTRACTS") or Path(__file__).parents[4] / "shared/vendors/contracts"
)
_FILE = _CONTRACTS / "shopify/admin_2026-10.json"

pytestmark = pytest.mark.skipif(
    not _FILE.exists(), reason="the vendor's contract is not here (CROSSDOCK_VENDOR_CONTRACTS)"
)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    told: Any = json.loads(_FILE.read_text())
    return build_client_schema(told["data"], assume_valid=True)


async def exercised(shop: Any) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every call the connector can make, refusals included."""
    shop.sim.rates |= {
        "split": 1.0,
        "presentment": 0.5,
        "discount": 1.0,
        "duties": 0.5,
        "tip": 0.5,
        "gift_card_line": 0.5,
    }
    skus = [f"SKU-{index:04d}" for index in range(1, 100)]
    ids = [*shop.sim.act("place_order", {"count": 4})["ids"], *shop.sim.act("place_order", {"skus": skus})["ids"]]
    shop.sim.act("cancel_order", {"id": ids[0]})
    shop.settings |= {"page_size": 2, "public_url": "https://orders.example.com/in/shopify/shop1"}
    shop.sim.act("unsubscribe", {})
    for order_id in [*ids, "1"]:
        await shop.do(ReadBack("order", order_id))
        lines = [
            line
            for line in shop.sim.books_.orders.get(int(order_id), {}).get("line_items", [])
            if line["requires_shipping"]
        ]
        shipped = tuple(ShippedLine(str(line["id"]), Decimal(line["quantity"])) for line in lines)
        package = Package(f"TN{order_id}", "DHL", tracking_url="https://track.example.com/1")
        push = PushFulfilment(order_id, Shipment("S", shipped, shop.at, (package,)))
        await shop.do(push)
        await shop.look_up(push)
    await _followed(shop, ids[1])
    _refund(shop, ids[1])
    await shop.do(ReadBack("order", ids[1]))
    credit = PushRefund(ids[2], Credit("77", "CM77", Decimal("1.00"), _paid_in(shop, ids[2]), shop.at))
    await shop.do(credit)
    await shop.look_up(credit)
    await _returned(shop, ids[1])
    await shop.do(ReadBack("return", ids[1]))
    await shop.do(ReadBack("payments", ids[1]))
    invoice = PublishInvoice(ids[1], Invoice("4713", "INV1", Decimal("1.00"), "EUR", shop.at))
    for _ in range(2):
        await shop.do(invoice)
    await shop.do(ReadBack("fulfillment_order", str(next(iter(shop.sim.books_.fulfilment_orders)))))
    page = await CONNECTOR.polls["orders"].run(shop.client, None, {})
    await CONNECTOR.polls["orders"].run(shop.client, page.cursor, {})
    await CONNECTOR.polls["subscriptions"].run(shop.client, None, {})
    await _read_payouts(shop)
    await _stock(shop)
    assert CONNECTOR.listing is not None
    await CONNECTOR.listing.named(shop.client, [f"shop1-{order_id}" for order_id in ids])
    await shop.client.subscribe("ORDERS_PAID", "https://orders.example.com/in/shopify/shop1")
    (one,) = shop.sim.books_.fulfilment_orders_of(int(ids[1]))[:1]
    with pytest.raises(Exception, match=r"quantity|status"):
        await shop.client.create_fulfilment(
            {"lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{one.id}"}]}
        )
    found: list[tuple[str, dict[str, Any], dict[str, Any]]] = shop.answers
    return found


async def _followed(shop: Any, order_id: str) -> None:
    """Parcels on their way, told, told again, and refused."""
    made = tuple(str(one.id) for one in shop.sim.books_.fulfilments_of(int(order_id)))
    shop.sim.act("carry", {"fulfillment": made[0], "status": "LABEL_PRINTED"})
    for fulfilments in (made, made, ("1",)):
        for status in ("in_transit", "exception", "out_for_delivery", "delivered"):
            told = TellTracking(order_id, fulfilments, status, shop.at)
            await shop.do(told)
            await shop.look_up(told)
    shipment = Shipment("S1", (), shop.at, (Package("T9", "UPS"),))
    for fulfilments in (made, made, ("1",)):
        label = ReplaceTracking(order_id, shipment, ("T1",), fulfilments)
        await shop.do(label)
        await shop.look_up(label)


async def _returned(shop: Any, order_id: str) -> None:
    """A return that is closed, and one that is open."""
    left = [pair for one in shop.sim.books_.fulfilments_of(int(order_id)) for pair in one.lines][:2]
    refs = [
        shop.sim.act("open_return", {"id": order_id, "lines": [{"id": line_id, "quantity": 1}]})["return"]
        for line_id, _ in left
    ]
    await CONNECTOR.polls["returns"].run(shop.client, None, {})
    shop.settings["return_location"] = "101"
    for units in (1, 1, 9):
        for finished in (False, True):
            rows = (ReceivedRow("1", Decimal(units), Decimal(int(units > 1)), str(left[-1][0])),)
            told = PushReturn(order_id, Receipt("R-1", rows, None, finished), refs[-1])
            await shop.do(told)
            await shop.look_up(told)
    shop.sim.act("close_return", {"return": refs[0]})


def _paid_in(shop: Any, order_id: str) -> str:
    return str(shop.sim.books_.orders[int(order_id)]["presentment_currency"])


async def _stock(shop: Any) -> None:
    """A level set, one that changed meanwhile, one that the shop does not have; then all of them."""
    shop.sim.act("set_stock", {"sku": "SKU-1", "quantity": 4})
    await shop.do(PublishStock("SKU-1", "101", 7, 1))
    await shop.do(PublishStock("SKU-1", "101", 8, 2, 5, "4400001"))
    await shop.do(PublishStock("SKU-9", "101", 8, 1))
    shop.settings["stock_locations"] = ["101"]
    await CONNECTOR.polls["levels"].run(shop.client, None, {})


def _refund(shop: Any, order_id: str) -> None:
    """All that a refund can hold: units that had left, units that had not, shipping, goodwill, two gateways."""
    lines = shop.sim.books_.orders[int(order_id)]["line_items"]
    rows = [{"id": line["id"], "restock": "no_restock"} for line in lines if line["current_quantity"]]
    shop.sim.act("refund", {"id": order_id, "lines": rows[:2], "amount": "-1", "shares": ["0.4", "0.6"]})
    shop.sim.act("refund", {"id": order_id, "shipping": True, "amount": "0.50"})


async def _read_payouts(shop: Any) -> None:
    shop.settings["payouts"] = True
    cursor = (await CONNECTOR.polls["payouts"].run(shop.client, None, {})).cursor
    shop.sim.act("payout", {"reserve": "1.00", "adjustment": "0.50"})
    for _ in range(2):
        cursor = (await CONNECTOR.polls["payouts"].run(shop.client, cursor, {})).cursor


async def test_every_request_and_every_answer_keeps_the_contract(shop: Any, schema: GraphQLSchema) -> None:
    assert CONNECTOR.check is not None
    await CONNECTOR.check(shop.client)
    calls = await exercised(shop)
    assert {query for query, _, _ in calls} == set(documents.ALL.values())
    for query, variables, answer in calls:
        operation = next(node for node in parse(query).definitions if isinstance(node, OperationDefinitionNode))
        for definition in operation.variable_definitions or ():
            type_ = type_from_ast(schema, definition.type)
            assert type_ is not None
            coerce_input_value(variables.get(definition.variable.name.value), type_)  # type: ignore[arg-type]
        root = schema.mutation_type if operation.operation.value == "mutation" else schema.query_type
        assert root is not None
        assert "errors" not in answer
        check_object(root, operation.selection_set.selections, answer["data"], schema, operation.operation.value)


def test_every_kind_of_a_payouts_lines_is_a_word_of_the_vendors(schema: GraphQLSchema) -> None:
    words = schema.get_type("ShopifyPaymentsTransactionType")
    assert isinstance(words, GraphQLEnumType)
    assert set(payout_mapping.KINDS) <= set(words.values)


def check_object(type_: Any, selections: Any, value: Mapping[str, Any], schema: GraphQLSchema, at: str) -> None:
    assert isinstance(value, dict), f"{at} is {value!r}, not an object"
    left = set(value)
    for node in selections:
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition.name.value if node.type_condition else None
            if value.get("__typename") == condition:
                left -= check_fields(schema.get_type(condition or ""), node.selection_set.selections, value, schema, at)
        else:
            left -= check_fields(type_, [node], value, schema, at)
    assert not left, f"{at} holds what was not asked for: {left}"


def check_fields(type_: Any, nodes: Any, value: Mapping[str, Any], schema: GraphQLSchema, at: str) -> set[str]:
    names = set()
    for node in nodes:
        assert isinstance(node, FieldNode)
        name = (node.alias or node.name).value
        names.add(name)
        assert name in value, f"{at}.{name} was asked for and is not there"
        if node.name.value == "__typename":
            assert isinstance(schema.get_type(value[name]), GraphQLObjectType), value[name]
            continue
        check_value(type_.fields[node.name.value].type, node, value[name], schema, f"{at}.{name}")
    return names


def check_value(type_: Any, node: FieldNode, value: Any, schema: GraphQLSchema, at: str) -> None:
    if isinstance(type_, GraphQLNonNull):
        assert value is not None, f"{at} may not be null"
        return check_value(type_.of_type, node, value, schema, at)
    if value is None:
        return None
    if isinstance(type_, GraphQLList):
        assert isinstance(value, list), at
        for index, item in enumerate(value):
            check_value(type_.of_type, node, item, schema, f"{at}[{index}]")
        return None
    named = get_named_type(type_)
    if isinstance(named, GraphQLEnumType):
        assert value in named.values, f"{at}: {value!r} is no {named.name}"
    elif isinstance(named, GraphQLScalarType):
        assert type(value) in _SCALARS[named.name], f"{at}: {value!r} is no {named.name}"
    else:
        assert node.selection_set is not None
        check_object(named, node.selection_set.selections, value, schema, at)
    return None


_SCALARS: dict[str, tuple[type, ...]] = {
    "BigInt": (str,),
    "Boolean": (bool,),
    "DateTime": (str,),
    "Decimal": (str,),
    "Float": (float, int),
    "ID": (str,),
    "Int": (int,),
    "String": (str,),
    "URL": (str,),
    "UnsignedInt64": (str,),
}
