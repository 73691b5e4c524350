"""A shipment that leaves from two locations is told in two calls: what if only the first arrives?"""

from decimal import Decimal
from typing import Any

import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.connectors.shopify.tests.test_answers import _END, CALL, NOW, Script, client, created, errors, ok
from crossdock.domain.commands import PushFulfilment
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.outcome import Conflict, OutcomeUnknown, RetryLater
from crossdock.kit.http import NotSent, Response

LINES = (ShippedLine("1", Decimal(1)), ShippedLine("2", Decimal(1)))
PUSH = PushFulfilment("42", Shipment("S1", LINES, NOW))
OPERATION = CONNECTOR.operations["fulfilment.push"]


def waiting(line_id: int, remaining: int) -> dict[str, Any]:
    """A fulfilment order for one line, at a location of its own."""
    line = {
        "id": f"gid://shopify/FulfillmentOrderLineItem/{line_id}",
        "remainingQuantity": remaining,
        "lineItem": {"id": f"gid://shopify/LineItem/{line_id}", "sku": "A"},
    }
    return {
        "id": f"gid://shopify/FulfillmentOrder/{line_id}",
        "status": "OPEN",
        "assignedLocation": {"location": {"id": f"gid://shopify/Location/{line_id}"}},
        "lineItems": {"nodes": [line], "pageInfo": _END},
    }


def state(first_left: int, *made: str | None) -> Response:
    """The order with two of line 1 ordered; ``made``: the tracking numbers of the fulfilments that stand."""
    fulfillments = [
        {"id": f"gid://shopify/Fulfillment/{n}", "status": "SUCCESS", "createdAt": NOW, "trackingInfo": [{"number": t}]}
        for n, t in enumerate(made, start=77)
    ]
    orders = {"nodes": [waiting(1, first_left), waiting(2, 1)], "pageInfo": _END}
    return ok({"order": {"id": "o/42", "fulfillments": fulfillments, "fulfillmentOrders": orders}})


def held(line_id: int) -> Response:
    node = {"quantity": 1, "lineItem": {"id": f"gid://shopify/LineItem/{line_id}"}}
    return ok({"fulfillment": {"fulfillmentLineItems": {"nodes": [node], "pageInfo": _END}}})


@pytest.mark.parametrize("second", [errors("THROTTLED"), Response(503, {}, b""), NotSent("refused")])
async def test_a_part_that_was_told_is_never_forgotten(second: Any) -> None:
    result = await OPERATION.send(client(Script(state(2), created(), second)), PUSH, CALL)
    assert isinstance(result.outcome, OutcomeUnknown)
    assert "77" in result.outcome.detail


async def test_half_of_an_untracked_shipment_goes_to_a_person() -> None:
    assert OPERATION.look_up is not None
    result = await OPERATION.look_up(client(Script(state(1, None), held(1))), PUSH, CALL)
    assert result is not None
    assert isinstance(result.outcome, Conflict)
    assert result.outcome.refs == {"fulfillment": "77"}


async def test_half_of_a_tracked_shipment_is_completed() -> None:
    assert OPERATION.look_up is not None
    tracked = PushFulfilment("42", Shipment("S1", LINES, NOW, (Package("TN1"),)))
    assert await OPERATION.look_up(client(Script(state(1, "TN1"), held(1))), tracked, CALL) is None
    script = Script(state(1, "TN1"), held(1), created())
    await OPERATION.send(client(script), tracked, CALL)
    assert b"FulfillmentOrder/2" in script.asked[-1][2]
    assert b"FulfillmentOrder/1" not in script.asked[-1][2]


async def test_a_fulfilment_order_that_goes_while_its_lines_are_read_is_read_again() -> None:
    """Merged or moved meanwhile: the lines of its first page alone would say that there is nothing to fulfil."""
    one = waiting(1, 1)
    one["lineItems"]["pageInfo"] = {"hasNextPage": True, "endCursor": "c1"}
    orders = {"nodes": [one], "pageInfo": _END}
    first = ok({"order": {"id": "o/42", "fulfillments": [], "fulfillmentOrders": orders}})
    result = await OPERATION.send(client(Script(first, ok({"fulfillmentOrder": None}))), PUSH, CALL)
    assert isinstance(result.outcome, RetryLater)


async def test_pages_that_come_round_are_not_read_for_ever() -> None:
    orders = {"nodes": [waiting(1, 1)], "pageInfo": {"hasNextPage": True, "endCursor": "c1"}}
    page = ok({"order": {"id": "o/42", "fulfillments": [], "fulfillmentOrders": orders}})
    script = Script(*[page] * 9)
    result = await OPERATION.send(client(script), PUSH, CALL)
    assert isinstance(result.outcome, RetryLater)
    assert len(script.asked) == 2
