"""What tests of the connector do with a company, step by step."""

from decimal import Decimal
from typing import Any

from tests.simulators.businesscentral.door import Setup

from crossdock.connectors.businesscentral import CONNECTOR
from crossdock.connectors.businesscentral.tests.orders import (
    PLACED,
    SKUS,
    booking,
)
from crossdock.domain.commands import PostShipment
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.order import Order
from crossdock.domain.outcome import Done
from crossdock.kit.manifest import Call, Result

FIRST, AGAIN = Call("key"), Call("key", tries=1)


async def send(setup: Setup, purpose: str, payload: Any, call: Call = FIRST) -> Result:
    return await CONNECTOR.operations[purpose].send(setup.client(), payload, call)


async def again(setup: Setup, purpose: str, payload: Any) -> Result:
    """What the engine does with a doubt: look up, then send."""
    look_up = CONNECTOR.operations[purpose].look_up
    found = await look_up(setup.client(), payload, AGAIN) if look_up else None
    return found or await send(setup, purpose, payload, AGAIN)


async def booked(setup: Setup, order: Order) -> str:
    outcome = (await send(setup, "order.book", booking(order))).outcome
    assert isinstance(outcome, Done), outcome
    assert not outcome.repeated
    return outcome.refs["salesOrder"]


def shipment(shipment_id: str, *lines: tuple[int, str]) -> Shipment:
    shipped = tuple(ShippedLine(f"line-{n}", Decimal(quantity), f"SKU-{n:04}") for n, quantity in lines)
    return Shipment(shipment_id, shipped, PLACED, (Package("1Z999", "UPS", weight_g=Decimal(900)),))


def whole(order: Order, ref: str, shipment_id: str = "SH1") -> PostShipment:
    return PostShipment(order.key, ref, shipment(shipment_id, (1, "2"), (2, "3")), SKUS)
