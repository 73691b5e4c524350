"""The stubs' answers are right: the connectors' own operations work on them, and what a vendor refuses is refused.

A rate against a stub that says yes to everything would be a rate of nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import msgspec
from benchmarks.stub_vendors import Asked, Street
from benchmarks.stub_warehouse import SENDERS, Postman

from benchmarks import load, stub_shop
from crossdock.app import connector
from crossdock.connectors.shopify import mapping, wire
from crossdock.domain.commands import BookOrder, MakeInvoice, Payload, PostShipment, PublishStock, PushFulfilment
from crossdock.domain.fulfilment import Package, Shipment, ShippedLine
from crossdock.domain.outcome import Conflict, Done, RateLimited, Rejected
from crossdock.kit.http import Line, Response
from crossdock.kit.manifest import Call, Result
from crossdock.kit.tokens import InProcessTokens

LINES = 3
ORDER = str(load.FIRST_ID + 7)
KEY = f"shop1-{ORDER}"
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
REFS = {f"SKU-{n:03d}": str(1000 + n) for n in range(1, LINES + 1)}


class Wire:
    """The way to the stubs without sockets."""

    def __init__(self, street: Street) -> None:
        self._street = street

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        head, _, answer = self._street.answer(method, path, body).partition(b"\r\n\r\n")
        status, *rest = head.decode().split("\r\n")
        told = dict(line.split(": ", 1) for line in rest)
        return Response(int(status.split()[1]), {name.lower(): text for name, text in told.items()}, answer)


def opened(street: Street, system: str, name: str, **settings: Any) -> Any:
    """The connector's client of one stub, signed in already."""
    base = f"http://stub/{name}"
    line = Line(
        connection=name,
        settings={"api_base": base, "base_url": base, "account_id": "1", **settings},
        secrets={"access_token": "t"},
        http=Wire(street),
        tokens=Known(lambda: 0.0),
        now=lambda: NOW,
        unique=lambda: "u",
    )
    return connector(system).open(line)


class Known(InProcessTokens):
    """Signing in is not what is tested."""

    async def get(self, name: str, refresh: Any) -> str:
        return "t"


async def ask(system: str, client: Any, payload: Payload, key: str = "k", tries: int = 0) -> Result:
    return await connector(system).operations[payload.purpose].send(client, payload, Call(key, tries))


def book_order() -> BookOrder:
    source = msgspec.json.decode(msgspec.json.encode(load.order(7, LINES)), type=wire.Order)
    return BookOrder(mapping.to_order("shop1", source), "9001", REFS)


def shipment(number: int, *positions: int) -> Shipment:
    ids = load.line_ids(int(ORDER), LINES)
    lines = tuple(ShippedLine(ids[at], Decimal(1), f"SKU-{at + 1:03d}") for at in positions)
    return Shipment(str(number), lines, NOW, (Package(f"1Z{number}", "UPS", lines=lines),))


def done(result: Result) -> Done:
    assert isinstance(result.outcome, Done), result.outcome
    return result.outcome


async def test_an_order_goes_all_the_way_and_each_book_agrees() -> None:
    street = Street(Asked(lines=LINES))
    erp, shop = opened(street, "netsuite", "erp"), opened(street, "shopify", "shop1")
    booking = book_order()
    ref = done(await ask("netsuite", erp, booking)).refs["salesOrder"]
    street.warehouse.orders[KEY] = [{"line_items": [{}] * LINES}]
    assert street.audit()["named"] == [f"{KEY}: 0 fulfilments and 0 invoices in the ERP"]
    for part in (shipment(1, 0, 1), shipment(2, 2)):
        done(await ask("netsuite", erp, PostShipment(KEY, ref, part, REFS)))
        done(await ask("shopify", shop, PushFulfilment(ORDER, part)))
    billed = done(await ask("netsuite", erp, MakeInvoice(KEY, ref, ("1", "2"))))
    assert Decimal(billed.facts["invoice"]["total"]) == booking.order.totals.total.shop
    assert street.audit() == {"whole": 1, "wrong": 0, "named": [], "refused": 0}


