"""Crossdock's processes in the simulation: the engine as it is, given our clock, store, network and chance."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from crossdock import app
from crossdock.domain.decision import Policy
from crossdock.domain.events import Event, SignalSeen
from crossdock.domain.stock import StockLocation, StockPolicy
from crossdock.engine.deciding import DecideLoop
from crossdock.engine.delivering import DeliverLoop
from crossdock.engine.scheduling import ScheduleLoop
from crossdock.engine.world import Linked, Loop, World
from crossdock.intake.doorway import IntakeApp
from crossdock.intake.polls import PollLoop
from crossdock.kit.http import Line
from crossdock.kit.manifest import Connector
from crossdock.kit.tokens import InProcessTokens
from crossdock.proof.database import ProcessStore
from crossdock.proof.network import ProcessHttp, watched
from crossdock.proof.plan import ERP, SHOP, WAREHOUSE, Scenario
from crossdock.proof.process import Process
from crossdock.proof.stock_plan import GRACE_S, LOCATION, POLLS, SETTLE_S, SOURCE
from crossdock.proof.vendors import CONCURRENCY, credentials
from crossdock.proof.witness import Testimony
from crossdock.simulators.base import Deliver

SYSTEMS = {SHOP: "shopify", ERP: "netsuite", WAREHOUSE: "shiphero"}
NOBODY = 599  # the status of a request that nobody answered
# Real vendors commit for minutes and are given minutes; the simulated ones keep ``plan.LATE_S`` and ``plan.LAG_S``.
HURRY = {"lease_s": 9.0, "settle_s": 3.0}
POLL_EVERY_S = 6.0
# Bring no news of an order (of masters, the first whole list counts); they run beside, to meet every fault too.
SELDOM = ("customers", "items", "levels", "parcels", "payouts", "positions", "positions_all", "prices", "values")
SELDOM_EVERY_S = 24.0
POLLS_LEASE_S = 9.0  # until another process polls in a dead one's place
OVERLAP_S = 3.0
RETURN_DAYS = 30
POLICY = Policy(SHOP, ERP, WAREHOUSE, guest_customer="9001", invoice="make")
_STOCK = StockPolicy(locations={LOCATION: StockLocation(sources=(SOURCE,))}, grace_s=GRACE_S, settle_s=SETTLE_S)


def policy(scenario: Scenario) -> Policy:
    """How the simulated route is configured."""
    stock = _STOCK if scenario.stock is not None else None
    payments = scenario.payments or POLICY.payments
    onward = dict.fromkeys(("announce_returns", "post_returns", "push_returns"), scenario.returns)
    return msgspec.structs.replace(
        POLICY, edit_window_s=scenario.edit_window_s, stock=stock, payments=payments, **onward
    )


def seldom(scenario: Scenario) -> frozenset[str]:
    """Polls that bring nothing that this run waits for."""
    return frozenset(SELDOM) - (frozenset({"payouts"}) if scenario.payouts else frozenset())


def polled(connector: Connector, scenario: Scenario) -> Connector:
    """The connector with its polls of stock as often as the route needs them, and that of returns if it does: a poll
    more would make every seed another run."""
    if not scenario.returns and connector.manifest.system == SYSTEMS[SHOP]:
        polls = {name: poll for name, poll in connector.polls.items() if name != "returns"}
        connector = msgspec.structs.replace(connector, polls=polls)
    wanted = {
        **(POLLS if scenario.stock is not None else {}),
        **({"payouts": POLL_EVERY_S} if scenario.payouts else {}),
    }
    often = {n: msgspec.structs.replace(p, every_s=wanted.get(n, p.every_s)) for n, p in connector.polls.items()}
    return msgspec.structs.replace(connector, polls=often)


def settings() -> dict[str, tuple[dict[str, Any], dict[str, str]]]:
    """Connection -> (settings, secrets)."""
    keys = credentials()
    return {
        SHOP: (
            {
                "shop_domain": "simulated.myshopify.com",
                "api_base": f"http://{SHOP}.test",
                "page_size": 2,
                "overlap_minutes": OVERLAP_S / 60,
            },
            {"access_token": "simulated-token", "webhook_secret": "simulated-secret"},
        ),
        ERP: (
            {**keys.connection_settings(f"http://{ERP}.test"), "concurrency": CONCURRENCY},
            keys.connection_secrets(),
        ),
        WAREHOUSE: (
            {"base_url": f"http://{WAREHOUSE}.test"},
            {"refresh_token": "shiphero-refresh-token", "webhook_secret": "shiphero-webhook-secret"},
        ),
    }


def connector(system: str) -> Connector:
    """The real one, in faster time and without a limit on the simulated account's rate."""
    found = app.connector(system)
    quota = msgspec.structs.replace(found.manifest.quota, rate_per_s=None)
    polls = {n: msgspec.structs.replace(p, every_s=_every_s(n)) for n, p in found.polls.items()}
    manifest = msgspec.structs.replace(found.manifest, quota=quota)
    return msgspec.structs.replace(found, manifest=manifest, polls=polls, translate=_sooner(found.translate))


