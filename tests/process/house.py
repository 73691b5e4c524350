"""A whole house in one process: a shop, an ERP and a warehouse with books of their own, and Crossdock between them.

Real PostgreSQL, connectors, loops, intake and configuration; only the sockets are left out (``in_process_http``).
Waits are for conditions with a deadline; leases and settle times are shortened through the operations' own fields.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import msgspec
import yaml

from crossdock import app
from crossdock.domain.decision import StreamRef
from crossdock.domain.events import OperatorActed, encode_event
from crossdock.domain.state import OrderState, decode_state
from crossdock.engine.deciding import DecideLoop
from crossdock.engine.delivering import DeliverLoop
from crossdock.engine.scheduling import ScheduleLoop
from crossdock.engine.world import Linked, Loop, World
from crossdock.intake.doorway import IntakeApp
from crossdock.intake.polling import Run, Tally, run_pages
from crossdock.intake.polls import PollLoop
from crossdock.observe.signals import Signals, Silence
from crossdock.simulators.base import Deliver, Surroundings
from crossdock.simulators.shiphero import ShipHeroSimulator
from crossdock.simulators.shopify import ShopifySimulator
from crossdock.store import invariants
from crossdock.store.contacts import Contacts
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import LIVE, Arrival
from crossdock.store.squeeze import Squeeze
from tests.process.erps import ERPS
from tests.support.in_process_http import InProcessHttp, watched

SHOP, ERP, WAREHOUSE = "shop", "erp", "warehouse"
SYSTEMS = {SHOP: "shopify", ERP: "netsuite", WAREHOUSE: "shiphero"}
# Passing tests need a second or two; a machine that has little time for them may need many more.
DEADLINE_S = float(os.environ.get("CROSSDOCK_TEST_DEADLINE_S") or 60.0)
HOOK = "http://127.0.0.1/in"
AT_ONCE = {"allocate_s": 0.0, "pick_s": 0.0, "ship_s": 0.0, "spread_s": 0.0, "split": 0.0, "two_parcels": 0.0}
PLAIN = dict.fromkeys(("presentment", "late_paid", "discount", "gift_card_tender", "tip", "duties", "split"), 0.0)

_PROCESS: ContextVar["Engine | None"] = ContextVar("process", default=None)


class House:
    """Everything that stands for as long as a test. ``engines`` come and go."""

    signals: Signals = Silence()  # of every process

    def __init__(
        self, folder: Path, url: str, store: PostgresStore, vendors: "Vendors", config: Any, http: InProcessHttp
    ) -> None:
        self.folder, self.url, self.store, self.config, self.http = folder, url, store, config, http
        self.vendors = vendors
        self.shop, self.erp, self.warehouse = vendors.shop, vendors.erp, vendors.warehouse
        self.lease_s, self.settle_s = 20.0, 0.5
        self.slots = True  # False: no limit on calls in flight, so that a killed engine's slots need not run out first
        self.every_s: float | None = None  # of polls; None: the engine runs none
        self.statuses: list[int] = []  # what intake answered
        self._intake: IntakeApp | None = None
        self._acts = 0

    @asynccontextmanager
    async def world(self, store: PostgresStore, worker: str) -> AsyncIterator[World]:
        """A process's world, as ``app`` makes it, through our network."""
        async with app.using(self.config, store, self.signals, worker, role="decide") as made:
            links = {name: self._linked(link) for name, link in made.links.items()}
            yield msgspec.structs.replace(made, links=links)

    def _linked(self, link: Linked) -> Linked:
        connector = watched(link.connector, lease_s=self.lease_s, settle_s=self.settle_s)
        if not self.slots:
            quota = msgspec.structs.replace(connector.manifest.quota, concurrency=None)
            manifest = msgspec.structs.replace(connector.manifest, quota=quota)
            connector = msgspec.structs.replace(connector, manifest=manifest)
        if self.every_s is not None:
            polls = {n: msgspec.structs.replace(p, every_s=self.every_s) for n, p in connector.polls.items()}
            connector = msgspec.structs.replace(connector, polls=polls)
        return Linked(link.name, connector, msgspec.structs.replace(link.line, http=self.http))

    async def post(self, delivery: Deliver) -> int:
        """One webhook through intake's doorway; its status."""
        assert self._intake is not None
        told: list[dict[str, Any]] = []
        headers = [(name.lower().encode(), value.encode()) for name, value in delivery.headers.items()]
        scope = {
            "type": "http", "method": "POST", "path": urlsplit(delivery.url).path, "client": ("127.0.0.1", 1),
            "headers": [*headers, (b"content-length", b"%d" % len(delivery.body))],
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": delivery.body}

        async def send(event: Any) -> None:
            told.append(event)

        await self._intake(scope, receive, send)
        self.statuses.append(told[0]["status"])
        return int(told[0]["status"])

    async def poll(self, name: str, poll: str) -> Tally:
        """One run of a connection's poll."""
        tally = Tally()
        async with self.world(self.store, "poller") as world:
            run = Run(world.links[name], world.links[name].connector.polls[poll], poll, {}, LIVE, asyncio.sleep)
            await run_pages(world, run, lambda: True, lambda _tally: None, tally)
        return tally

    async def act(self, order_id: str, action: str, reason: str = "as agreed", **args: Any) -> None:
        """A person acts on an order."""
        await self.act_on("order", order_id, action, reason, **args)

    async def act_on(self, kind: str, id_: str, action: str, reason: str = "as agreed", **args: Any) -> None:
        """A person acts on a stream of the channel's."""
        self._acts += 1
        event = encode_event(OperatorActed(action, "ada", reason, args))
        ref = StreamRef(kind, f"{SHOP}-{id_}")
        await self.store.accept([Arrival(SHOP, f"act:{self._acts}", "operator", action, ref, event)])
        await self.store.wake("decide")

    async def until(self, reached: Callable[[], Any], what: str, limit_s: float = DEADLINE_S) -> None:
        """Wait until ``reached()`` (a value or something to await) is true."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while True:
                    found = reached()
                    if await found if asyncio.iscoroutine(found) else found:
                        return
                    await asyncio.sleep(0.01)
        raise AssertionError(f"waited {limit_s:g} s for {what}\n{await self.report()}")

    async def next_second(self) -> None:
        """Until a change made now has another ``updated_at`` than what was there: the shop tells whole seconds."""
        second = datetime.now(UTC).second
        await self.until(lambda: datetime.now(UTC).second != second, "the next second")

    async def quiet(self, limit_s: float = DEADLINE_S) -> None:
        """Wait until nothing moves: mail delivered, agenda and dispatch empty, every order at rest."""
        await self.until(self._is_quiet, "all to be quiet", limit_s)

    async def _is_quiet(self) -> bool:
        if self.vendors.mail.waiting or self.http.late or self.shop.books()["unpaid"]:
            return False
        moving = await self.store.pool.fetchval(
            "select (select count(*) from agenda) + (select count(*) from dispatch) + "
            "(select count(*) from streams where status in ('open', 'waiting'))"
        )
        return not moving

    async def status(self, order_id: str) -> str | None:
        """The order's status; None before its first decision."""
        found = await self.store.pool.fetchval(
            "select status from streams where kind = 'order' and key = $1 and version > 0", f"{SHOP}-{order_id}"
        )
        return None if found is None else str(found)

    async def state(self, order_id: str) -> OrderState:
        """The order as the decider last left it."""
        found = await self.store.pool.fetchval(
            "select state from streams where kind = 'order' and key = $1", f"{SHOP}-{order_id}"
        )
        return decode_state(Squeeze().unpack(found))

    async def problems(self) -> list[tuple[str, str, str]]:
        """Open exceptions: stream key, code, title."""
        rows = await self.store.pool.fetch(
            "select s.key, e.code, e.title from exceptions e join streams s on s.id = e.stream_id "
            "where e.state = 'open' order by 1, 2"
        )
        return [(row["key"], row["code"], row["title"]) for row in rows]

    async def report(self) -> str:
        """What a person needs to see when a wait was in vain."""
        rows = await self.store.pool.fetch("select kind, key, status, step, reason from streams order by 1, 2")
        dispatch = await self.store.pool.fetch(
            "select c.key, d.due_at - now() as due from dispatch d join commands c on c.id = d.command_id"
        )
        lines = [" ".join(map(str, row.values())) for row in (*rows, *dispatch)]
        lines += [f"exception {problem}" for problem in await self.problems()]
        return "\n".join([*lines, f"mail waiting {self.vendors.mail.waiting}, late {self.http.late}"])

    @asynccontextmanager
    async def open(self) -> AsyncIterator["House"]:
        """Intake takes webhooks, vendors work, the ERP's masters are known. On leaving, the tables agree."""
        await self._register()
        async with self.world(self.store, "intake") as world, self.vendors.working(self.post):
            self._intake = IntakeApp(world)
            await self.poll(ERP, "items")
            await self.poll(ERP, "customers")
            try:
                yield self
            finally:
                await self._intake.drain()
                await self.http.close()
        if found := await self.contradictions():
            raise AssertionError(f"rows contradict each other: {found}")

    async def contradictions(self) -> list[str]:
        """What the day's look at the invariants finds, in a house whose tables are PostgreSQL's."""
        if not isinstance(self.store, PostgresStore):
            return []
        checked = await invariants.check(self.store.pool)
        assert all(one.count is not None for one in checked), checked
        return [f"{one.invariant.name} {row.id}: {row.says}" for one in checked for row in one.broken]

    async def _register(self) -> None:
        for setup in self.config.connections.values():
            manifest = app.connector(setup.system).manifest
            await self.store.register(
                setup.name, setup.system, role=manifest.role, region=None, api_version=manifest.api_version,
                mapping_version=manifest.mapping_version,
            )  # fmt: skip

    @asynccontextmanager
    async def running(self, worker: str = "w1") -> AsyncIterator["Engine"]:
        """An engine that is stopped as SIGTERM would, unless it crashed before."""
        engine = await Engine.start(self, worker)
        try:
            yield engine
        finally:
            await engine.stop()


class Engine:
    """Decide, deliver and schedule as one process would run them, with a store of their own. Can be killed."""

    def __init__(self, store: PostgresStore, stack: AsyncExitStack) -> None:
        self._store, self._stack = store, stack
        self._stop = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        self.gone = False

    @staticmethod
    async def start(house: House, worker: str) -> "Engine":
        stack = AsyncExitStack()
        store = await PostgresStore.open(house.url, pool_size=8)
        world = await stack.enter_async_context(house.world(store, worker))
        engine = Engine(store, stack)
        token = _PROCESS.set(engine)  # every task made by these loops, and by what they start, is the engine's
        try:
            loops: list[Loop] = [DecideLoop(world), DeliverLoop(world), ScheduleLoop(world)]
            if house.every_s is not None:
                loops.append(PollLoop(world, Contacts(store.pool).note, tick_s=0.05))
            engine._loops = [asyncio.create_task(loop.run(engine._stop)) for loop in loops]
        finally:
            _PROCESS.reset(token)
        return engine

    async def stop(self) -> None:
        """Finish what is held, then end; raises what a loop raised."""
        if self.gone:
            return
        self.gone = True
        self._stop.set()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.gather(*self._loops)
        finally:
            await self._close()

    async def kill(self) -> None:
        """End at once: nothing is finished, recorded or given back."""
        self.gone = True
        self._store.pool.terminate()
        async with asyncio.timeout(DEADLINE_S):
            while alive := [task for task in self.tasks if not task.done()]:
                for task in alive:
                    task.cancel()  # again: one that met the torn connection may have taken that for its end
                await asyncio.wait(alive, timeout=0.05)
        await self._close()

    async def _close(self) -> None:
        await self._stack.aclose()
        await self._store.close()


def task_factory(loop: asyncio.AbstractEventLoop, work: Any, **rest: Any) -> "asyncio.Task[Any]":
    """Notes which engine a task belongs to."""
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **rest)
    engine = _PROCESS.get()
    if engine is not None:
        engine.tasks.add(task)
    return task


