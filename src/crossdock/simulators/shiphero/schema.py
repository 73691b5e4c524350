"""What the API knows: types and their fields, inputs and what they require. Everything else is refused.

Names as in the vendor's public schema (generated types of 2023 and the examples of its developer pages).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from crossdock.simulators.shiphero.language import Field, GraphError
from crossdock.simulators.shiphero.warehouse import HOLDS

# type -> field -> the field's type; "" is a scalar. A type ending in "Connection" is paged by first and after.
TYPES: Mapping[str, Mapping[str, str]] = {
    "Query": {
        "orders": "OrdersAnswer",
        "order": "OrderAnswer",
        "shipments": "ShipmentsAnswer",
        "account": "AccountAnswer",
        "warehouse_products": "WarehouseProductsAnswer",
        "returns": "ReturnsAnswer",
        "return": "ReturnAnswer",
    },
    "Mutation": {
        "order_create": "OrderMutation",
        "order_cancel": "OrderMutation",
        "return_create": "ReturnMutation",
        "return_update_status": "ReturnMutation",
    },
    "ReturnsAnswer": {"request_id": "", "complexity": "", "data": "ReturnConnection"},
    "ReturnAnswer": {"request_id": "", "complexity": "", "data": "Return"},
    "ReturnMutation": {"request_id": "", "complexity": "", "return": "Return"},
    "Return": {
        "id": "",
        "legacy_id": "",
        "order_id": "",
        "partner_id": "",
        "status": "",
        "reason": "",
        "created_at": "",
        "total_items_expected": "",
        "total_items_received": "",
        "total_items_restocked": "",
        "order": "Order",
        "line_items": "ReturnLineItem",
    },
    "ReturnLineItem": {
        "id": "",
        "legacy_id": "",
        "quantity": "",
        "quantity_received": "",
        "restock": "",
        "condition": "",
        "reason": "",
        "warehouse_id": "",
        "line_item": "LineItem",
        "product": "Product",
    },
    "Product": {"sku": ""},
    "OrdersAnswer": {"request_id": "", "complexity": "", "data": "OrderConnection"},
    "OrderAnswer": {"request_id": "", "complexity": "", "data": "Order"},
    "ShipmentsAnswer": {"request_id": "", "complexity": "", "data": "ShipmentConnection"},
    "WarehouseProductsAnswer": {"request_id": "", "complexity": "", "data": "WarehouseProductConnection"},
    "WarehouseProduct": {"sku": "", "warehouse_id": "", "on_hand": "", "available": "", "backorder": ""},
    "AccountAnswer": {"request_id": "", "complexity": "", "data": "Account"},
    "OrderMutation": {"request_id": "", "complexity": "", "order": "Order"},
    "Account": {"id": "", "legacy_id": "", "email": "", "username": ""},
    "Order": {
        "id": "",
        "legacy_id": "",
        "order_number": "",
        "partner_order_id": "",
        "shop_name": "",
        "fulfillment_status": "",
        "holds": "OrderHolds",
        "order_date": "",
        "required_ship_date": "",
        "packing_note": "",
        "updated_at": "",
        "line_items": "LineItemConnection",
    },
    "OrderHolds": {f"{kind}_hold": "" for kind in HOLDS},
    "LineItem": {"id": "", "sku": "", "quantity": "", "partner_line_item_id": "", "product_name": "", "price": ""},
    "Shipment": {
        "id": "",
        "legacy_id": "",
        "order_id": "",
        "warehouse_id": "",
        "created_date": "",
        "picked_up": "",
        "delivered": "",
        "order": "Order",
        "shipping_labels": "ShippingLabel",
        "line_items": "ShipmentLineItemConnection",
        "total_packages": "",
    },
    "ShippingLabel": {
        "id": "",
        "tracking_number": "",
        "tracking_url": "",
        "carrier": "",
        "shipping_method": "",
        "created_date": "",
    },
    "ShipmentLineItem": {"id": "", "quantity": "", "shipping_label_id": "", "line_item": "LineItem"},
}
ARGUMENTS: Mapping[str, frozenset[str]] = {
    "orders": frozenset({"partner_order_id", "order_number", "updated_from", "updated_to"}),
    "order": frozenset({"id"}),
    "shipments": frozenset({"date_from", "date_to", "order_id"}),
    "account": frozenset(),
    "warehouse_products": frozenset({"sku", "warehouse_id", "customer_account_id"}),
    "returns": frozenset({"date_from", "date_to", "order_id", "warehouse_id", "customer_account_id"}),
    "return": frozenset({"id"}),
    "return_create": frozenset({"data"}),
    "return_update_status": frozenset({"data"}),
    "order_create": frozenset({"data"}),
    "order_cancel": frozenset({"data"}),
}
PAGING = frozenset({"first", "last", "after", "before"})

# input -> field -> whether it is required
INPUTS: Mapping[str, Mapping[str, bool]] = {
    "CreateOrderInput": {
        "order_number": False,
        "partner_order_id": False,
        "shop_name": False,
        "order_date": False,
        "email": False,
        "currency": False,
        "shipping_address": True,
        "billing_address": False,
        "shipping_lines": False,
        "line_items": True,
        "required_ship_date": False,
        "packing_note": False,
        "customer_account_id": False,
        "ignore_address_validation_errors": False,
    },
    "CreateLineItemInput": {
        "partner_line_item_id": True,
        "sku": True,
        "quantity": True,
        "price": True,
        "product_name": False,
        "warehouse_id": False,
    },
    "OrderAddressInput": dict.fromkeys(
        (
            "first_name",
            "last_name",
            "company",
            "address1",
            "address2",
            "city",
            "state",
            "zip",
            "country",
            "phone",
            "email",
        ),
        False,
    ),
    "CreateShippingLinesInput": {"title": True, "price": True, "carrier": False, "method": False},
    "CreateReturnInput": {
        "customer_account_id": False,
        "order_id": True,
        "warehouse_id": True,
        "return_reason": True,
        "label_type": True,
        "label_cost": True,
        "address": True,
        "dimensions": True,
        "shipping_carrier": True,
        "shipping_method": True,
        "line_items": True,
        "email_customer_return_label": False,
        "tracking_number": False,
        "create_label": False,
        "partner_id": False,
        "display_issue_refund": False,
        "return_pickup_datetime": False,
    },
    "CreateReturnLineItemInput": {
        "sku": True,
        "quantity": True,
        "return_reason": True,
        "condition": False,
        "is_component": False,
        "exchange_items": False,
    },
    "AddressInput": dict.fromkeys(("name", "address1", "address2", "city", "state", "country", "zip", "phone"), False),
    "DimensionsInput": dict.fromkeys(("height", "width", "length", "weight"), False),
    "UpdateReturnStatusInput": {"return_id": True, "status": True},
    "CancelOrderInput": {"order_id": True, "reason": False, "force": False},
}


def check(fields: Sequence[Field], type_name: str) -> None:
    """Refuse fields and arguments that the type does not have, before anything happens."""
    known = TYPES[type_name]
    for field in fields:
        if field.name not in known:
            raise GraphError(f'Cannot query field "{field.name}" on type "{type_name}".')
        of = known[field.name]
        allowed = ARGUMENTS.get(field.name, frozenset()) if type_name in ("Query", "Mutation") else frozenset[str]()
        allowed = PAGING if of.endswith("Connection") else allowed
        for name in field.args:
            if name not in allowed:
                raise GraphError(f'Unknown argument "{name}" on field "{type_name}.{field.name}".')
        if bool(of) != bool(field.fields):
            raise GraphError(f'Field "{field.name}" {"must" if of else "must not"} have a selection of subfields.')
        if of.endswith("Connection"):
            _check_page(field.fields, of.removesuffix("Connection"))
        elif of:
            check(field.fields, of)


def _check_page(fields: Sequence[Field], node: str) -> None:
    for field in fields:
        if field.name == "pageInfo":
            _known(field, {"hasNextPage", "hasPreviousPage", "startCursor", "endCursor"}, "PageInfo")
        elif field.name == "edges":
            _known(field, {"node", "cursor"}, f"{node}Edge")
            for inner in field.fields:
                if inner.name == "node":
                    if not inner.fields:
                        raise GraphError('Field "node" must have a selection of subfields.')
                    check(inner.fields, node)
        else:
            raise GraphError(f'Cannot query field "{field.name}" on type "{node}Connection".')


def _known(field: Field, names: set[str], type_name: str) -> None:
    if not field.fields:
        raise GraphError(f'Field "{field.name}" must have a selection of subfields.')
    for inner in field.fields:
        if inner.name not in names:
            raise GraphError(f'Cannot query field "{inner.name}" on type "{type_name}".')


def check_input(given: Any, type_name: str) -> dict[str, Any]:
    """Refuse unknown and missing input fields, as the vendor's variable check does."""
    if not isinstance(given, dict):
        raise GraphError(f"Expected type {type_name} to be an object.")
    known = INPUTS[type_name]
    for name in given:
        if name not in known:
            raise GraphError(f'Field "{name}" is not defined by type "{type_name}".')
    for name, required in known.items():
        if required and given.get(name) in (None, "", []):
            raise GraphError(f'Field "{name}" of required type on "{type_name}" was not provided.', field=name)
    return given


