"""The same over real sockets: filters, batches, ETags and links to further pages survive the wire."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from aiohttp import web

from crossdock.connectors.businesscentral import CONNECTOR
from crossdock.connectors.businesscentral.answers import Stopped
from crossdock.connectors.businesscentral.tests.orders import PLACED, SKUS, booking, plain_order
from crossdock.domain.commands import CloseBooking, MakeInvoice, PostShipment
from crossdock.domain.fulfilment import Shipment, ShippedLine
from crossdock.domain.outcome import Done, RetryLater
from crossdock.kit.door import Door
from crossdock.kit.http import Line
from crossdock.kit.manifest import Call
from crossdock.kit.tokens import InProcessTokens
from crossdock.simulators.businesscentral import BusinessCentralCompany, Registration
from crossdock.simulators.server import SimulatorServer


class Hosted:
    def __init__(self, company: BusinessCentralCompany, client: Any) -> None:
        self.company, self.client = company, client


async def greeted(request: web.BaseRequest) -> web.StreamResponse:
    """What intake says to a vendor that asks first; other addresses say something else."""
    word = request.query["validationToken"] if request.path == "/in/businesscentral/erp" else "who?"
    return web.Response(text=word)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(greeted))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/in/businesscentral/erp"
    await runner.cleanup()


@pytest.fixture
async def hosted(url: str) -> AsyncIterator[Hosted]:
    registration = Registration()
    server = SimulatorServer(random=Random(3))
    company = BusinessCentralCompany("erp", server.surroundings("erp"), registration=registration, items=1200)
    server.add(company)
    await server.start()
    door = Door()
    settings = {**registration.connection_settings(server.url("erp")), "order_prefixes": ["shop1"], "public_url": url}
    line = Line(
        "erp",
        settings,
        {**registration.connection_secrets(), "webhook_secret": "a-long-random-word"},
        door,
        InProcessTokens(time.monotonic),
        lambda: datetime.now(UTC),
        lambda: str(time.monotonic_ns()),
    )
    yield Hosted(company, CONNECTOR.open(line))
    await door.close()
    await server.stop()


async def test_an_order_travels_to_its_invoice(hosted: Hosted) -> None:
    operations, order = CONNECTOR.operations, plain_order()
    ref = ""
    for call in (Call("k"), Call("k", 1)):
        booked = (await operations["order.book"].send(hosted.client, booking(order), call)).outcome
        assert isinstance(booked, Done)
        ref = booked.refs["salesOrder"]
    lines = tuple(ShippedLine(line.id, line.quantity, line.sku) for line in order.lines)
    post = PostShipment(order.key, ref, Shipment("SH/1 'x'", lines, PLACED), SKUS)
    bill = MakeInvoice(order.key, ref, ("SH/1 'x'",))
    for command in (post, bill):
        for call in (Call("k"), Call("k", 1)):
            assert isinstance((await operations[command.purpose].send(hosted.client, command, call)).outcome, Done)
    books = hosted.company.books()
    assert [Decimal(one["total"]) for one in books["invoices"]] == [order.totals.total.shop]
    page = await CONNECTOR.polls["invoices"].run(hosted.client, None, {})
    assert [found.stream_key for found in page.found] == [order.key]


async def test_an_order_is_deleted(hosted: Hosted) -> None:
    order = plain_order()
    booked = (await CONNECTOR.operations["order.book"].send(hosted.client, booking(order), Call("k"))).outcome
    assert isinstance(booked, Done)
    close = CloseBooking(order.key, booked.refs["salesOrder"])
    assert isinstance((await CONNECTOR.operations["booking.close"].send(hosted.client, close, Call("k"))).outcome, Done)
    assert not hosted.company.books()["orders"]


async def test_a_page_leads_to_the_next(hosted: Hosted) -> None:
    first = await CONNECTOR.polls["items"].run(hosted.client, None, {})
    rest = await CONNECTOR.polls["items"].run(hosted.client, first.cursor, {})
    assert (first.more, rest.more) == (True, False)
    assert len({sku for page in (first, rest) for sku, _ in page.products}) == 1200


async def test_an_outage_is_no_answer(hosted: Hosted) -> None:
    await hosted.client.sign_in()
    hosted.company.faults.html_200 = 1.0
    outcome = (await CONNECTOR.operations["order.book"].send(hosted.client, booking(plain_order()), Call("k"))).outcome
    assert isinstance(outcome, RetryLater)
    assert not hosted.company.books()["orders"]


async def test_an_address_is_asked_before_it_is_told(hosted: Hosted, url: str) -> None:
    page = await CONNECTOR.polls["subscriptions"].run(hosted.client, None, {})
    assert page.cursor == "subscribed anew"
    (one,) = hosted.company.subscriptions.standing.values()
    assert one.url == url
    for wrong in (f"{url}x", "http://127.0.0.1:9/in"):
        with pytest.raises(Stopped, match="did not answer"):
            await hosted.client.subscribe(one.resource, wrong, "x")
    assert len(hosted.company.subscriptions.standing) == 1
