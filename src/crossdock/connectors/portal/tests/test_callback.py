"""The callback is signed, repeats its id, and is believed only when the answer does too."""

import asyncio
import hmac
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.connectors.portal import CONNECTOR
from crossdock.domain.commands import PublishStock, PushFulfilment, PushReturn
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.outcome import Done, Misconfigured, OutcomeUnknown
from crossdock.domain.receipt import Receipt, ReceivedRow
from crossdock.kit.http import Line, Response
from crossdock.kit.manifest import Call, Result

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "a secret of more than 24 characters"
PUSH = PushFulfilment("PO-1", Shipment("s1", (ShippedLine("10", Decimal(2)),), NOW, (Package("TRACK-1"),)))
CALL = Call("portal1-PO-1/portal1/fulfilment.push/s1")


class Callback:
    """A portal's callback that answers with the id it was called with, unless told otherwise."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.answer, self.asked = answer, list[tuple[Mapping[str, str], bytes]]()

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        assert (method, url) == ("POST", "https://portal.example/told")
        self.asked.append((headers, body))
        told = msgspec.json.encode({"received": headers["webhook-id"]}) if self.answer is None else self.answer
        return Response(200, {"content-type": "application/json"}, told)


STOCK = PublishStock("SKU-1", "web", 7, 3, 9)


def push(
    callback: Callback,
    secret: str = SECRET,
    url: str = "https://portal.example/told",
    payload: PushFulfilment | PublishStock | PushReturn = PUSH,
) -> Any:
    line = Line("portal1", {"callback_url": url}, {"callback_secret": secret}, callback, None, lambda: NOW, lambda: "u")  # type: ignore[arg-type]

    async def send() -> Result:
        return await CONNECTOR.operations[payload.purpose].send(CONNECTOR.open(line), payload, CALL)

    return asyncio.run(send()).outcome


def test_a_call_is_signed_over_id_time_and_body_and_repeats_its_id() -> None:
    callback = Callback()
    assert push(callback) == Done()
    assert push(callback) == Done()
    (headers, body), (again, _) = callback.asked
    assert headers["webhook-id"] == again["webhook-id"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    version, _, digest = headers["webhook-signature"].partition(",")
    assert (version, b64decode(digest)) == ("v1", hmac.digest(SECRET.encode(), signed, "sha256"))
    told = msgspec.json.decode(body)
    assert (told["external_id"], told["shipment"]["packages"][0]["tracking_number"]) == ("PO-1", "TRACK-1")


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b'{"received":"another"}', b"[]"])
def test_a_200_that_does_not_name_the_call_leaves_it_unknown(answer: bytes) -> None:
    assert isinstance(push(Callback(answer)), OutcomeUnknown)


def test_without_a_secret_nothing_leaves() -> None:
    callback = Callback()
    assert isinstance(push(callback, "short"), Misconfigured)
    assert not callback.asked


def test_a_portal_without_a_callback_is_told_nothing() -> None:
    callback = Callback()
    outcome = push(callback, url="")
    assert isinstance(outcome, Done)
    assert not callback.asked


def test_stock_is_told_as_an_absolute_number_with_its_version() -> None:
    callback = Callback()
    assert push(callback, payload=STOCK) == Done()
    told = msgspec.json.decode(callback.asked[0][1])
    assert told == {"type": "stock.level", "sku": "SKU-1", "location": "web", "available": 7, "version": 3}
    assert isinstance(push(Callback(b"{}"), payload=STOCK), OutcomeUnknown)


def test_a_portal_that_asks_for_stock_is_told_none() -> None:
    callback = Callback()
    assert isinstance(push(callback, url="", payload=STOCK), Done)
    assert not callback.asked


def test_what_came_back_is_told_whole_with_its_version() -> None:
    row = ReceivedRow("1", Decimal(2), Decimal(1), "10", "SKU-1")
    payload = PushReturn("PO-1", Receipt("R-1", (row,), None, True), "portal1-PO-1-R1", 3)
    callback = Callback()
    assert push(callback, payload=payload) == Done()
    assert msgspec.json.decode(callback.asked[0][1]) == {
        "type": "order.returned",
        "external_id": "PO-1",
        "number": "portal1-PO-1-R1",
        "version": 3,
        "finished": True,
        "lines": [{"id": "10", "sku": "SKU-1", "received": "2", "restocked": "1"}],
    }
    assert isinstance(push(Callback(b"{}"), payload=payload), OutcomeUnknown)
    assert isinstance(push(Callback(), url="", payload=payload), Done)
