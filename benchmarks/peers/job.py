"""The work per order, alike for all peers, and the frame in which each of them is measured.

One order: a waiting message is taken, translated into a sales order, recorded; an attempt is recorded; ONE HTTP PUT to
the ERP; its outcome is recorded. Three durable writes in PostgreSQL, made by the worker.

A peer is a module with an ``enqueue`` and a ``work``; ``main`` does the rest: it makes the backlog, starts the workers
as processes of their own, waits until every order is recorded, and prints one JSON line. The rate is that of the last
four fifths: the start of workers and pools is not counted.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
import psycopg
from benchmarks import load

LINES = 5  # per order, as in the house: about 6 KB of JSON
UNCOUNTED = 5  # one fifth of the orders
NOT_IN_TIME = 3  # exit code

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


class Asked(msgspec.Struct, frozen=True):
    """What a peer is asked to do."""

    database: str
    erp: int  # port of the stub, on loopback
    count: int
    settings: dict[str, Any]
    redis: str = ""
    first: int = 1
    limit_s: float = 120.0


class Peer(msgspec.Struct, frozen=True):
    """How one peer makes a backlog, works it off, and tells from PostgreSQL what is done."""

    module: str
    enqueue: Callable[[Asked], None]
    work: Callable[[Asked, int], None]  # in a process of its own, until SIGTERM; the number tells processes apart
    finished: str = "select extract(epoch from at)::float8 as at from outcomes"  # a row per finished order
    recorded: tuple[str, ...] = tuple(
        f"select count(distinct key) from {table}" for table in ("orders", "attempts", "outcomes")
    )


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


def main(peer: Peer) -> None:
    """The command line of every peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("asked", help="JSON: database, erp, count, settings, redis, first, limit_s")
    parser.add_argument("--work", type=int, help="be the worker process with this number")
    arguments = parser.parse_args()
    asked = msgspec.json.decode(arguments.asked, type=Asked)
    if arguments.work is not None:
        peer.work(asked, arguments.work)
        return
    try:
        print(json.dumps(_measure(peer, asked)), flush=True)
    except TimeoutError as error:
        print(error, file=sys.stderr)
        raise SystemExit(NOT_IN_TIME) from error


def _measure(peer: Peer, asked: Asked) -> dict[str, Any]:
    with psycopg.connect(asked.database, autocommit=True) as db:
        db.execute(SCHEMA)
        peer.enqueue(asked)
        with _workers(peer, asked) as workers:
            _await(db, peer, asked, workers)
        finished_at = [row[0] for row in db.execute(peer.finished)]
        for statement in peer.recorded:
            found = db.execute(statement).fetchone()
            if found is None or found[0] != asked.count:
                raise RuntimeError(f"{asked.count} orders were given, in PostgreSQL are {found}: {statement}")
    return {"per_s": round(rate(finished_at), 1), "orders": len(finished_at)}


@contextmanager
def _workers(peer: Peer, asked: Asked) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", peer.module, msgspec.json.encode(asked).decode(), "--work"]
    # Standard output carries the result alone; sessions of their own, so that nothing of them outlives the run.
    started = [
        subprocess.Popen([*command, str(number)], stdout=sys.stderr.fileno(), start_new_session=True)
        for number in range(asked.settings["processes"])
    ]
    try:
        yield started
    finally:
        for worker in started:
            worker.terminate()
        for worker in started:
            _end(worker)


def _end(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def _await(db: psycopg.Connection[Any], peer: Peer, asked: Asked, workers: list[subprocess.Popen[bytes]]) -> None:
    ends = time.monotonic() + asked.limit_s
    while True:
        found = db.execute(f"select count(*) from ({peer.finished}) as done").fetchone()
        done = found[0] if found else 0
        if done >= asked.count:
            return
        if time.monotonic() > ends:
            raise TimeoutError(f"{done} of {asked.count} orders were done after {asked.limit_s:.0f} s")
        if any(worker.poll() is not None for worker in workers):
            raise RuntimeError(f"a worker ended by itself, {done} of {asked.count} orders were done")
        time.sleep(0.2)
