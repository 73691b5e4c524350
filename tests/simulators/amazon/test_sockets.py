"""The same over real sockets: signatures with the host and port of the wire, headers and faults survive it."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from crossdock.connectors.amazon import CONNECTOR
from crossdock.connectors.amazon.answers import Failed
from crossdock.domain.commands import PushFulfilment, ReadBack
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.outcome import Done, OutcomeUnknown, RateLimited
from crossdock.kit.door import Door
from crossdock.kit.http import AnswerLost, Line
from crossdock.kit.manifest import Call
from crossdock.kit.tokens import InProcessTokens
from crossdock.simulators.amazon import AmazonSimulator
from crossdock.simulators.server import SimulatorServer

PUSH, READ = CONNECTOR.operations["fulfilment.push"], CONNECTOR.operations["read_back"]


class Hosted:
    def __init__(self, sim: AmazonSimulator, client: Any) -> None:
        self.sim, self.client = sim, client

    def push(self, order_id: str) -> PushFulfilment:
        items = self.sim.books_.orders[order_id].items
        lines = tuple(ShippedLine(item.id, Decimal(item.quantity)) for item in items)
        package = Package("1Z", "UPS", lines=lines)
        return PushFulfilment(order_id, Shipment("S1", lines, datetime.now(UTC), (package,)))

    def place(self) -> str:
        return str(self.sim.act("place_order", {"lines": 2})["ids"][0])


@pytest.fixture
async def hosted() -> AsyncIterator[Hosted]:
    server = SimulatorServer(random=Random(3))
    sim = AmazonSimulator("amazon", server.surroundings("amazon"), queue_url="-", behind_s=0.0)
    server.add(sim)
    await server.start()
    assert sim.queue is not None
    sim.queue.url = f"{server.url('amazon')}/123456789012/order-changes"
    settings = {
        "client_id": "amzn1.application-oa2-client.simulated",
        "api_base": server.url("amazon"),
        "auth_url": f"{server.url('amazon')}/auth/o2/token",
        "queue_url": sim.queue.url,
        "aws_region": "us-east-1",
        "aws_access_key_id": "AKIASIMULATED",
    }
    secrets = {
        "client_secret": "simulated-secret",
        "refresh_token": "Atzr|simulated",
        "aws_secret_access_key": "simulated-aws-secret",
    }
    door = Door()
    line = Line(
        "amazon", settings, secrets, door, InProcessTokens(time.monotonic), lambda: datetime.now(UTC), lambda: "u"
    )
    yield Hosted(sim, CONNECTOR.open(line))
    await door.close()
    await server.stop()


async def test_an_order_is_heard_of_read_and_confirmed(hosted: Hosted) -> None:
    order_id = hosted.place()
    page = await CONNECTOR.polls["notifications"].run(hosted.client, None, {})
    assert [one.stream_key for one in page.found] == [f"amazon:order:{order_id}"]
    await CONNECTOR.polls["notifications"].run(hosted.client, page.cursor, {})
    assert hosted.sim.books()["waiting_notifications"] == 0
    read = await READ.send(hosted.client, ReadBack("order", order_id), Call("k"))
    assert isinstance(read.outcome, Done)
    told = await PUSH.send(hosted.client, hosted.push(order_id), Call("k"))
    assert isinstance(told.outcome, Done)
    assert hosted.sim.books()["orders"][0]["status"] == "SHIPPED"
    search = await CONNECTOR.polls["orders"].run(hosted.client, None, {"since": "2026-01-01T00:00:00Z"})
    assert len(search.found) == 1


@pytest.mark.parametrize(("fault", "expected"), [("html_200", OutcomeUnknown), ("lost_response", AnswerLost)])
async def test_an_answer_that_says_nothing_is_unknown_and_looked_up(
    hosted: Hosted, fault: str, expected: type[Any]
) -> None:
    push = hosted.push(hosted.place())
    assert PUSH.look_up is not None
    assert await PUSH.look_up(hosted.client, push, Call("k")) is None
    order = await hosted.client.order(push.order_external_id)
    assert order is not None
    setattr(hosted.sim.faults, fault, 1.0)
    told = {"marketplaceId": "ATVPDKIKX0DER", "packageDetail": {"packageReferenceId": "9", "carrierCode": "UPS"}}
    rows = [{"orderItemId": line.line_id, "quantity": int(line.quantity)} for line in push.shipment.lines]
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    told["packageDetail"] |= {"trackingNumber": "1Z", "shipDate": now, "orderItems": rows}  # type: ignore[operator]
    with pytest.raises((Failed, AnswerLost)) as failed:
        await hosted.client.confirm_shipment(push.order_external_id, told)
    assert isinstance(getattr(failed.value, "outcome", failed.value), expected)
    setattr(hosted.sim.faults, fault, 0.0)
    found = await PUSH.look_up(hosted.client, push, Call("k", 1))
    assert found is not None
    assert isinstance(found.outcome, Done)
    assert hosted.sim.books()["packages"] == 1


async def test_the_hosts_throttling_speaks_amazons_way(hosted: Hosted) -> None:
    order_id = hosted.place()
    await READ.send(hosted.client, ReadBack("order", order_id), Call("k"))
    hosted.sim.faults.rate_limited = 1.0
    outcome = (await READ.send(hosted.client, ReadBack("order", order_id), Call("k"))).outcome
    assert outcome == RateLimited(2.0, outcome.detail)
    assert "QuotaExceeded" in outcome.detail
