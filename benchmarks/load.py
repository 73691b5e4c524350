"""A load generator that costs little itself: raw asyncio sockets, keep-alive, one request at a time per socket.

    python -m benchmarks.load http://127.0.0.1:8480/in/shopify/shop1 --secret s3cret --count 60000 --connections 64

sends that many distinct, signed order webhooks and prints rate and latencies. ``run`` is what the other benchmarks
use: it takes whole requests as bytes, made beforehand, so that nothing but sockets is measured.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop

FIRST_ID = 6_000_000_000_000  # the made-up order number n has the id FIRST_ID + n


class Report(msgspec.Struct, frozen=True):
    """What a run measured. Latencies in ms, from the request's last byte written to its answer's last byte read; in
    an open-loop run from the moment it should have been sent."""

    count: int
    seconds: float
    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    statuses: dict[int, int]
    broken: int  # sockets that closed with a request on them


class _Run:
    """What all sockets of one run share."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.requests = requests
        self.latencies: list[float] = []
        self.acknowledged: dict[int, float] = {}  # position of the request -> when its 2xx was read
        self.statuses: Counter[int] = Counter()
        self.broken = 0
        self.open = 0
        self.finished = asyncio.get_running_loop().create_future()

    def left(self) -> None:
        self.open -= 1
        if self.open == 0 and not self.finished.done():
            self.finished.set_result(None)


class _Socket(asyncio.Protocol):
    """One keep-alive connection. ``closed`` runs send at once after each answer; open-loop runs call ``send``."""

    def __init__(self, run: _Run, *, closed: bool, idle: Callable[["_Socket"], None] | None = None) -> None:
        self._run, self._closed, self._idle = run, closed, idle
        self._buffer = b""
        self._started = 0.0
        self._position = -1
        self._busy = False
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._run.open += 1
        if self._closed:
            self._next()

    def send(self, request: bytes, started: float, position: int = -1) -> None:
        self._started, self._busy, self._position = started, True, position
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0 or len(buffer) < end + 4 + content_length(buffer[:end]):
            self._buffer = buffer
            return
        self._buffer, self._busy = b"", False
        now, status = time.perf_counter(), int(buffer[9:12])
        self._run.latencies.append(now - self._started)
        self._run.statuses[status] += 1
        if 200 <= status < 300:
            self._run.acknowledged[self._position] = now
        if self._closed:
            self._next()
        elif self._idle is not None:
            self._idle(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._run.broken += self._busy
        self._run.left()

    def _next(self) -> None:
        request = next(self._run.requests, None)
        if request is None:
            self.transport.close()
        else:
            self.send(request, time.perf_counter())


def content_length(head: bytes) -> int:
    """Of an HTTP/1.1 head; 0 where it tells none."""
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def run(host: str, port: int, requests: Sequence[bytes], connections: int = 64) -> Report:
    """Send all requests as fast as ``connections`` sockets get answers (closed loop)."""
    shared = _Run(iter(requests))
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    for _ in range(min(connections, len(requests))):
        await loop.create_connection(lambda: _Socket(shared, closed=True), host, port)
    await shared.finished
    return _report(shared, time.perf_counter() - started)


async def run_at(host: str, port: int, requests: Sequence[bytes], per_s: float, connections: int = 64) -> Report:
    """Send at a steady rate whatever the answers do (open loop); a request waits when all sockets are busy."""
    return (await _run_at(host, port, requests, per_s, connections))[0]


async def run_stamped(
    host: str, port: int, requests: Sequence[bytes], per_s: float, connections: int = 64
) -> list[float]:
    """The same, returning for each request when its 2xx was read (``time.perf_counter``: the machine's monotonic
    clock on Linux). Raises ``RuntimeError`` when one was not acknowledged."""
    _, shared = await _run_at(host, port, requests, per_s, connections)
    if len(shared.acknowledged) != len(requests):
        raise RuntimeError(f"{len(requests) - len(shared.acknowledged)} requests were not acknowledged")
    return [shared.acknowledged[position] for position in range(len(requests))]


async def _run_at(
    host: str, port: int, requests: Sequence[bytes], per_s: float, connections: int
) -> tuple[Report, "_Run"]:
    shared = _Run(iter(()))
    loop = asyncio.get_running_loop()
    idle: asyncio.Queue[_Socket] = asyncio.Queue()
    sockets = []
    for _ in range(connections):
        _, made = await loop.create_connection(lambda: _Socket(shared, closed=False, idle=idle.put_nowait), host, port)
        idle.put_nowait(made)
        sockets.append(made)
    started = time.perf_counter()
    for number, request in enumerate(requests):
        due = started + number / per_s
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        (await idle.get()).send(request, due, number)
    for _ in range(connections):
        (await idle.get()).transport.close()
    seconds = time.perf_counter() - started
    await shared.finished
    return _report(shared, seconds), shared


def _report(run: _Run, seconds: float) -> Report:
    ordered = sorted(run.latencies) or [0.0]

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 3)

    done = len(run.latencies)
    return Report(
        done, round(seconds, 3), round(done / seconds, 1), at(0.5), at(0.95), at(0.99), at(1.0),
        dict(run.statuses), run.broken,
    )  # fmt: skip