def pick(value: Any, type_name: str, fields: Sequence[Field]) -> Any:
    """The selected part of a value; lists of a connection's items are paged. An item may be a function that makes it:
    only those on the page are made."""
    if value is None:
        return None
    if isinstance(value, list):
        return [pick(item, type_name, fields) for item in value]
    picked: dict[str, Any] = {}
    for field in fields:
        inner, of = value.get(field.name), TYPES[type_name][field.name]
        if of.endswith("Connection"):
            picked[field.alias] = _page(inner or [], of.removesuffix("Connection"), field)
        else:
            picked[field.alias] = pick(inner, of, field.fields) if of else inner
    return picked


def _page(items: list[Any], node: str, field: Field) -> dict[str, Any]:
    first = field.args.get("first") or 100
    start = int(field.args.get("after") or 0)
    page = [item() if callable(item) else item for item in items[start : start + first]]
    info = {
        "hasNextPage": start + first < len(items),
        "hasPreviousPage": start > 0,
        "startCursor": str(start),
        "endCursor": str(start + len(page)) if page else None,
    }
    edges = [{"node": item, "cursor": str(start + n + 1)} for n, item in enumerate(page)]
    picked: dict[str, Any] = {}
    for part in field.fields:
        if part.name == "pageInfo":
            picked[part.alias] = {inner.alias: info[inner.name] for inner in part.fields}
        else:
            picked[part.alias] = [_edge(edge, node, part) for edge in edges]
    return picked


def _edge(edge: Any, node: str, part: Field) -> dict[str, Any]:
    return {
        inner.alias: pick(edge["node"], node, inner.fields) if inner.name == "node" else edge["cursor"]
        for inner in part.fields
    }
