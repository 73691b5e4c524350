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
GIVEN_UP_S = 90.0  # a figure that is not reached by then is kept as this, and never holds
QUIET_S = 600.0  # a busy machine takes its time; what stands still meanwhile has a bar of its own
WORK = {
    "decide": "crossdock.decide.batch.duration",
    "deliver": "crossdock.target.requests",
}
# Attempts go by number: their times are the workers' clocks', and the database's may have jumped hours ahead of those.
SINCE = "select json_build_array(clock_timestamp(), (select coalesce(max(id), 0) from attempts))::text"
RESUMED = """
select exists (select from journal where at > $1::text::timestamptz)
    and exists (select from attempts where id > $2)
    and exists (select from messages where received_at > $1::text::timestamptz and source = 'webhook')
"""
MOVING = """
select json_build_object(
    'orders', (select json_object_agg(id, version) from streams where status in ('open', 'waiting')),
    'commands', (
        select json_object_agg(
            d.command_id,
            json_build_array(d.connection_id, c.stream_id, extract(epoch from d.due_at), d.priority, d.fence, d.tries)
        )
        from dispatch d join commands c on c.id = d.command_id
    ),
    'agenda', (select json_object_agg(stream_id, first) from (
        select stream_id, min(message_id) as first from agenda group by stream_id
    ) as waiting)
)::text
"""
Place = tuple[Any, Any]  # where in its queue, and something that differs when it has moved
Queues = dict[str, dict[int, Place]]  # queue -> what waits in it -> its place


class Measured(msgspec.Struct, frozen=True):
    """How long something took, and after what. ``troubled``: lines were broken meanwhile, which has its own share: only
    what is given up is over the bar."""

    kind: str
    what: str
    seconds: float
    troubled: bool = False


class Settled(msgspec.Struct, frozen=True):
    """``quiet``: nothing was under way any more within the limit. ``stuck_s``: longest that anything stood still."""

    quiet: bool
    seconds: float
    stuck_s: float
    stuck: str = ""  # what that was
    left: str = ""


def unsettled(one: Settled) -> list[str]:
    """What did not come to rest as it must."""
    found = [] if one.quiet else [f"did not become quiet within {one.seconds:.0f} s: {one.left}"]
    if one.stuck_s > STUCK_BAR_S:
        found.append(f"{one.stuck or 'something'} stood still for {one.stuck_s:.1f} s (at most {STUCK_BAR_S:g})")
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
    told = None
    while told is None:
        told = await house.ask(SINCE)
        await asyncio.sleep(0.02)
    since = json.loads(told)
    began = time.monotonic()
    while time.monotonic() - began < GIVEN_UP_S and not await house.ask(RESUMED, *since):
        await asyncio.sleep(0.1)
    return time.monotonic() - began


class Standing:
    """Which of what is under way has stood still, and for how long. Waiting one's turn in a queue that is served in
    front of one is no standing still: a slow machine is slow, not stuck."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[int, tuple[Place, float]]] = {}
        self.longest_s, self.what = 0.0, ""

    def look(self, queues: Queues, now: float) -> None:
        """What is there now."""
        self._seen = {queue: self._looked(queue, waiting, now) for queue, waiting in queues.items()}
        for queue, waiting in self._seen.items():
            for one, (_, since) in waiting.items():
                if now - since > self.longest_s:
                    self.longest_s, self.what = now - since, f"{queue}, {one}"

    def _looked(self, queue: str, waiting: dict[int, Place], now: float) -> dict[int, tuple[Place, float]]:
        before = self._seen.get(queue, {})
        served = min((place[0] for one, (place, _) in before.items() if waiting.get(one) != place), default=None)
        found = {}
        for one, place in waiting.items():
            stood = one in before and before[one][0] == place and (served is None or served > place[0])
            found[one] = (place, before[one][1] if stood else now)
        return found


def queues_of(moving: dict[str, Any]) -> Queues:
    """Commands wait for their connection, in order of when they are due: one that is tried again takes its place anew.
    Orders to be decided wait for a decider, and the others for something of their own: a parcel, a payment, an hour."""
    queues: Queues = {}
    seen = set()
    for command, (connection, stream, due, *mark) in (moving["commands"] or {}).items():
        queues.setdefault(f"commands of connection {connection}", {})[int(command)] = (float(due), mark)
        seen.add(str(stream))
    for stream, message in (moving["agenda"] or {}).items():
        queues.setdefault("agenda", {})[int(message)] = (int(message), stream)
        seen.add(stream)
    for stream, version in (moving["orders"] or {}).items():
        if stream not in seen:
            queues[f"order {stream}"] = {0: (0, version)}
    return queues


async def settle(house: House) -> Settled:
    """Wait until nothing is under way, at the vendors and here."""
    began = time.monotonic()
    standing, said = Standing(), "nothing was read"
    while time.monotonic() - began < QUIET_S:
        told = await house.ask(MOVING)
        if told is not None:
            queues = queues_of(json.loads(told))
            standing.look(queues, time.monotonic())
            pending = await house.vendors.pending()
            said = f"{sum(map(len, queues.values()))} under way ({', '.join(sorted(queues)[:5])}), {pending} webhooks"
            if not queues and not pending and not await _unpaid(house):
                return Settled(True, time.monotonic() - began, standing.longest_s, standing.what)
        await asyncio.sleep(0.5)
    return Settled(False, time.monotonic() - began, standing.longest_s, standing.what, said)


async def _unpaid(house: House) -> int:
    return int((await house.vendors.books(SHOP))["unpaid"])