def signed(url: str, secret: str, bodies: Iterator[tuple[str, bytes]], topic: str = "orders/create") -> Iterator[bytes]:
    """Whole HTTP requests as a Shopify shop would sign and send them. ``bodies``: (webhook id, body)."""
    parts = urlsplit(url)
    for name, body in bodies:
        proof = base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()
        head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Shopify-Topic: {topic}\r\nX-Shopify-Hmac-Sha256: {proof}\r\n"
            f"X-Shopify-Shop-Domain: acme.myshopify.com\r\nX-Shopify-API-Version: 2026-10\r\n"
            f"X-Shopify-Webhook-Id: {name}\r\nX-Shopify-Event-Id: {name}\r\n"
            "X-Shopify-Triggered-At: 2026-11-01T10:00:00.000000000Z\r\n\r\n"
        )
        yield head.encode() + body


def orders(start: int = 1, lines: int = 2) -> Iterator[tuple[str, bytes]]:
    """Made-up orders of about 3 KB, each with its own ids: (webhook id, body)."""
    for number in count(start):
        yield f"hook-{number:012d}", json.dumps(order(number, lines), separators=(",", ":")).encode()


def order(number: int, lines: int) -> dict[str, Any]:
    """One order as a Shopify webhook tells it, cut to the fields that matter."""
    ordered = [_line(number, position) for position in range(lines)]
    total = f"{12 * lines}.00"
    address = {
        "first_name": "Ada", "last_name": "Example", "address1": f"{number % 900 + 1} Sample Street",
        "address2": None, "city": "Springfield", "zip": "12345", "province": "Illinois", "country": "United States",
        "phone": None, "company": None, "country_code": "US", "province_code": "IL", "name": "Ada Example",
    }  # fmt: skip
    return {
        "id": FIRST_ID + number, "admin_graphql_api_id": f"gid://shopify/Order/{FIRST_ID + number}",
        "name": f"#{number}", "order_number": number, "test": False, "currency": "USD", "presentment_currency": "USD",
        "created_at": "2026-11-01T10:00:00-05:00", "updated_at": "2026-11-01T10:00:00-05:00",
        "processed_at": "2026-11-01T10:00:00-05:00", "cancelled_at": None, "closed_at": None,
        "financial_status": "paid", "fulfillment_status": None, "taxes_included": False, "tags": "", "note": None,
        "email": f"ada{number}@example.com", "contact_email": f"ada{number}@example.com", "phone": None,
        "customer": {"id": 7_000_000_000_000 + number, "email": f"ada{number}@example.com", "first_name": "Ada"},
        "total_price": total, "subtotal_price": total, "total_tax": "0.00", "total_discounts": "0.00",
        "total_line_items_price": total, "total_price_set": _both(total), "subtotal_price_set": _both(total),
        "total_tax_set": _both("0.00"), "total_discounts_set": _both("0.00"),
        "total_shipping_price_set": _both("0.00"), "current_total_price_set": _both(total),
        "line_items": ordered, "shipping_lines": [], "tax_lines": [], "discount_applications": [],
        "discount_codes": [], "refunds": [], "fulfillments": [], "billing_address": address,
        "shipping_address": address, "payment_gateway_names": ["shopify_payments"], "source_name": "web",
    }  # fmt: skip


def line_ids(order_id: int, lines: int) -> list[str]:
    """The ids of a made-up order's lines, each of one unit."""
    return [str(_line_id(order_id - FIRST_ID, position)) for position in range(lines)]


def _line_id(number: int, position: int) -> int:
    return number * 10 + position


def _line(number: int, position: int) -> dict[str, Any]:
    line_id = _line_id(number, position)
    return {
        "id": line_id, "admin_graphql_api_id": f"gid://shopify/LineItem/{line_id}",
        "sku": f"SKU-{position + 1:03d}", "title": "Sample article", "name": "Sample article", "quantity": 1,
        "current_quantity": 1, "fulfillable_quantity": 1, "fulfillment_status": None, "gift_card": False,
        "requires_shipping": True, "taxable": True, "price": "12.00", "price_set": _both("12.00"),
        "total_discount": "0.00", "total_discount_set": _both("0.00"), "tax_lines": [], "discount_allocations": [],
        "properties": [], "product_id": 8_000_000_000 + position, "variant_id": 9_000_000_000 + position, "grams": 500,
    }  # fmt: skip


def _both(amount: str) -> dict[str, Any]:
    money = {"amount": amount, "currency_code": "USD"}
    return {"shop_money": money, "presentment_money": money}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--secret", required=True)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--per-s", type=float, help="open loop at this rate instead of as fast as possible")
    parser.add_argument("--start", type=int, default=1, help="first order number, so that runs do not repeat")
    asked = parser.parse_args()
    made = signed(asked.url, asked.secret, orders(asked.start))
    requests = [next(made) for _ in range(asked.count)]
    at = urlsplit(asked.url)
    host, port = at.hostname or "127.0.0.1", at.port or 80
    sending = (
        run_at(host, port, requests, asked.per_s, asked.connections)
        if asked.per_s
        else run(host, port, requests, asked.connections)
    )
    print(json.dumps(msgspec.to_builtins(uvloop.run(sending), str_keys=True), indent=2))


if __name__ == "__main__":
    main()
