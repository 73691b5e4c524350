"""What is measured. Each scenario builds its own house, warms it up, and returns plain figures."""

import asyncio
import time
from statistics import median
from typing import Any

from benchmarks.house import House, house

from benchmarks import load, preload

WARM_UP = 1_000
Figures = dict[str, Any]


async def send(here: House, requests: list[bytes], connections: int = 64) -> load.Report:
    """All of them, as fast as they are acknowledged; raises when one is not."""
    report = await load.run("127.0.0.1", here.ports["intake"], requests, connections)
    acknowledged = sum(count for status, count in report.statuses.items() if 200 <= status < 300)
    if acknowledged != len(requests):
        raise RuntimeError(f"{len(requests) - acknowledged} webhooks were not acknowledged: {report.statuses}")
    return report


async def intake(count: int = 40_000, rounds: int = 3) -> Figures:
    """One intake process: 3 KB bodies, HMAC, durable commit, 64 connections, nothing else running."""
    async with house("intake") as here:
        await send(here, here.orders(WARM_UP, lines=2))
        reports = [await send(here, here.orders(count, lines=2)) for _ in range(rounds)]
    return {
        "intake_per_s": median(report.per_s for report in reports),
        "intake_p50_ms": median(report.p50_ms for report in reports),
        "intake_p99_ms": median(report.p99_ms for report in reports),
        "intake_rounds": [report.per_s for report in reports],
    }


async def path(count: int = 20_000, rounds: int = 3) -> Figures:
    """Webhook over HTTP to booked in the ERP and its outcome decided; closed loop, everything on this machine."""
    async with house() as here:
        await send(here, here.orders(WARM_UP))
        await here.quiet()
        rates, stages, rss = [], [], []
        for _ in range(rounds):
            requests = here.orders(count)
            before, started = await here.usage(), time.monotonic()
            await send(here, requests)
            ended = await here.quiet()
            after = await here.usage()
            rates.append(count / (ended - started))
            stages.append(after.per_order_us(before, count))
            rss.append(after.rss_mb)
        booked = here.stub("orders")["orders"]
    if booked != WARM_UP + rounds * count:
        raise RuntimeError(f"{WARM_UP + rounds * count} orders went in, the ERP has {booked}")
    cpu = {stage: median(of.get(stage, 0.0) for of in stages) for stage in stages[0]}
    return {
        "orders_per_s": round(median(rates), 1),
        "orders_rounds": [round(rate, 1) for rate in rates],
        "cpu_us_per_order": cpu,
        "cpu_us_per_order_total": round(sum(cpu.values()), 1),
        "rss_mb": max(rss),
    }


async def latency(per_s: float = 100.0, seconds: float = 20.0) -> Figures:
    """At a steady rate: from the webhook's acknowledgement to the ERP being called."""
    async with house() as here:
        await send(here, here.orders(WARM_UP))
        await here.quiet()
        waits = await _acknowledged_to_called(here, per_s, seconds)
    return {"latency_p50_ms": _at(waits, 0.5), "latency_p99_ms": _at(waits, 0.99), "latency_per_s": per_s}


async def _acknowledged_to_called(here: House, per_s: float, seconds: float) -> list[float]:
    """Sorted waits in ms. Both ends are read on the machine's one monotonic clock."""
    first = here.next_number
    requests = here.orders(int(per_s * seconds))
    acknowledged = await load.run_stamped("127.0.0.1", here.ports["intake"], requests, per_s)
    await here.quiet()
    called = here.stub("calls")["first"]
    return sorted(max(0.0, called[here.key(first + position)] - at) * 1000 for position, at in enumerate(acknowledged))