async def test_nothing_is_shipped_or_billed_twice() -> None:
    street = Street(Asked(lines=LINES))
    erp, shop = opened(street, "netsuite", "erp"), opened(street, "shopify", "shop1")
    ref = done(await ask("netsuite", erp, book_order())).refs["salesOrder"]
    part = shipment(1, 0, 1, 2)
    done(await ask("netsuite", erp, PostShipment(KEY, ref, part, REFS)))
    transform = f"/erp/services/rest/record/v1/salesOrder/{ref}/!transform/itemFulfillment"
    row = {"orderLine": 1, "itemReceive": True, "quantity": 1}
    again = msgspec.json.encode({"externalId": "another", "item": {"items": [row]}})
    assert street.answer("POST", transform, again).startswith(b"HTTP/1.1 400")
    invoice = MakeInvoice(KEY, ref, ("1",))
    done(await ask("netsuite", erp, invoice))
    assert done(await ask("netsuite", erp, invoice)).repeated, "refused by its external id, and found by it"
    assert (len(street.erp.invoices), street.erp.refused) == (1, 2)
    done(await ask("shopify", shop, PushFulfilment(ORDER, part)))
    assert done(await ask("shopify", shop, PushFulfilment(ORDER, part))).repeated
    assert isinstance((await ask("shopify", shop, PushFulfilment(ORDER, shipment(9, 0)))).outcome, Conflict)
    assert len(street.shops["shop1"].fulfilments.orders[ORDER]) == 1


def test_an_order_that_was_released_twice_is_named() -> None:
    street = Street(Asked(lines=LINES))
    street.erp._book(KEY, b'{"item":{"items":[{"item":{"id":"1"},"quantity":1,"rate":12}]}}')
    street.warehouse.orders[KEY] = [{}, {}]
    street.warehouse.orders["shop1-2"] = [{}]
    told = street.audit()
    assert (told["whole"], told["wrong"]) == (0, 2)
    assert told["named"] == [f"{KEY}: released 2 times", "shop1-2: released, never booked"]


async def test_a_level_is_compared_before_it_is_set() -> None:
    street = Street(Asked(skus=3))
    shop, item = opened(street, "shopify", "shop1"), str(stub_shop.FIRST_ITEM + 2)
    first = PublishStock("SKU-00002", stub_shop.LOCATION, 9, 1)
    assert done(await ask("shopify", shop, first, "a")).refs == {"inventoryItem": item}
    second = PublishStock("SKU-00002", stub_shop.LOCATION, 8, 2, 9, item)
    for _ in range(2):
        done(await ask("shopify", shop, second, "same"))
    stale = await ask("shopify", shop, PublishStock("SKU-00002", stub_shop.LOCATION, 4, 3, 9, item), "b")
    assert isinstance(stale.outcome, Conflict)
    missing = await ask("shopify", shop, PublishStock("SKU-00009", stub_shop.LOCATION, 4, 1), "c")
    assert isinstance(missing.outcome, Rejected)
    told = street.levels()
    assert told["shown"] == {"SKU-00000": 0, "SKU-00001": 0, "SKU-00002": 8}
    assert (told["writes"], told["repeated"], told["refused"], told["stale"]) == (2, 1, 1, 0)


async def test_an_older_number_over_a_newer_one_is_noted() -> None:
    street = Street(Asked(skus=1))
    shop, item = opened(street, "shopify", "shop1"), str(stub_shop.FIRST_ITEM)
    for key, version, expected in (("a", 1, 0), ("b", 3, 5), ("c", 2, 5)):
        done(await ask("shopify", shop, PublishStock("SKU-00000", stub_shop.LOCATION, 5, version, expected, item), key))
    assert street.levels()["stale"] == 1


async def test_a_shop_that_counts_points_refuses_when_they_are_spent() -> None:
    street = Street(Asked(skus=1, points_per_s=0.001))
    shop, meter = opened(street, "shopify", "shop1"), street.shops["shop1"].meter
    meter.left = float(stub_shop.READ_POINTS)
    refused = await ask("shopify", shop, PublishStock("SKU-00000", stub_shop.LOCATION, 5, 1))
    assert isinstance(refused.outcome, RateLimited), "the level was read, and nothing was left to set it with"
    assert street.levels()["throttled"] == 1


def test_a_webhook_waits_until_a_socket_takes_it() -> None:
    postman = Postman("http://127.0.0.1:1/in/shiphero/warehouse1", "s")
    postman._sockets = SENDERS  # all of them busy
    postman.send("shipment-1", b"{}")
    sender = Sender()
    postman.free(sender)  # type: ignore[arg-type]
    [request] = sender.sent
    head, _, body = request.partition(b"\r\n\r\n")
    verify = connector("shiphero").webhook
    assert verify is not None
    headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    proof = next(line for line in head.decode().split("\r\n") if line.lower().startswith("x-shiphero-hmac"))
    verify.verify({**headers, "x-shiphero-hmac-sha256": proof.split(": ", 1)[1]}, body, ["s"])


class Sender:
    under_way: bytes | None = None

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, request: bytes) -> None:
        self.sent.append(request)