class Mail:
    """Webhooks under way. ``held`` keeps them until a test lets them go in the order it likes."""

    def __init__(self) -> None:
        self.held = False
        self.kept: list[Deliver] = []
        self.copies = 1
        self.lost = False
        self._queue: asyncio.Queue[Deliver] = asyncio.Queue()
        self._open = 0

    @property
    def waiting(self) -> int:
        return self._open

    def take(self, delivery: Deliver) -> None:
        if self.lost:
            return
        if self.held:
            self.kept.append(delivery)
            return
        for _ in range(self.copies):
            self._open += 1
            self._queue.put_nowait(delivery)

    def let_go(self, deliveries: list[Deliver]) -> None:
        """Send these now, begun in this order, several at a time; from now on nothing is held."""
        self.held, self.kept = False, []
        for delivery in deliveries:
            self.take(delivery)

    async def deliver(self, post: Callable[[Deliver], Any]) -> None:
        while True:
            delivery = await self._queue.get()
            try:
                status = await post(delivery)
                assert status in (200, 202), f"{delivery.headers} was answered {status}"
            finally:
                self._open -= 1


class Vendors:
    """Three accounts, by the wall clock. A subclass may name another channel or ERP."""

    systems: Mapping[str, str] = SYSTEMS

    def __init__(self, seed: int, shop: Mapping[str, Any], warehouse: Mapping[str, Any]) -> None:
        self.mail = Mail()
        self._random = Random(seed)
        self.shop: Any = self.open_shop(shop)
        self.at_erp = ERPS[self.systems[ERP]](ERP, self._around())
        self.erp: Any = self.at_erp.account
        self.warehouse = ShipHeroSimulator(
            WAREHOUSE, self._around(), webhook_url=f"{HOOK}/shiphero/{WAREHOUSE}",
            **{"credits": 1e5, "restore_per_s": 1e5, **AT_ONCE, **warehouse},
        )  # fmt: skip

    def open_shop(self, shop: Mapping[str, Any]) -> Any:
        """The channel's account."""
        rates = {**PLAIN, **shop.get("rates", {})}
        settings = {"restore_rate": 1e5, "maximum": 1e5, "late_paid_s": 0.3, **shop, "rates": rates}
        return ShopifySimulator(SHOP, self._around(), webhook_url=f"{HOOK}/shopify/{SHOP}", **settings)

    def shop_connection(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Settings and secrets of the connection to the channel."""
        settings = {"shop_domain": "simulated.myshopify.com", "api_base": f"http://{SHOP}.test"}
        return settings, {"access_token": "simulated-token", "webhook_secret": "simulated-secret"}

    def _around(self) -> Surroundings:
        return Surroundings(lambda: datetime.now(UTC), asyncio.sleep, Random(self._random.random()), self.mail.take)

    @property
    def by_host(self) -> dict[str, Any]:
        return {f"{one.name}.test": one for one in (self.shop, self.erp, self.warehouse)}

    @asynccontextmanager
    async def working(self, post: Callable[[Deliver], Any]) -> AsyncIterator[None]:
        """They tick and their mail is carried; what fails there fails the test."""
        tasks = [asyncio.create_task(self._tick()), *(asyncio.create_task(self.mail.deliver(post)) for _ in range(4))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            wrong = [one for one in ended if not isinstance(one, asyncio.CancelledError)]
            assert not wrong, wrong

    async def _tick(self) -> None:
        while True:
            for one in (self.shop, self.erp, self.warehouse):
                await one.tick()
            await asyncio.sleep(0.01)


def write_config(folder: Path, vendors: Vendors, route: Mapping[str, Any], holds: list[dict[str, Any]]) -> Path:
    """The configuration that joins the vendors."""
    shop_settings, shop_secrets = vendors.shop_connection()
    settings = {
        SHOP: shop_settings,
        ERP: vendors.at_erp.settings,
        WAREHOUSE: {"base_url": f"http://{WAREHOUSE}.test", "tracking_days": 14},
    }
    secrets = {
        SHOP: shop_secrets,
        ERP: vendors.at_erp.secrets,
        WAREHOUSE: {"refresh_token": "shiphero-refresh-token", "webhook_secret": "shiphero-webhook-secret"},
    }
    connections = {}
    for name, system in vendors.systems.items():
        for key, value in secrets[name].items():
            file = folder / f"{name}-{key}"
            file.touch(mode=0o600)
            file.write_text(value)
        references = {key: f"file:{name}-{key}" for key in secrets[name]}
        quota = {} if system == "netsuite" else {"rate_per_s": 100_000, "burst": 100_000}
        connections[name] = {"system": system, "settings": settings[name], "secrets": references, "quota": quota}
    routes = [{"channel": SHOP, "erp": ERP, "warehouse": WAREHOUSE, "guest_customer": vendors.at_erp.guest, **route}]
    (folder / "crossdock.yaml").write_text(
        yaml.safe_dump({"connections": connections, "routes": routes, "holds": holds}), "utf-8"
    )
    return folder


@asynccontextmanager
async def house(
    folder: Path, url: str, *, seed: int = 7, shop: Mapping[str, Any] | None = None,
    warehouse: Mapping[str, Any] | None = None, route: Mapping[str, Any] | None = None,
    holds: list[dict[str, Any]] | None = None, accounts: type[Vendors] = Vendors, made: type[House] = House,
) -> AsyncIterator[House]:  # fmt: skip
    """A house whose doors are open. Start an engine with ``running``."""
    asyncio.get_running_loop().set_task_factory(task_factory)
    vendors = accounts(seed, shop or {}, warehouse or {})
    config = app.configuration(write_config(folder, vendors, route or {}, holds or []))
    store = await PostgresStore.open(url)
    try:
        opened = made(folder, url, store, vendors, config, InProcessHttp(vendors.by_host))
        async with opened.open():
            yield opened
    finally:
        await store.close()
