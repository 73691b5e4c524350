"""A whole order life over HTTP: placed, booked, released, shipped twice, told to the shop, billed.

Twelve vendor calls and three webhooks for each order, all on this machine: the shop, the ERP and the warehouse are
stubs with books (``stub_vendors``), and the figures count only if those books agree to the cent. The limits that the
vendors would set are lifted, so that what is measured is Crossdock.
"""

import asyncio
import time
from statistics import median
from typing import Any

import msgspec
from benchmarks.house import ERP_CONNECTION, LINES, SECRET, House, Street, house
from benchmarks.scenarios import send
from benchmarks.stub_vendors import VARIABLE, Asked

WARM_UP = 100
# reconciliation is put off: the shop and the ERP list nothing here, so that each order would be told as missing
CONFIG = (
    """\
connections:
  shop1:
    system: shopify
    settings: {{shop_domain: acme.myshopify.com, api_base: "{erp}/shop1"}}
    secrets: {{webhook_secret: "env:BENCH_SECRET", access_token: "env:BENCH_SECRET"}}
    quota: {{concurrency: {concurrency}, rate_per_s: 10000000, burst: 10000000}}
"""
    + ERP_CONNECTION
    + """\
  warehouse1:
    system: shiphero
    settings: {{base_url: "{erp}/warehouse"}}
    secrets: {{refresh_token: "env:BENCH_SECRET", webhook_secret: "env:BENCH_SECRET"}}
    quota: {{concurrency: {concurrency}, rate_per_s: 10000000, burst: 10000000}}
routes:
  - channel: shop1
    erp: erp1
    warehouse: warehouse1
    guest_customer: "9001"
reconcile: {{every_s: 86400}}
serve:
  intake: 127.0.0.1:{intake}
  console: 127.0.0.1:{console}
"""
)


def street() -> Street:
    """The vendors, who know where the warehouse's webhooks go and how they are signed."""
    asked = Asked("http://127.0.0.1:%(intake)s/in/shiphero/warehouse1", SECRET, LINES)
    return Street("benchmarks.stub_vendors", CONFIG, {VARIABLE: msgspec.json.encode(asked).decode()})


async def lifecycle(count: int = 6_000, rounds: int = 3, warm_up: int = WARM_UP) -> dict[str, Any]:
    """Orders come as fast as intake takes them; measured until the last one is billed and nothing is pending."""
    async with house(street=street()) as here:
        await _live(here, warm_up)
        rates, stages = [], []
        for _ in range(rounds):
            before, started = await here.usage(), time.monotonic()
            ended = await _live(here, count)
            stages.append((await here.usage()).per_order_us(before, count))
            rates.append(count / (ended - started))
        books, orders = here.stub("books"), warm_up + rounds * count
        await _agree(here, orders)
    cpu = {stage: median(of.get(stage, 0.0) for of in stages) for stage in stages[0]}
    return {
        "lifecycle_per_s": round(median(rates), 1),
        "lifecycle_rounds": [round(rate, 1) for rate in rates],
        "lifecycle_cpu_us_per_order": cpu,
        "lifecycle_cpu_us_per_order_total": round(sum(cpu.values()), 1),
        "lifecycle_calls_per_order": round(books["calls"] / orders, 2),
        "lifecycle_orders": orders,
    }


async def _live(here: House, count: int, at_most_s: float = 600.0) -> float:
    """Place that many orders and wait for the end of the last one; when that was (monotonic).

    Nothing pending is not enough: while the warehouse picks, Crossdock has nothing to do.
    """
    billed = here.stub("books")["billed"] + count
    await send(here, here.orders(count))
    async with asyncio.timeout(at_most_s):
        while here.stub("books")["billed"] < billed:
            await asyncio.sleep(0.05)
    return await here.quiet()


async def _agree(here: House, orders: int) -> None:
    """Raises ``RuntimeError`` unless every order is whole in every book, the shop's, the ERP's and the warehouse's."""
    audit = here.stub("audit")
    done = await here.pool.fetchval("select count(*) from streams where kind = 'order' and status = 'done'")
    if (audit["whole"], done, audit["wrong"], audit["refused"]) != (orders, orders, 0, 0):
        raise RuntimeError(f"{orders} orders went in, {done} are done in Crossdock, and the vendors' books say {audit}")
