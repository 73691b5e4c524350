"""A simulated seller's account, a client in front of it, and switches for what the line between them does."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import pytest

from crossdock.connectors.amazon import CONNECTOR
from crossdock.connectors.amazon.client import Client
from crossdock.domain.commands import Payload
from crossdock.kit.http import AnswerLost, Line, Response
from crossdock.kit.manifest import Call, Found, Result
from crossdock.kit.tokens import InProcessTokens
from crossdock.simulators.amazon import AmazonSimulator
from crossdock.simulators.base import Request, Surroundings

BASE, QUEUE = "http://amazon.test", "http://amazon.test/123456789012/order-changes"


class Seen(msgspec.Struct, frozen=True):
    """One call as it went by, sign-in left out."""

    request: Request
    status: int
    headers: dict[str, str]
    body: bytes


class Seller:
    """The account with its clock, and a client that speaks to it without a socket."""

    def __init__(self, **settings: Any) -> None:
        self.at = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
        self.seen: list[Seen] = []
        self.sign_ins = 0
        self.lose: set[int] = set()  # which confirmations lose their answer, counted from 1
        self.confirmations = 0
        self.lost_patches = self.lost_reads = self.skip_reads = 0  # of listings: answers to lose, after so many
        self.ahead = timedelta(0)  # by which our clock is ahead of Amazon's
        around = Surroundings(lambda: self.at, _no_sleep, Random(7), _no_webhook)
        defaults: dict[str, Any] = {"queue_url": QUEUE, "behind_s": 0.0, "plan": 1e6}
        self.sim = AmazonSimulator("amazon", around, **{**defaults, **settings})
        self.settings: dict[str, Any] = {
            "client_id": "amzn1.application-oa2-client.simulated",
            "api_base": BASE,
            "auth_url": f"{BASE}/auth/o2/token",
            "queue_url": QUEUE,
            "aws_region": "us-east-1",
            "aws_access_key_id": "AKIASIMULATED",
        }
        self.secrets = {
            "client_secret": "simulated-secret",
            "refresh_token": "Atzr|simulated",
            "aws_secret_access_key": "simulated-aws-secret",
        }
        self.tokens = InProcessTokens(lambda: self.at.timestamp())

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    @property
    def client(self) -> Client:
        now = lambda: self.at + self.ahead  # noqa: E731
        watch = lambda: self.at.timestamp()  # noqa: E731
        line = Line("amazon", self.settings, self.secrets, self, self.tokens, now, lambda: "u", watch)
        client: Client = CONNECTOR.open(line)
        return client

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        parts = urlsplit(url)
        asked = Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), dict(headers), body)
        reply = await self.sim.handle(asked)
        told = {name.lower(): value for name, value in reply.headers.items()}
        if asked.path.startswith("/auth/"):
            self.sign_ins += 1
        else:
            self.seen.append(Seen(asked, reply.status, told, reply.body))
        if asked.path.endswith("/shipmentConfirmation"):
            self.confirmations += 1
            if self.confirmations in self.lose:
                raise AnswerLost("reset by peer")
        if asked.path.startswith("/listings/"):
            self._lose_some(method)
        return Response(reply.status, told, reply.body)

    def _lose_some(self, method: str) -> None:
        if method == "PATCH" and self.lost_patches:
            self.lost_patches -= 1
            raise AnswerLost("reset by peer")
        if method == "GET" and self.skip_reads:
            self.skip_reads -= 1
        elif method == "GET" and self.lost_reads:
            self.lost_reads -= 1
            raise AnswerLost("reset by peer")

    async def do(self, payload: Payload, tries: int = 0) -> Result:
        return await CONNECTOR.operations[payload.purpose].send(self.client, payload, _call(tries))

    async def look_up(self, payload: Payload) -> Result | None:
        look_up = CONNECTOR.operations[payload.purpose].look_up
        assert look_up is not None
        return await look_up(self.client, payload, _call(1))

    def place(self, **wish: Any) -> str:
        (order_id,) = self.sim.act("place_order", wish)["ids"]
        return str(order_id)

    def entry(self, order_id: str) -> dict[str, Any]:
        return next(one for one in self.sim.books()["orders"] if one["id"] == order_id)

    async def poll(self, name: str, cursor: str | None = None, **options: Any) -> tuple[list[Found], str]:
        """One whole run of a poll."""
        found: list[Found] = []
        for _ in range(100):
            page = await CONNECTOR.polls[name].run(self.client, cursor, options)
            found += page.found
            cursor = page.cursor
            if not page.more:
                return found, cursor
        raise AssertionError("the poll does not end")


def _call(tries: int) -> Call:
    return Call("amazon-1/amazon/fulfilment.push/S1", tries)


async def _no_sleep(seconds: float) -> None:
    raise AssertionError("the account waits for nothing")


def _no_webhook(delivery: Any) -> None:
    raise AssertionError("Amazon sends no webhooks")


@pytest.fixture
def seller() -> Seller:
    return Seller()


@pytest.fixture
def make_seller() -> type[Seller]:
    return Seller
