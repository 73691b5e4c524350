"""The same over real sockets: paths with ``eid:`` and ``!transform``, headers and faults survive the wire."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from crossdock.connectors.netsuite import CONNECTOR
from crossdock.connectors.netsuite.tests.orders import PLACED, SKUS, booking, plain_order
from crossdock.domain.commands import MakeInvoice, PostShipment
from crossdock.domain.fulfilment import Shipment, ShippedLine
from crossdock.domain.outcome import Done, OutcomeUnknown
from crossdock.kit.door import Door
from crossdock.kit.http import AnswerLost, Line
from crossdock.kit.manifest import Call
from crossdock.kit.tokens import InProcessTokens
from crossdock.simulators.netsuite import NetSuiteAccount, make_credentials
from crossdock.simulators.server import SimulatorServer


class Hosted:
    def __init__(self, account: NetSuiteAccount, client: Any) -> None:
        self.account, self.client = account, client
        self.clock_is_off = timedelta(0)


@pytest.fixture
async def hosted() -> AsyncIterator[Hosted]:
    credentials = make_credentials(datetime.now(UTC))
    server = SimulatorServer(random=Random(3))
    account = NetSuiteAccount("erp", server.surroundings("erp"), **credentials.account_settings())
    server.add(account)
    await server.start()
    door = Door()
    line = Line(
        "erp",
        credentials.connection_settings(server.url("erp")),
        credentials.connection_secrets(),
        door,
        InProcessTokens(time.monotonic),
        lambda: datetime.now(UTC) + there.clock_is_off,
        lambda: str(time.monotonic_ns()),
    )
    there = Hosted(account, CONNECTOR.open(line))
    yield there
    await door.close()
    await server.stop()


async def test_an_order_travels_to_its_invoice(hosted: Hosted) -> None:
    operations, call, order = CONNECTOR.operations, Call("k"), plain_order()
    booked = (await operations["order.book"].send(hosted.client, booking(order), call)).outcome
    assert isinstance(booked, Done)
    lines = tuple(ShippedLine(line.id, line.quantity, line.sku) for line in order.lines)
    post = PostShipment(order.key, booked.refs["salesOrder"], Shipment("SH/1", lines, PLACED), SKUS)
    assert isinstance((await operations["shipment.post"].send(hosted.client, post, call)).outcome, Done)
    bill = MakeInvoice(order.key, booked.refs["salesOrder"], ("SH/1",))
    for again in (call, Call("k", 1)):
        invoiced = (await operations["invoice.make"].send(hosted.client, bill, again)).outcome
        assert isinstance(invoiced, Done)
    (kept,) = hosted.account.books()["invoices"]
    assert Decimal(kept["total"]) == order.totals.total.shop
    page = await CONNECTOR.polls["invoices"].run(hosted.client, None, {})
    assert [found.stream_key for found in page.found] == [order.key]


@pytest.mark.parametrize("hours", [2, -2])
async def test_a_clock_that_is_hours_off_signs_in_by_netsuites(hosted: Hosted, hours: int) -> None:
    hosted.clock_is_off = timedelta(hours=hours)
    await hosted.client.sign_in()
    booked = await CONNECTOR.operations["order.book"].send(hosted.client, booking(plain_order()), Call("k"))
    assert isinstance(booked.outcome, Done)


@pytest.mark.parametrize(("fault", "expected"), [("html_200", OutcomeUnknown), ("lost_response", AnswerLost)])
async def test_an_answer_that_says_nothing_is_unknown_and_repeated_once(
    hosted: Hosted, fault: str, expected: type[Any]
) -> None:
    book, order = CONNECTOR.operations["order.book"], plain_order()
    await hosted.client.sign_in()
    setattr(hosted.account.faults, fault, 1.0)
    if expected is AnswerLost:
        with pytest.raises(AnswerLost):
            await book.send(hosted.client, booking(order), Call("k"))
    else:
        assert isinstance((await book.send(hosted.client, booking(order), Call("k"))).outcome, expected)
    setattr(hosted.account.faults, fault, 0.0)
    repeated = (await book.send(hosted.client, booking(order), Call("k", 1))).outcome
    assert isinstance(repeated, Done)
    assert repeated.repeated
    assert len(hosted.account.books()["sales_orders"]) == 1
