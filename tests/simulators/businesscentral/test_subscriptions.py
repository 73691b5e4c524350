"""Notifications: subscribed, validated, renewed in time, proven by our word, and read back."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.simulators.businesscentral.door import Setup

from crossdock.connectors.businesscentral import CONNECTOR
from crossdock.connectors.businesscentral.tests.orders import PLACED, SKUS, booking, plain_order
from crossdock.connectors.businesscentral.webhook import client_state
from crossdock.domain.commands import MakeInvoice, PostShipment, ReadBack
from crossdock.domain.events import InvoiceSeen, SignalSeen
from crossdock.domain.fulfilment import Shipment, ShippedLine
from crossdock.domain.outcome import Done, Misconfigured, RateLimited, Rejected, RetryLater
from crossdock.kit.manifest import Call, Refused, Unreachable, Untranslatable
from crossdock.simulators.base import Deliver

URL = "https://orders.example/in/businesscentral/erp"
SECRET = "a-long-random-word"


class Told(Setup):
    """A company that notifies us; ``greets``: whether our address answers."""

    def __init__(self, extra: dict[str, Any] | None = None) -> None:
        super().__init__({"public_url": URL, **(extra or {})}, notify_s=30.0)
        self.secrets = {**self.secrets, "webhook_secret": SECRET}
        self.sent: list[Deliver] = []
        self.asked: list[str] = []
        self.greets = True
        around = self.company._world
        self.company._world = msgspec.structs.replace(around, send=self.sent.append, ask=self._ask)

    async def _ask(self, delivery: Deliver) -> tuple[int, bytes]:
        self.asked.append(delivery.url)
        token = delivery.url.partition("validationToken=")[2].encode()
        return (200, token) if self.greets else (401, b"who are you?")

    async def keep_up(self) -> str:
        return (await CONNECTOR.polls["subscriptions"].run(self.client(), None, {})).cursor

    async def told(self) -> list[Deliver]:
        self.clock.forward(seconds=31)
        await self.company.tick()
        found, self.sent[:] = list(self.sent), []
        return found


async def billed(setup: Setup, external_id: str = "1001") -> Decimal:
    order, call, client, operations = (
        plain_order(external_id=external_id),
        Call("k"),
        setup.client(),
        CONNECTOR.operations,
    )
    outcome = (await operations["order.book"].send(client, booking(order), call)).outcome
    assert isinstance(outcome, Done)
    ref = outcome.refs["salesOrder"]
    lines = tuple(ShippedLine(line.id, line.quantity, line.sku) for line in order.lines)
    for command in (PostShipment(order.key, ref, Shipment("S", lines, PLACED), SKUS), MakeInvoice(order.key, ref)):
        assert isinstance((await operations[command.purpose].send(client, command, call)).outcome, Done)
    return order.totals.total.shop


async def test_it_subscribes_once_and_renews_in_time() -> None:
    setup = Told()
    assert await setup.keep_up() == "subscribed anew"
    (one,) = setup.company.subscriptions.standing.values()
    assert (one.url, one.state) == (URL, client_state(SECRET))
    assert SECRET not in one.state
    assert setup.asked[0].startswith(f"{URL}?validationToken=")
    assert await setup.keep_up() == "1 subscribed, 0 of them renewed"
    setup.clock.forward(hours=37)
    assert await setup.keep_up() == "1 subscribed, 1 of them renewed"
    (one,) = setup.company.subscriptions.standing.values()
    assert one.ends == setup.clock.at + timedelta(days=3)
    assert len(setup.asked) == 2


async def test_one_that_has_ended_is_subscribed_anew() -> None:
    setup = Told()
    await setup.keep_up()
    setup.clock.forward(days=3, minutes=1)
    await billed(setup)
    assert await setup.told() == []
    assert await setup.keep_up() == "subscribed anew"


async def test_an_address_that_does_not_answer_is_told_as_the_polls_failure() -> None:
    setup = Told()
    setup.greets = False
    with pytest.raises(Unreachable, match="validation token"):
        await setup.keep_up()
    assert not setup.company.subscriptions.standing
    setup.company.concurrency = 0
    with pytest.raises(Unreachable):
        await setup.keep_up()


async def test_without_an_address_or_a_secret_it_is_off() -> None:
    assert (await Told({"public_url": None}).keep_up()).startswith("off")
    setup = Told()
    del setup.secrets["webhook_secret"]
    assert (await setup.keep_up()).startswith("off")
    assert not setup.door.sent


async def test_a_notification_is_proven_named_and_read_back() -> None:
    setup = Told()
    await setup.keep_up()
    totals = [await billed(setup, f"10{n}") for n in range(3)]
    (delivery,) = await setup.told()
    assert len(json.loads(delivery.body)["value"]) == 3
    webhook = CONNECTOR.webhook
    assert webhook is not None
    webhook.verify({}, delivery.body, ["", "new", SECRET])
    with pytest.raises(Refused):
        webhook.verify({}, delivery.body, ["another"])
    identity = webhook.identify("erp", {}, delivery.body)
    assert (identity.topic, identity.stream_kind, identity.stream_key) == (
        "notification",
        "signal",
        "erp:salesInvoices",
    )
    (signal,) = CONNECTOR.translate("erp", identity.topic, delivery.body)
    assert isinstance(signal, SignalSeen)
    read = await CONNECTOR.operations["read_back"].send(
        setup.client(), ReadBack(signal.kind, signal.external_id), Call("k")
    )
    assert read.outcome == Done()
    assert sorted(follow.stream_key for follow in read.follows) == ["shop1-100", "shop1-101", "shop1-102"]
    assert {follow.stream_kind for follow in read.follows} == {"order"}
    invoices = [follow.event.invoice for follow in read.follows if isinstance(follow.event, InvoiceSeen)]
    assert [invoice.total for invoice in invoices] == totals
    assert await setup.told() == []  # told once


async def test_it_is_read_from_the_primary() -> None:
    setup = Told()
    await billed(setup)
    setup.company.faults.search_lag_s = 600.0
    since = (setup.clock.at - timedelta(minutes=1)).isoformat()
    read = await CONNECTOR.operations["read_back"].send(setup.client(), ReadBack("salesInvoices", since), Call("k"))
    assert [follow.stream_key for follow in read.follows] == ["shop1-1001"]


@pytest.mark.parametrize(
    ("kind", "since", "expected"),
    [("order", "1", Rejected), ("salesInvoices", "yesterday", Rejected), ("salesInvoices", None, RateLimited)],
)
async def test_what_cannot_be_read_back_is_said_so(kind: str, since: str | None, expected: type[Any]) -> None:
    setup = Told()
    if expected is RateLimited:
        setup.company.concurrency = 0
    payload = ReadBack(kind, since or setup.clock.at.isoformat())
    outcome = (await CONNECTOR.operations["read_back"].send(setup.client(), payload, Call("k"))).outcome
    assert isinstance(outcome, expected)
    assert not isinstance(outcome, RetryLater | Misconfigured)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"value":[]}', b'{"value":[{}]}', b'{"value":7}', b"\xff", b"[" * 20_000,
        b'{"value":[{"clientState":"x"},{"clientState":null}]}',
    ],
)  # fmt: skip
def test_what_is_no_notification_of_ours_is_refused(body: bytes) -> None:
    webhook = CONNECTOR.webhook
    assert webhook is not None
    with pytest.raises(Refused):
        webhook.verify({}, body, [SECRET])
    with pytest.raises(Refused):
        webhook.identify("erp", {}, body)
    with pytest.raises(Untranslatable):
        CONNECTOR.translate("erp", "notification", body)


def test_every_notification_of_a_body_must_be_proven() -> None:
    webhook = CONNECTOR.webhook
    assert webhook is not None
    good, bad = {"clientState": client_state(SECRET)}, {"clientState": client_state("other")}
    webhook.verify({}, msgspec.json.encode({"value": [good, good]}), [SECRET])
    for notes in ([good, bad], [bad], [good, {"clientState": ""}]):
        with pytest.raises(Refused):
            webhook.verify({}, msgspec.json.encode({"value": notes}), [SECRET])
    with pytest.raises(Refused):
        webhook.verify({}, msgspec.json.encode({"value": [{"clientState": client_state("")}]}), ["", SECRET])


@pytest.mark.parametrize("body", [{"resource": "/api/v2.0/companies(x)/salesInvoices"}, {"notificationUrl": "here"}])
async def test_the_company_takes_only_what_it_can_tell_of(body: dict[str, str]) -> None:
    setup = Told()
    company = setup.settings["company_id"]
    good = {"notificationUrl": URL, "resource": f"/api/v2.0/companies({company})/salesInvoices", "clientState": "x"}
    client = setup.client()
    wrong = {**good, **body}
    with pytest.raises(Exception, match="Rejected"):
        await client.subscribe(wrong["resource"], wrong["notificationUrl"], "x")
    assert not setup.company.subscriptions.standing
