"""Stock: many positions of many SKUs, told to three shops at the shops' limit. No stale write, whatever is coalesced.

Runs the decide and deliver loops in this process over a real PostgreSQL; the shops are the simulated ones, without
sockets, so that what is measured is the engine and the connector.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec

from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.decision import Policy, StreamRef
from crossdock.domain.events import encode_event
from crossdock.domain.stock import StockLocation, StockPolicy
from crossdock.domain.stock_decider import STOCK
from crossdock.domain.stock_events import PositionSeen
from crossdock.engine.deciding import DecideLoop
from crossdock.engine.delivering import DeliverLoop
from crossdock.engine.world import Linked, World
from crossdock.kit.http import Line, Response
from crossdock.kit.manifest import Quota
from crossdock.kit.tokens import InProcessTokens
from crossdock.observe.signals import Silence
from crossdock.simulators.base import Request, Surroundings
from crossdock.simulators.shopify import ShopifySimulator
from crossdock.store.embedded import Embedded
from crossdock.store.migrate import migrate
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import INVENTORY, Arrival

SHOPS = ("shop1", "shop2", "shop3")
AT_ONCE = 500  # arrivals in one transaction


class Street:
    """The shops, reached without sockets."""

    def __init__(self, skus: list[str]) -> None:
        around = Surroundings(lambda: datetime.now(UTC), asyncio.sleep, Random(7), lambda _: None)
        self.shops = {
            name: ShopifySimulator(name, around, maximum=1e9, restore_rate=1e9, access_token="t") for name in SHOPS
        }
        for shop in self.shops.values():
            for sku in skus:
                shop.act("set_stock", {"sku": sku, "quantity": 0})

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float = 30.0
    ) -> Response:
        parts = urlsplit(url)
        shop = self.shops[(parts.hostname or "").partition(".")[0]]
        reply = await shop.handle(Request(method, parts.path, {}, dict(headers), body))
        return Response(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)


def world(store: PostgresStore, street: Street, per_s: float) -> World:
    """One process's world. ``per_s``: how many calls each shop takes."""
    quota = Quota(concurrency=20, rate_per_s=per_s * 15, burst=per_s * 15, cost=15)
    connector = msgspec.structs.replace(CONNECTOR, manifest=msgspec.structs.replace(CONNECTOR.manifest, quota=quota))
    links = {}
    for name in SHOPS:
        settings = {"shop_domain": "s", "api_base": f"http://{name}.test"}
        tokens = InProcessTokens(time.monotonic)
        line = Line(name, settings, {"access_token": "t"}, street, tokens, lambda: datetime.now(UTC), lambda: "u")
        links[name] = Linked(name, connector, line)
    stock = StockPolicy(locations={"101": StockLocation(sources=("1",))})
    policies = {name: Policy(name, "erp", stock=stock) for name in SHOPS}
    return World(store, links, {"stock": STOCK}, policies, lambda _: [], Silence(), Random(7), time.monotonic, "bench")


async def stock(updates: int = 50_000, skus: int = 10_000, per_s: float = 200.0) -> dict[str, Any]:
    """All updates come as fast as they are accepted; measured until every shop shows what the last one says."""
    folder = Path(tempfile.mkdtemp(prefix="crossdock-bench-"))
    server = Embedded(folder / "data")
    try:
        url = server.ensure()
        await migrate(url)
        store = await PostgresStore.open(url, pool_size=8)
        try:
            return await _measured(store, updates, [f"SKU-{nth:05d}" for nth in range(skus)], per_s)
        finally:
            await store.close()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _measured(store: PostgresStore, updates: int, skus: list[str], per_s: float) -> dict[str, Any]:
    for name in (*SHOPS, "erp"):
        await store.register(name, "shopify" if name in SHOPS else "netsuite")
    street = Street(skus)
    here = world(store, street, per_s)
    stop = asyncio.Event()
    loops = [asyncio.create_task(loop.run(stop)) for loop in (DecideLoop(here), DeliverLoop(here))]
    started = time.monotonic()
    last = await _accept(store, updates, skus)
    accepted_s = time.monotonic() - started
    while await store.pool.fetchval("select (select count(*) from agenda) + (select count(*) from dispatch)"):
        await asyncio.sleep(0.1)
    took_s = time.monotonic() - started
    stop.set()
    await asyncio.gather(*loops)
    _compare(street, last)
    calls = sum(shop.calls["inventorySetQuantities"] for shop in street.shops.values())
    numbers = await store.pool.fetchval("select count(*) from commands")
    return {
        "stock_updates": updates,
        "stock_accepted_s": round(accepted_s, 1),
        "stock_all_shown_s": round(took_s, 1),
        "stock_numbers_made": numbers,
        "stock_calls": calls,
        "stock_calls_per_s": round(calls / took_s, 1),
        "stock_limit_per_s": per_s * len(SHOPS),
    }


async def _accept(store: PostgresStore, updates: int, skus: list[str]) -> dict[str, int]:
    """Positions in random order, some of them late and older than one before; what each SKU has in the end."""
    random, began = Random(11), datetime.now(UTC)
    last: dict[str, tuple[datetime, int]] = {}
    batch: list[Arrival] = []
    for nth in range(updates):
        sku = skus[nth] if nth < len(skus) else random.choice(skus)
        at = began + timedelta(milliseconds=nth - random.choice((0, 0, 0, 5_000)))
        units = random.randrange(3, 400)
        if sku not in last or at > last[sku][0]:
            last[sku] = (at, units)
        event = encode_event(PositionSeen("erp", "1", sku, Decimal(units), Decimal(0), at))
        batch.append(Arrival("erp", f"p{nth}", "operator", "p", StreamRef("stock", sku), event, priority=INVENTORY))
        if len(batch) == AT_ONCE or nth == updates - 1:
            await store.accept(batch)
            await store.wake("decide")
            batch = []
    return {sku: units for sku, (_, units) in last.items()}


def _compare(street: Street, last: Mapping[str, int]) -> None:
    """Raises ``RuntimeError`` where the shops together do not show what the newest position says."""
    shown = [shop.shelf.books() for shop in street.shops.values()]
    wrong = [sku for sku, units in last.items() if sum(levels[sku]["101"] for levels in shown) != units]
    if wrong:
        raise RuntimeError(f"{len(wrong)} SKUs show what is not there: {wrong[:5]}")
