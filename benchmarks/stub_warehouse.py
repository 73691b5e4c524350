"""A ShipHero that takes orders and ships each in two shipments, telling each by a signed webhook."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import msgspec
from benchmarks.load import content_length

TOKEN = b'{"access_token":"bench","expires_in":86400}'
PICKING_S = 0.05  # from the order to its first shipment, and from that to the second
SENDERS = 16  # sockets, each with one webhook at a time
AGAIN_S = 0.5  # before what was not acknowledged is told again
_PAGE = {"hasNextPage": False, "endCursor": None}
_encode = msgspec.json.Encoder().encode


class Warehouse:
    """The orders, by the key they were given under. The same one twice is two orders, as with the vendor."""

    def __init__(self, webhooks: str, secret: str) -> None:
        self.orders: dict[str, list[dict[str, Any]]] = {}
        self.shipments = 0
        self._last = 0
        self._postman = Postman(webhooks, secret)

    def ask(self, path: str, body: bytes) -> bytes:
        """The answer to signing in, or to one GraphQL request."""
        if "/auth/" in path:
            return TOKEN
        asked = msgspec.json.decode(body)
        name, given = asked["query"].partition("(")[0], asked["variables"]
        if name == "mutation ReleaseOrder":
            made = self._take(given["data"])
            return _encode({"data": {"order_create": {"request_id": "r", "complexity": 5, "order": made}}})
        if name == "query FindOrder":
            found = [{"node": self._ref(order)} for order in self.orders.get(given["partner"], ())]
            return _encode({"data": {"orders": {"data": {"edges": found}}}})
        if name in ("query Shipments", "query Changed"):
            field = "shipments" if name == "query Shipments" else "orders"
            return _encode({"data": {field: {"data": {"pageInfo": _PAGE, "edges": []}}}})
        return _encode({"errors": [{"message": f"unknown document {name}", "code": 1}]})

    def _take(self, given: dict[str, Any]) -> dict[str, Any]:
        self._last += 1
        order = {"id": f"T3JkZXI6{self._last}", "legacy_id": self._last, **given}
        self.orders.setdefault(given["partner_order_id"], []).append(order)
        lines = given["line_items"]
        middle = (len(lines) + 1) // 2
        loop = asyncio.get_running_loop()
        for nth, part in enumerate(filter(None, (lines[:middle], lines[middle:])), 1):
            loop.call_later(PICKING_S * nth, self._ship, order, nth, part)
        return self._ref(order)

    @staticmethod
    def _ref(order: dict[str, Any]) -> dict[str, Any]:
        named = {"id": order["id"], "legacy_id": order["legacy_id"], "partner_order_id": order["partner_order_id"]}
        return {**named, "fulfillment_status": "pending"}

    def _ship(self, order: dict[str, Any], nth: int, lines: list[dict[str, Any]]) -> None:
        self.shipments += 1
        number, name = order["legacy_id"] * 10 + nth, f"1Z{order['legacy_id']:012d}{nth}"
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        items = [
            {
                "id": line["partner_line_item_id"],
                "quantity": line["quantity"],
                "sku": line["sku"],
                "package": "Package #1",
            }
            for line in lines
        ]
        fulfilment = {
            "shipment_id": number,
            "warehouse_id": 76733,
            "partner_order_id": order["partner_order_id"],
            "order_uuid": order["id"],
            "tracking_number": name,
            "line_items": items,
            "created_at": at,
        }
        label = {"tracking_url": f"https://track.example/{name}"}
        package = {"name": "Package #1", "tracking_number": name, "shipping_carrier": "UPS", "shipping_label": label}
        told = {"webhook_type": "Shipment Update", "fulfillment": fulfilment, "packages": [package]}
        self._postman.send(f"shipment-{number}", _encode(told))


class Postman:
    """A few sockets to intake, each with one webhook at a time; what is not acknowledged is sent again.

    Opened when the first one is to be sent: intake is started after the vendors.
    """

    def __init__(self, url: str, secret: str) -> None:
        self._to, self._secret = urlsplit(url), secret.encode()
        self._place = self._to.hostname or "127.0.0.1", self._to.port or 80
        self._waiting: deque[bytes] = deque()
        self._idle: list[_Sender] = []
        self._sockets = 0

    def send(self, name: str, body: bytes) -> None:
        signature = base64.b64encode(hmac.digest(self._secret, body, hashlib.sha256)).decode()
        head = (
            f"POST {self._to.path} HTTP/1.1\r\nHost: {self._to.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-ShipHero-Message-ID: {name}\r\n"
            f"X-ShipHero-Hmac-Sha256: {signature}\r\n\r\n"
        )
        self.again(head.encode() + body)

    def again(self, request: bytes) -> None:
        """Queue it; whoever is idle takes it, or a socket more is opened."""
        self._waiting.append(request)
        if self._idle:
            self.free(self._idle.pop())
        elif self._sockets < SENDERS:
            self._sockets += 1
            loop = asyncio.get_running_loop()
            opening = loop.create_task(loop.create_connection(lambda: _Sender(self), *self._place))
            opening.add_done_callback(self._opened)

    def _opened(self, opening: "asyncio.Task[Any]") -> None:
        if not opening.cancelled() and opening.exception() is not None:
            self.closed(None)

    def free(self, sender: "_Sender") -> None:
        if self._waiting:
            sender.send(self._waiting.popleft())
        else:
            self._idle.append(sender)

    def closed(self, sender: "_Sender | None") -> None:
        """A socket ended, with what it had under way still to be told."""
        self._sockets -= 1
        if sender in self._idle:
            self._idle.remove(sender)
        under_way = sender.under_way if sender is not None else None
        if under_way is None and self._waiting:
            under_way = self._waiting.popleft()
        if under_way is not None:
            asyncio.get_running_loop().call_later(AGAIN_S, self.again, under_way)


class _Sender(asyncio.Protocol):
    """One keep-alive socket to intake."""

    def __init__(self, postman: Postman) -> None:
        self._postman = postman
        self._transport: Any = None
        self._answer = b""
        self.under_way: bytes | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._postman.free(self)

    def send(self, request: bytes) -> None:
        self.under_way = request
        self._transport.write(request)

    def data_received(self, answered: bytes) -> None:
        self._answer += answered
        head, found, rest = self._answer.partition(b"\r\n\r\n")
        if not found or len(rest) < content_length(head):
            return
        request, self.under_way, self._answer = self.under_way, None, b""
        if request is not None and not 200 <= int(head[9:12]) < 300:
            asyncio.get_running_loop().call_later(AGAIN_S, self._postman.again, request)
        self._postman.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._postman.closed(self)