def _at(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


async def flat(waiting: int = 1_000_000, seconds: float = 12.0, reader_s: float = 300.0) -> Figures:
    """The decide-and-deliver rate with little and with a million of everything, in one house, one after the other.

    The statements are prepared on empty tables: nothing is loaded before the roles are up.
    """
    async with house("decide,deliver,schedule") as here:
        rates: dict[str, float] = {"waiting_1000": await _served_with(here, 0, seconds)}
        await preload.timers(here.pool, waiting)
        rates["timers"] = await _served_with(here, 0, seconds)
        async with preload.idle_reader(here.url):
            await _burn(here, reader_s)
            rates["reader"] = await _served_with(here, 0, seconds)
        await here.quiet()
        rates["waiting_million"] = await _served_with(here, waiting, seconds)
    base = rates["waiting_1000"]
    return {
        "flat_ratio": round(min(rate / base for rate in rates.values()), 3),
        "flat_rates": {name: round(rate, 1) for name, rate in rates.items()},
        "flat_reader_s": reader_s,
    }


async def _served_with(here: House, waiting: int, seconds: float) -> float:
    """Orders booked per second while at least ``waiting`` messages wait (0: about a thousand, topped up)."""
    if waiting:
        await preload.messages(here, waiting)
        await asyncio.sleep(2)
        return await _rate(here, seconds)
    feeding = asyncio.create_task(_keep_about(here, 1_000))
    try:
        await asyncio.sleep(2)
        return await _rate(here, seconds)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await here.quiet()


async def _rate(here: House, seconds: float) -> float:
    before, started = here.stub("orders")["orders"], time.monotonic()
    await asyncio.sleep(seconds)
    return float(here.stub("orders")["orders"] - before) / (time.monotonic() - started)


async def _keep_about(here: House, waiting: int) -> None:
    """Counted by what went in and what the ERP has: asking the tables fifty times a second is a load of its own, and
    behind a reader who keeps dead rows alive it becomes the greatest of all."""
    apart = here.next_number - here.stub("orders")["orders"] - await here.pending()
    while True:
        missing = waiting - (here.next_number - here.stub("orders")["orders"] - apart)
        if missing > 0:
            await preload.messages(here, missing)
        await asyncio.sleep(0.02)


async def _burn(here: House, seconds: float) -> None:
    """Ordinary traffic for a while, so that dead rows pile up behind the idle reader."""
    ends = time.monotonic() + seconds
    feeding = asyncio.create_task(_keep_about(here, 200))
    try:
        while time.monotonic() < ends:
            await asyncio.sleep(1)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


async def idle(seconds: float = 30.0) -> Figures:
    """What doing nothing costs: all roles, the console included, and their PostgreSQL."""
    async with house("intake,decide,deliver,schedule,console") as here:
        await send(here, here.orders(WARM_UP))
        await here.quiet()
        await asyncio.sleep(5)
        before = await here.usage()
        await asyncio.sleep(seconds)
        after = await here.usage()
    used = sum(after.cpu_s.values()) - sum(before.cpu_s.values())
    return {"idle_core_pct": round(used / (after.at - before.at) * 100, 2), "idle_rss_mb": after.rss_mb}


async def drain(backlog: int = 100_000, per_s: float = 100.0, seconds: float = 20.0) -> Figures:
    """An outage leaves a backlog of commands; it drains while live orders come in at a steady rate."""
    async with house(concurrency=20) as here:
        await send(here, here.orders(WARM_UP))
        await here.quiet()
        quiet = await _acknowledged_to_called(here, per_s, seconds)
        here.stub("down")
        await preload.messages(here, backlog)
        await here.decided()
        here.stub("up")
        await here.closed()
        before, started = here.stub("orders")["orders"], time.monotonic()
        busy = await _acknowledged_to_called_unfinished(here, per_s, seconds)
        drained = (here.stub("orders")["orders"] - before) / (time.monotonic() - started) - per_s
        left = await here.pending()
        whole_s = await here.quiet(every_s=0.5) - started
        booked = here.stub("orders")["orders"]
    if booked != here.next_number - 1:
        raise RuntimeError(f"{here.next_number - 1} orders went in, the ERP has {booked}")
    return {
        "drain_backlog": backlog,
        "drain_per_s": round(drained, 1),
        "drain_whole_s": round(whole_s, 1),
        "drain_left_when_measured": left,
        "drain_quiet_p99_ms": _at(quiet, 0.99),
        "drain_live_p99_ms": _at(busy, 0.99),
        "drain_p99_ratio": round(_at(busy, 0.99) / _at(quiet, 0.99), 2),
    }


async def _acknowledged_to_called_unfinished(here: House, per_s: float, seconds: float) -> list[float]:
    """The same as ``_acknowledged_to_called`` while a backlog drains: waits for the live orders only."""
    first = here.next_number
    requests = here.orders(int(per_s * seconds))
    acknowledged = await load.run_stamped("127.0.0.1", here.ports["intake"], requests, per_s)
    keys = [here.key(first + position) for position in range(len(requests))]
    async with asyncio.timeout(120):
        while not (called := here.stub("calls")["first"]).keys() >= set(keys):
            await asyncio.sleep(0.5)
    return sorted(max(0.0, called[key] - at) * 1000 for key, at in zip(keys, acknowledged, strict=True))
