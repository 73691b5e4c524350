"""A simulated store, a client in front of it, and switches for what the line between them does."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from crossdock.connectors.shopify import CONNECTOR
from crossdock.connectors.shopify.client import Client
from crossdock.domain.commands import Payload
from crossdock.kit.http import AnswerLost, Line, Response
from crossdock.kit.manifest import Call, Identity, Result
from crossdock.kit.tokens import InProcessTokens
from crossdock.simulators.base import Deliver, Request, Surroundings
from crossdock.simulators.shopify import ShopifySimulator

CALL = Call("shop1-1/shop1/fulfilment.push/S1")


class Shop:
    """The store with its clock, its outgoing webhooks, and a client that speaks to it without a socket."""

    def __init__(self, **settings: Any) -> None:
        self.at = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
        self.sent: list[Deliver] = []
        self.answers: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.lose: set[int] = set()  # which mutations lose their answer, counted from 1
        self.mutations = 0
        around = Surroundings(lambda: self.at, _no_sleep, Random(7), self.sent.append)
        defaults: dict[str, Any] = {"webhook_url": "http://127.0.0.1:1/in/shopify/shop1", "maximum": 1e9}
        self.sim = ShopifySimulator("shop1", around, **{**defaults, **settings})
        self.settings: dict[str, Any] = {"shop_domain": "simulated.myshopify.com"}

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    @property
    def client(self) -> Client:
        secrets = {"access_token": "simulated-token", "webhook_secret": "simulated-secret"}
        line = Line("shop1", self.settings, secrets, self, InProcessTokens(lambda: 0.0), lambda: self.at, lambda: "u")
        client: Client = CONNECTOR.open(line)
        return client

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        path = "/" + url.split("/", 3)[3]
        reply = await self.sim.handle(Request(method, path, {}, dict(headers), body))
        asked = msgspec.json.decode(body)
        if reply.status == 200 and "query" in asked:
            self.answers.append((asked["query"], asked["variables"], msgspec.json.decode(reply.body)))
        if b"mutation" in body:
            self.mutations += 1
            if self.mutations in self.lose:
                raise AnswerLost("reset by peer")
        return Response(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.body)

    async def do(self, payload: Payload) -> Result:
        return await CONNECTOR.operations[payload.purpose].send(self.client, payload, CALL)

    async def look_up(self, payload: Payload) -> Result | None:
        look_up = CONNECTOR.operations[payload.purpose].look_up
        assert look_up is not None
        return await look_up(self.client, payload, CALL)

    def identities(self) -> list[tuple[Identity, bytes]]:
        """Every webhook sent so far, proven and named as intake does it."""
        assert CONNECTOR.webhook is not None
        found = []
        for delivery in self.sent:
            headers = {name.lower(): value for name, value in delivery.headers.items()}
            CONNECTOR.webhook.verify(headers, delivery.body, ("simulated-secret",))
            found.append((CONNECTOR.webhook.identify("shop1", headers, delivery.body), delivery.body))
        return found


async def _no_sleep(seconds: float) -> None:
    raise AssertionError("the store waits for nothing")


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def make_shop() -> type[Shop]:
    return Shop
