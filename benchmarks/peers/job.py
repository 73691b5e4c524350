"""The work per order, alike for all peers.

One order: a waiting message is taken, translated into a sales order, recorded; an attempt is recorded; ONE HTTP PUT to
the ERP; its outcome is recorded. Three durable writes in PostgreSQL, made by the worker.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec

from benchmarks import load

LINES = 5  # per order, as in the house: about 6 KB of JSON
UNCOUNTED = 5  # one fifth of the orders

SCHEMA = """\
create table orders (
    key text primary key, body text not null, recorded_at timestamptz not null default clock_timestamp()
);
create table attempts (
    id bigint generated always as identity primary key, key text not null,
    started_at timestamptz not null default clock_timestamp()
);
create table outcomes (
    key text primary key, status integer not null, document text, at timestamptz not null default clock_timestamp()
);
"""
RECORD_ORDER = "insert into orders (key, body) values (%s, %s) on conflict (key) do nothing"
RECORD_ATTEMPT = "insert into attempts (key) values (%s)"
RECORD_OUTCOME = "insert into outcomes (key, status, document) values (%s, %s, %s) on conflict (key) do nothing"
JSON_HEAD = {"Content-Type": "application/json", "Authorization": "Bearer bench"}


def key(number: int) -> str:
    """The external id of the made-up order with this number, as Crossdock would form it."""
    return f"shop1-{load.FIRST_ID + number}"


def bodies(first: int, count: int) -> Iterator[tuple[str, str]]:
    """(key, order as JSON text)."""
    for number, (_, body) in enumerate(islice(load.orders(first, LINES), count), first):
        yield key(number), body.decode()


def sales_order(name: str, body: str) -> dict[str, Any]:
    """The order as NetSuite's record service takes it; raises ``ValueError`` when its lines do not add up."""
    order = msgspec.json.decode(body)
    items, total = [], Decimal(0)
    for line in order["line_items"]:
        price, quantity = Decimal(line["price"]), Decimal(line["quantity"])
        amount = price * quantity - Decimal(line["total_discount"])
        total += amount
        items.append({
            "item": {"externalId": line["sku"]}, "quantity": str(quantity), "rate": str(price), "amount": str(amount),
        })  # fmt: skip
    if total != Decimal(order["total_line_items_price"]) - Decimal(order["total_discounts"]):
        raise ValueError(f"order {name}: the lines add up to {total}, it says {order['total_line_items_price']}")
    address = order["shipping_address"]
    return {
        "externalId": name, "entity": {"id": "9001"}, "otherRefNum": order["name"], "memo": order["email"],
        "tranDate": datetime.fromisoformat(order["created_at"]).date().isoformat(),
        "currency": {"refName": order["currency"]}, "total": str(total), "item": {"items": items},
        "shippingAddress": {
            "addressee": address["name"], "addr1": address["address1"], "city": address["city"],
            "state": address["province_code"], "zip": address["zip"], "country": {"id": address["country_code"]},
        },
    }  # fmt: skip


def request(name: str, body: str) -> bytes:
    """The translated order, as it is sent and recorded."""
    return msgspec.json.encode(sales_order(name, body))


def path(name: str) -> str:
    return f"/services/rest/record/v1/salesOrder/eid:{name}"


def rate(finished_at: list[float]) -> float:
    """Orders per second over the last four fifths of these moments (seconds)."""
    ordered = sorted(finished_at)
    start = len(ordered) // UNCOUNTED
    seconds = ordered[-1] - ordered[start]
    if seconds <= 0:
        raise ValueError(f"{len(ordered)} orders are too few to tell a rate")
    return (len(ordered) - 1 - start) / seconds
