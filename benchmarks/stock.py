"""Stock: many positions of many SKUs, told to three shops at the shops' own limit. No stale write, whatever coalesces.

Positions are accepted as the poll accepts them, and decided and told by ``crossdock serve``. The shops are stubs over
HTTP that compare before they set, meter their calls as Shopify does, and note each write that an older number made
over a newer one.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from random import Random
from typing import Any

import msgspec
from benchmarks.house import ERP_CONNECTION, Street, house
from benchmarks.stub_shop import LOCATION, sku_of
from benchmarks.stub_vendors import VARIABLE, Asked

from crossdock.connectors.shopify import CONNECTOR
from crossdock.domain.commands import PublishStock
from crossdock.domain.decision import StreamRef
from crossdock.domain.stock_events import PositionSeen
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import INVENTORY, Arrival

SHOPS = ("shop1", "shop2", "shop3")
ERP = "erp1"
PLACE = "1"  # of the ERP, where all of it lies
AT_ONCE = 500  # positions in one transaction: a page of the poll
# Every fourth position is told so much too late, after newer ones of its SKU perhaps; no two are of the same instant.
LATE_MS = 5_000.5
PER_S = CONNECTOR.manifest.quota.rate_per_s or 0.0  # cost points that a large shop restores in a second

_SHOP = """\
  {name}:
    system: shopify
    settings: {{{{shop_domain: {name}.myshopify.com, api_base: "{{erp}}/{name}"}}}}
    secrets: {{{{webhook_secret: "env:BENCH_SECRET", access_token: "env:BENCH_SECRET"}}}}
    quota: {{{{rate_per_s: {points}, burst: {burst}}}}}
"""
_ROUTE = """\
  - {{{{channel: {name}, erp: erp1, stock: {{{{locations: {{{{"{location}": {{{{sources: ["{place}"]}}}}}}}}}}}}}}}}
"""
_REST = """\
reconcile: {{every_s: 86400}}
serve:
  intake: 127.0.0.1:{intake}
  console: 127.0.0.1:{console}
"""


def street(skus: int, points_per_s: float) -> Street:
    """Three shops that show the same stock, each with a cost meter of its own that restores so many points."""
    points = int(points_per_s)
    shops = "".join(_SHOP.format(name=name, points=points, burst=2 * points) for name in SHOPS)
    routes = "".join(_ROUTE.format(name=name, location=LOCATION, place=PLACE) for name in SHOPS)
    asked = msgspec.json.encode(Asked(shops=SHOPS, skus=skus, points_per_s=points_per_s)).decode()
    config = f"connections:\n{shops}{ERP_CONNECTION}routes:\n{routes}{_REST}"
    return Street("benchmarks.stub_vendors", config, {VARIABLE: asked})


async def stock(updates: int = 50_000, skus: int = 10_000, points_per_s: float = PER_S) -> dict[str, Any]:
    """All updates come as fast as they are accepted; measured until every shop shows what the last one says."""
    async with house("decide,deliver", street=street(skus, points_per_s)) as here:
        store = await PostgresStore.open(here.url, pool_size=1)
        try:
            before, started = await here.usage(), time.monotonic()
            last = await accept(store, updates, skus)
            accepted_s = time.monotonic() - started
            shown_s = await here.quiet(at_most_s=3600.0, every_s=0.5) - started
            used = (await here.usage()).per_order_us(before, updates)
        finally:
            await store.close()
        numbers = await here.pool.fetchval("select count(*) from commands")
        levels = here.stub("levels")
    compare(levels, last)
    return figures(levels, updates, numbers, accepted_s, shown_s, points_per_s) | {"stock_cpu_us_per_update": used}


def figures(
    levels: Mapping[str, Any], updates: int, numbers: int, accepted_s: float, shown_s: float, points_per_s: float
) -> dict[str, Any]:
    """``stock_coalesced``: of all that could have been told (every update to every shop) the share nobody was told."""
    cost = CONNECTOR.operations[PublishStock.purpose].cost
    return {
        "stock_updates": updates,
        "stock_accepted_per_s": round(updates / accepted_s, 1),
        "stock_all_shown_s": round(shown_s, 1),
        "stock_numbers": numbers,
        "stock_publishes": levels["writes"],
        "stock_publishes_per_s": round(levels["writes"] / shown_s, 1),
        "stock_limit_per_s": round(len(SHOPS) * points_per_s / cost, 1),
        "stock_coalesced": round(1 - levels["writes"] / (updates * len(SHOPS)), 3),
        "stock_stale_writes": levels["stale"],
        "stock_refused": levels["refused"],
        "stock_throttled": levels["throttled"],
    }


async def accept(store: PostgresStore, updates: int, skus: int) -> dict[str, int]:
    """Take the positions in, as the poll does; what each SKU has in the end."""
    last: dict[str, tuple[datetime, int]] = {}
    told = positions(updates, skus, datetime.now(UTC))
    while page := list(islice(told, AT_ONCE)):
        await store.accept([_arrival(nth, seen) for nth, seen in page])
        await store.wake("decide")
        for _, seen in page:
            if seen.sku not in last or seen.as_of > last[seen.sku][0]:
                last[seen.sku] = (seen.as_of, int(seen.on_hand))
    return {sku: units for sku, (_, units) in last.items()}


def positions(updates: int, skus: int, began: datetime) -> Iterator[tuple[int, PositionSeen]]:
    """Every SKU once, then SKUs at random; some are late, older than what was told of the same SKU before."""
    random = Random(11)
    for nth in range(updates):
        sku = sku_of(nth if nth < skus else random.randrange(skus))
        at = began + timedelta(milliseconds=nth - random.choice((0.0, 0.0, 0.0, LATE_MS)))
        yield nth, PositionSeen(ERP, PLACE, sku, Decimal(random.randrange(3, 400)), Decimal(0), at)


def _arrival(nth: int, seen: PositionSeen) -> Arrival:
    stream, body = StreamRef("stock", seen.sku), msgspec.json.encode(seen)
    return Arrival(ERP, f"position:{nth}", "poll", "position", stream, body, priority=INVENTORY)


def compare(levels: Mapping[str, Any], last: Mapping[str, int]) -> None:
    """Raises ``RuntimeError`` where the shops together do not show what the newest position says, or a stale number was
    written: a rate that costs that is no rate."""
    wrong = [sku for sku, units in last.items() if levels["shown"][sku] != units]
    if wrong:
        raise RuntimeError(f"{len(wrong)} SKUs show what is not there: {wrong[:5]}")
    if levels["stale"]:
        raise RuntimeError(f"{levels['stale']} writes put an older number over a newer one")
