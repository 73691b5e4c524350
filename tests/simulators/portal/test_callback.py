"""The portal's connector against a partner's callback with books of its own: told once, whatever is lost."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from crossdock.connectors.portal import CONNECTOR
from crossdock.domain.commands import PublishInvoice, PushFulfilment
from crossdock.domain.fulfilment import Invoice, Package, Shipment, ShippedLine
from crossdock.domain.outcome import Done, Misconfigured
from crossdock.kit.http import AnswerLost, Line, Response
from crossdock.kit.manifest import Call, Unreachable
from crossdock.kit.tokens import InProcessTokens
from crossdock.simulators.base import Request, Surroundings
from crossdock.simulators.portal import PortalSimulator

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "portal-callback-secret-of-48-bytes"
PUSH = PushFulfilment("PO-1", Shipment("s1", (ShippedLine("10", Decimal(2)),), NOW, (Package("TRACK-1"),)))
CALL = Call("portal1-PO-1/portal1/fulfilment.push/s1")


class Wired:
    """A portal and an ``Http`` that leads straight into it."""

    def __init__(self, secret: str = SECRET, skew_s: float = 0.0, **settings: Any) -> None:
        async def sleep(_: float) -> None: ...

        surroundings = Surroundings(lambda: NOW, sleep, Random(1), lambda _: None)
        self.simulator = PortalSimulator("portal", surroundings, **settings)
        self.lose_answers = 0
        tokens, given = InProcessTokens(lambda: 0.0), {"callback_url": "https://portal.example/told"}
        ours = NOW + timedelta(seconds=skew_s)
        self.line = Line("portal1", given, {"callback_secret": secret}, self, tokens, lambda: ours, lambda: "unique")

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        reply = await self.simulator.handle(Request(method, urlsplit(url).path, {}, dict(headers), body))
        if self.lose_answers:
            self.lose_answers -= 1
            raise AnswerLost("reset, on purpose")
        return Response(reply.status, reply.headers, reply.body)

    async def push(self, call: Call = CALL) -> Any:
        return (await CONNECTOR.operations["fulfilment.push"].send(CONNECTOR.open(self.line), PUSH, call)).outcome


async def test_an_invoice_is_told_once_although_the_answer_was_lost() -> None:
    wired = Wired()
    wired.lose_answers = 1
    publish = PublishInvoice("PO-1", Invoice("4713", "INV1", Decimal("26.00"), "EUR", NOW))
    call = Call("portal1-PO-1/portal1/invoice.publish/4713")
    operation = CONNECTOR.operations["invoice.publish"]
    with pytest.raises(AnswerLost):
        await operation.send(CONNECTOR.open(wired.line), publish, call)
    assert (await operation.send(CONNECTOR.open(wired.line), publish, call)).outcome == Done()
    assert wired.simulator.books()["invoices"] == [{"order": "PO-1", "number": "INV1"}]


async def test_a_customer_is_told_once_although_the_answer_was_lost() -> None:
    wired = Wired()
    wired.lose_answers = 2
    for _ in range(2):
        with pytest.raises(AnswerLost):
            await wired.push()
    assert await wired.push() == Done()
    books = wired.simulator.books()
    assert books["mails"] == [{"order": "PO-1", "shipment": "s1"}]
    assert (books["calls"], len(books["repeated"])) == (1, 1)


async def test_another_shipment_is_another_call() -> None:
    wired = Wired()
    await wired.push()
    await wired.push(Call("portal1-PO-1/portal1/fulfilment.push/s2"))
    assert len(wired.simulator.books()["mails"]) == 2


async def test_a_partner_that_forgets_ids_tells_twice() -> None:
    """What the class `unique` asks of a partner; the simulator can do the wrong thing."""
    wired = Wired(forgetful=True)
    await wired.push()
    await wired.push()
    assert len(wired.simulator.books()["mails"]) == 2


@pytest.mark.parametrize("settings", [{"secret": "another secret, long enough"}, {"skew_s": 301}, {"skew_s": -301}])
async def test_a_wrong_secret_or_clock_pauses_the_connection_and_tells_nobody(settings: dict[str, Any]) -> None:
    wired = Wired(**settings)
    assert isinstance(await wired.push(), Misconfigured)
    assert not wired.simulator.books()["mails"]
    assert CONNECTOR.check is not None
    with pytest.raises(Unreachable):
        await CONNECTOR.check(CONNECTOR.open(wired.line))


async def test_check_calls_with_nothing_to_tell() -> None:
    wired = Wired()
    assert CONNECTOR.check is not None
    assert "takes calls" in await CONNECTOR.check(CONNECTOR.open(wired.line))
    assert (wired.simulator.books()["calls"], wired.simulator.books()["mails"]) == (1, [])