def _sooner(translate: Callable[[str, str, bytes], list[Event]]) -> Callable[[str, str, bytes], list[Event]]:
    """What is read once more is read after a run of the faster polls."""

    def translated(connection: str, topic: str, body: bytes) -> list[Event]:
        return [
            msgspec.structs.replace(event, again_s=2 * _every_s("returns"))
            if isinstance(event, SignalSeen) and event.again_s
            else event
            for event in translate(connection, topic, body)
        ]

    return translated


def _every_s(poll: str) -> float:
    return SELDOM_EVERY_S if poll in SELDOM else POLL_EVERY_S


class Worker:
    """One process with all roles. Made anew after every crash."""

    def __init__(self, process: Process, world: World) -> None:
        self.process, self.world = process, world
        self._stop = asyncio.Event()
        self._intake = IntakeApp(world)
        polling = PollLoop(world, _unkept, owner_lease_s=POLLS_LEASE_S)
        loops: list[Loop] = [DecideLoop(world), DeliverLoop(world), ScheduleLoop(world), polling]
        self.loops = [process.spawn(_living(loop, self._stop)) for loop in loops]

    async def stop(self) -> None:
        """SIGTERM: finish what is held, then end."""
        self._stop.set()
        self._intake.stop()
        await self.process.spawn(self._intake.drain())
        await asyncio.gather(*self.loops)
        self.process.crash()

    async def take(self, delivery: Deliver) -> int:
        """One webhook through intake's doorway, within this process; 599 when it died on it."""
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.process.on_crash.append(lambda: None if told.done() else told.set_result(NOBODY))
        self.process.spawn(self._serve(delivery, told))
        return await told

    async def _serve(self, delivery: Deliver, told: "asyncio.Future[int]") -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in delivery.headers.items()]
        scope = {
            "type": "http", "method": "POST", "path": urlsplit(delivery.url).path, "client": ("127.0.0.1", 1),
            "headers": [*headers, (b"content-length", b"%d" % len(delivery.body))],
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": delivery.body}

        async def send(event: Any) -> None:
            if event["type"] == "http.response.start" and not told.done():
                told.set_result(int(event["status"]))

        await self._intake(scope, receive, send)


async def _living(loop: Loop, stop: asyncio.Event) -> None:
    await loop.run(stop)


async def _unkept(_connection: str, _error: str | None) -> None:
    """Contacts are for people to see."""


def make_world(
    process: Process,
    store: ProcessStore,
    http: ProcessHttp,
    testimony: Testimony,
    now: Callable[[], datetime],
    seconds: Callable[[], float],
    random: Any,
    connectors: Mapping[str, Connector],
    policy: Policy,
    worker: str,
    *,
    payouts: bool,
) -> World:
    """What the composition root gives a real process, from the simulation."""
    given = settings()
    given[SHOP][0]["stock_locations"] = list(policy.stock.locations) if policy.stock is not None else []
    given[SHOP][0]["payouts"] = payouts
    if policy.push_returns:
        given[SHOP][0]["return_location"] = LOCATION
    if policy.announce_returns:
        given[WAREHOUSE][0]["return_days"] = RETURN_DAYS
    links = {}
    for name in SYSTEMS:
        line = Line(
            connection=name,
            settings=given[name][0],
            secrets=given[name][1],
            http=http,
            tokens=InProcessTokens(seconds),
            now=now,
            unique=lambda: f"{random.getrandbits(128):032x}",
            stopwatch=seconds,
        )
        links[name] = Linked(name, connectors[name], line)
    return World(
        store=store,
        links=links,
        deciders=app.deciders(),
        policies={SHOP: policy},
        holds=lambda _order: [],
        signals=testimony,
        random=random,
        stopwatch=seconds,
        worker=worker,
    )


__all__ = ["HURRY", "SYSTEMS", "Worker", "connector", "make_world", "watched"]
