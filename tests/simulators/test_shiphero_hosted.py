"""The whole way over sockets: connector, real door, host with faults, and webhooks back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from random import Random
from time import monotonic
from typing import Any

import pytest
from aiohttp import web
from tests.conformance.cases import order

from crossdock.connectors.shiphero import CONNECTOR
from crossdock.domain.commands import ReleaseOrder
from crossdock.domain.events import ShipmentSeen
from crossdock.domain.outcome import Done, OutcomeUnknown, RateLimited, RetryLater
from crossdock.kit.door import Door
from crossdock.kit.http import AnswerLost, Line
from crossdock.kit.manifest import Call
from crossdock.kit.tokens import InProcessTokens
from crossdock.simulators.server import SimulatorServer
from crossdock.simulators.shiphero import ShipHeroSimulator

SECRET = "shiphero-webhook-secret"
CALL = Call("shop-1001/warehouse/order.release")
RELEASE = CONNECTOR.operations["order.release"]
PAYLOAD = ReleaseOrder(order())


class Hosted:
    def __init__(self, simulator: ShipHeroSimulator, client: Any, told: list[tuple[dict[str, str], bytes]]) -> None:
        self.simulator, self.client, self.told = simulator, client, told

    async def send(self) -> Any:
        return await RELEASE.send(self.client, PAYLOAD, CALL)

    async def look_up(self) -> Any:
        assert RELEASE.look_up is not None
        return await RELEASE.look_up(self.client, PAYLOAD, CALL)

    @property
    def orders(self) -> int:
        return len(self.simulator.warehouse.orders)


@pytest.fixture
async def hosted() -> AsyncIterator[Hosted]:
    told: list[tuple[dict[str, str], bytes]] = []

    async def receive(request: web.BaseRequest) -> web.Response:
        told.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response(status=202)

    runner = web.ServerRunner(web.Server(receive))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server = SimulatorServer(random=Random(3))
    simulator = ShipHeroSimulator(
        "warehouse",
        server.surroundings("warehouse"),
        webhook_url=f"http://127.0.0.1:{runner.addresses[0][1]}/in",
        allocate_s=0.0,
        pick_s=0.0,
        ship_s=0.0,
        spread_s=0.0,
    )
    server.add(simulator)
    await server.start()
    async with Door() as door:
        tokens = InProcessTokens(monotonic)
        secrets = {"refresh_token": "shiphero-refresh-token"}
        settings = {"base_url": server.url("warehouse")}
        line = Line("warehouse", settings, secrets, door, tokens, lambda: datetime.now(UTC), lambda: "unique")
        client = CONNECTOR.open(line)
        assert CONNECTOR.check is not None
        await CONNECTOR.check(client)  # signed in before any fault begins
        yield Hosted(simulator, client, told)
    await server.stop()
    await runner.cleanup()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_an_order_goes_out_and_its_shipments_come_back(hosted: Hosted) -> None:
    assert isinstance((await hosted.send()).outcome, Done)
    webhook = CONNECTOR.webhook
    assert webhook is not None

    def shipped() -> int:
        total = 0
        for headers, body in hosted.told:
            webhook.verify(headers, body, [SECRET])
            topic = webhook.identify("warehouse", headers, body).topic
            for event in CONNECTOR.translate("warehouse", topic, body):
                total += (
                    int(sum(line.quantity for line in event.shipment.lines)) if isinstance(event, ShipmentSeen) else 0
                )
        return total

    await until(lambda: shipped() == 2)


@pytest.mark.parametrize("fault", ["lost_response", "late_commit"])
async def test_a_lost_answer_leads_to_one_order_by_looking_it_up(hosted: Hosted, fault: str) -> None:
    hosted.simulator.faults.late_commit_s = 0.1
    setattr(hosted.simulator.faults, fault, 1.0)
    with pytest.raises(AnswerLost):
        await hosted.send()
    setattr(hosted.simulator.faults, fault, 0.0)
    await until(lambda: hosted.orders == 1)
    found = await hosted.look_up()
    assert isinstance(found.outcome, Done)
    assert found.outcome.repeated


async def test_a_page_instead_of_the_answer_leaves_the_outcome_open(hosted: Hosted) -> None:
    hosted.simulator.faults.html_200 = 1.0
    assert isinstance((await hosted.send()).outcome, OutcomeUnknown)
    assert isinstance((await hosted.look_up()).outcome, RetryLater)
    assert hosted.orders == 1


async def test_the_vendors_own_refusals_change_nothing(hosted: Hosted) -> None:
    hosted.simulator.faults.rate_limited = 1.0
    assert isinstance((await hosted.send()).outcome, RateLimited)
    hosted.simulator.faults.rate_limited = 0.0
    hosted.simulator.faults.error_503 = 1.0
    assert isinstance((await hosted.send()).outcome, RetryLater)
    assert hosted.orders == 0
