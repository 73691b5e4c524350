"""Events of fulfilments: made by apps, or by Shopify where it knows the carrier. The same one twice makes two."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crossdock.simulators.shopify.books import Fulfilment, FulfilmentEvent, ShopBooks, UserError, numeric
from crossdock.simulators.shopify.language import GraphError, connection

STATUSES = (
    *("LABEL_PURCHASED", "LABEL_PRINTED", "READY_FOR_PICKUP", "CONFIRMED", "CARRIER_PICKED_UP", "IN_TRANSIT"),
    *("OUT_FOR_DELIVERY", "ATTEMPTED_DELIVERY", "DELAYED", "DELIVERED", "FAILURE"),
)


def add(books: ShopBooks, asked: Mapping[str, Any]) -> tuple[Fulfilment, FulfilmentEvent]:
    """``fulfillmentEventCreate``; raises ``UserError``, and ``GraphError`` for a word that the schema does not have."""
    status = str(asked.get("status"))
    if status not in STATUSES:
        raise GraphError(f'Expected "{status}" to be one of: {", ".join(STATUSES)}', "INVALID_VARIABLE")
    owner = books.fulfilments.get(numeric(asked.get("fulfillmentId")))
    if owner is None:
        raise UserError("Fulfillment does not exist.", "fulfillmentEvent", "fulfillmentId")
    if owner.status != "SUCCESS":
        raise UserError("Fulfillment is cancelled.", "fulfillmentEvent", "fulfillmentId")
    at = asked.get("happenedAt")
    happened_at = datetime.fromisoformat(str(at)).astimezone(UTC) if at else books.now()
    made = FulfilmentEvent(books.fresh_id(), status, happened_at, asked.get("message"))
    owner.events.append(made)
    books.touch(owner.order_id)
    return owner, made


def view(told: FulfilmentEvent) -> dict[str, Any]:
    """As the API shows it."""
    return {
        "__typename": "FulfillmentEvent",
        "id": f"gid://shopify/FulfillmentEvent/{told.id}",
        "status": told.status,
        "happenedAt": f"{told.happened_at:%Y-%m-%dT%H:%M:%SZ}",
        "message": told.message,
    }


def listed(of: Fulfilment) -> Any:
    return connection("FulfillmentEventConnection", [view(one) for one in of.events])


def body(owner: Fulfilment, told: FulfilmentEvent) -> dict[str, Any]:
    """The body of ``fulfillment_events/create``."""
    at = f"{told.happened_at:%Y-%m-%dT%H:%M:%S}+00:00"
    return {
        "id": told.id,
        "fulfillment_id": owner.id,
        "order_id": owner.order_id,
        "status": told.status.lower(),
        "message": told.message,
        "happened_at": at,
        "created_at": at,
        "updated_at": at,
        "admin_graphql_api_id": f"gid://shopify/FulfillmentEvent/{told.id}",
    }
