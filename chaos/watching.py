"""What is measured while things break: how soon a role works again, how soon work resumes, and what does not move."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import msgspec

from chaos.house import House, Serve
from crossdock.demo.plan import SHOP
from crossdock.observe.tally import Sheet

LEASE_S, INTERVAL_S = 15.0, 20.0  # of hurried connections: app.py
RECOVERY_BAR_S, RESUME_BAR_S = 30.0, 10.0
STUCK_BAR_S = LEASE_S + INTERVAL_S
GIVEN_UP_S = 90.0  # a figure that is not reached by then is kept as this
QUIET_S = 180.0
WORK = {
    "decide": "crossdock.decide.batch.duration",
    "deliver": "crossdock.target.requests",
}
RESUMED = """
select exists (select from journal where at > $1)
    and exists (select from attempts where started_at > $1)
    and exists (select from messages where received_at > $1 and source = 'webhook')
"""
MOVING = """
select json_build_object(
    'streams', (select json_object_agg(id, version) from streams where status in ('open', 'waiting')),
    'commands', (select json_object_agg(command_id, fence::text || '/' || tries) from dispatch),
    'agenda', (select count(*) from agenda)
)::text
"""


class Measured(msgspec.Struct, frozen=True):
    """How long something took, and after what."""

    kind: str
    what: str
    seconds: float


class Settled(msgspec.Struct, frozen=True):
    """``quiet``: nothing was under way any more within the limit. ``stuck_s``: longest that anything stood still."""

    quiet: bool
    seconds: float
    stuck_s: float
    left: str = ""


def unsettled(one: Settled) -> list[str]:
    """What did not come to rest as it must."""
    found = [] if one.quiet else [f"did not become quiet within {one.seconds:.0f} s: {one.left}"]
    if one.stuck_s > STUCK_BAR_S:
        found.append(f"something stood still for {one.stuck_s:.1f} s (at most {STUCK_BAR_S:g})")
    return found


def work_done(sheet: Sheet | None, role: str) -> float:
    """How much a process says it has done. ``schedule`` shows by its gauges that it has looked at the tables."""
    if sheet is None:
        return 0.0
    if role not in WORK:
        return float(len(sheet.gauges))
    counted = sum(value for name, _, value in sheet.counters if name == WORK[role])
    return counted + sum(sum(one.counts) for name, _, one in sheet.histograms if name == WORK[role])


async def recovered(serve: Serve, child: str, killed: int, done: float) -> float:
    """Seconds from now until another process does this child's work; ``done``: what the killed one had done.

    Senders keep to the intake that they are connected to: that a new one is asked nothing yet says nothing about it.
    """
    role = child.rpartition("-")[0]
    doors = {"intake": serve.intake, "console": serve.console}
    began = time.monotonic()
    while time.monotonic() - began < GIVEN_UP_S:
        if role in doors:
            back = serve.children.get(child, killed) != killed and await _healthy(doors[role])
        else:
            sheet = serve.sheet(child)
            resumed = done if role in WORK else 0.0
            back = bool(sheet and sheet.pid != killed and work_done(sheet, role) > resumed)
        if back:
            break
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def _healthy(port: int) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            session.get(f"http://127.0.0.1:{port}/healthz") as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def resumed(house: House) -> float:
    """Seconds from PostgreSQL's first answer until a webhook was taken, an order decided and a vendor called."""
    since = None
    while since is None:
        since = await house.ask("select clock_timestamp()")
        await asyncio.sleep(0.02)
    began = time.monotonic()
    while time.monotonic() - began < GIVEN_UP_S and not await house.ask(RESUMED, since):
        await asyncio.sleep(0.1)
    return time.monotonic() - began


class Standing:
    """Which of what is under way has stood still, and for how long."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._seen: dict[str, tuple[Any, float]] = {}
        self.longest_s = 0.0

    def look(self, moving: dict[str, Any], now: float) -> None:
        """``moving``: what is under way -> something that differs when it has moved."""
        self._seen = {key: (mark, self._since(key, mark, now)) for key, mark in moving.items()}
        self.longest_s = max([self.longest_s, *(now - since for _, since in self._seen.values())])

    def _since(self, key: str, mark: Any, now: float) -> float:
        known, since = self._seen.get(key, (mark, now))
        return since if known == mark else now


async def settle(house: House) -> Settled:
    """Wait until nothing is under way, at the vendors and here."""
    began = time.monotonic()
    standing, said = Standing(began), "nothing was read"
    while time.monotonic() - began < QUIET_S:
        told = await house.ask(MOVING)
        if told is not None:
            moving = json.loads(told)
            under_way = {**_named("order", moving["streams"]), **_named("command", moving["commands"])}
            standing.look(under_way, time.monotonic())
            pending = await house.vendors.pending()
            said = (
                f"{len(under_way)} under way {sorted(under_way)[:5]}, {moving['agenda']} to decide, {pending} webhooks"
            )
            if not under_way and not moving["agenda"] and not pending and not await _unpaid(house):
                return Settled(True, time.monotonic() - began, standing.longest_s)
        await asyncio.sleep(0.5)
    return Settled(False, time.monotonic() - began, standing.longest_s, said)


async def _unpaid(house: House) -> int:
    return int((await house.vendors.books(SHOP))["unpaid"])


def _named(what: str, found: dict[str, Any] | None) -> dict[str, Any]:
    return {f"{what} {key}": mark for key, mark in (found or {}).items()}
