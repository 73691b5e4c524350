"""One run of the demo, from an empty folder to the reconciliation."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from crossdock.demo import watching
from crossdock.demo.books import Books, Reconciliation, reconcile
from crossdock.demo.control import Vendors, vendors
from crossdock.demo.faulting import Faulting
from crossdock.demo.folder import fresh, write
from crossdock.demo.life import Life
from crossdock.demo.pairs import PAIRED, Account
from crossdock.demo.plan import ERP, SHOP, VISITOR, WAREHOUSE, Plan
from crossdock.demo.report import print_reconciliation
from crossdock.demo.vendors import VendorsSpec
from crossdock.demo.watching import Figures, Screen
from crossdock.kit.pausing import pause
from crossdock.serve import Serving
from crossdock.supervise import ROLES, stop_on_signals

TOPICS = {"orders-create": "orders/create", "orders-updated": "orders/updated", "orders-cancelled": "orders/cancelled"}
STILL_S = 60.0  # unchanged for so long with something under way (four leases): it will not move any more
POLLED_STILL_S = 200.0  # the same where orders are polled: after a 429 Amazon's search rests three minutes
RESTED_S = 3.0  # nothing under way for so long: quiet


class Unready(Exception):
    """The demo did not come up. The text says what it waited for."""


async def run(plan: Plan) -> int:
    """Run until stopped, or with ``leave`` until quiet; 0 when everything balances."""
    if plan.samples and PAIRED[plan.pair].polled:
        raise Unready(f"The samples are a shop's webhooks: {plan.pair} takes none.")
    _free(plan.intake)
    _free(plan.console)
    await asyncio.to_thread(fresh, plan.folder)
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with AsyncExitStack() as stack:
        screen = await stack.enter_async_context(_screen(plan))
        demo = await stack.enter_async_context(_demo(plan, screen, stop))
        return await demo.go()


@asynccontextmanager
async def _screen(plan: Plan) -> AsyncIterator[Screen]:
    def say(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    if plan.json or not sys.stderr.isatty():
        yield Screen(None, say)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=4) as live:
        yield Screen(live, say)


@asynccontextmanager
async def _demo(plan: Plan, screen: Screen, stop: asyncio.Event) -> "AsyncIterator[_Demo]":
    """Vendors, database, Crossdock: up when this yields, gone when it ends."""
    from crossdock.app import configuration
    from crossdock.store.pool import reading_pool

    accounts = PAIRED[plan.pair].accounts(Random(f"secrets {plan.seed} {datetime.now(UTC)}"))  # noqa: S311 - simulated, on loopback
    async with AsyncExitStack() as stack:
        screen.note("starting the simulated shop, ERP and warehouse")
        there = await stack.enter_async_context(vendors(_spec(plan, accounts)))
        settings = {name: account.settings(there.urls[name]) for name, account in accounts.items()}
        secrets = {name: account.secrets for name, account in accounts.items()}
        config = configuration(write(plan, settings, secrets))
        extras = {"simulators": dict.fromkeys(there.urls, there.control), "demo_user": VISITOR, "hurry": True}
        serving = Serving(
            config, list(ROLES), plan.workers, plan.folder / "data", None, 10.0, extras, plan.folder / "crossdock.log"
        )
        screen.note("starting the embedded PostgreSQL")
        url = await stack.enter_async_context(serving.database(lambda _said: None))
        link = await serving.first_visit(url)
        pool = await reading_pool(url, size=2)
        stack.push_async_callback(pool.close)
        over = asyncio.Event()
        running = asyncio.create_task(serving.run(url, over, screen.note))
        try:
            yield _Demo(plan, screen, stop, there, serving, pool, url, link or "")
        finally:
            screen.note("stopping")
            over.set()
            await running


def _spec(plan: Plan, accounts: Mapping[str, Account]) -> VendorsSpec:
    """What the vendors are made with."""
    return VendorsSpec(
        intake=f"http://{plan.intake}",
        seed=plan.seed,
        shop=accounts[SHOP].made_with,
        erp=accounts[ERP].made_with,
        warehouse=accounts[WAREHOUSE].made_with,
        samples=str(plan.samples.absolute()) if plan.samples else None,
        pair=plan.pair,
    )


class _Demo:
    def __init__(
        self, plan: Plan, screen: Screen, stop: asyncio.Event, there: Vendors, serving: Serving, pool: Any, url: str,
        link: str,
    ) -> None:  # fmt: skip
        self._plan, self._screen, self._stop, self._vendors = plan, screen, stop, there
        self._serving, self._pool, self._url, self._link = serving, pool, url, link
        self._pair = PAIRED[plan.pair]
        self._random = Random(plan.seed)  # noqa: S311 - which fault strikes whom
        self._doing = "waiting for Crossdock"
        self._excused = set[str]()  # orders that may end with a person
        self._began = monotonic()

    async def go(self) -> int:
        await self._ready()
        self._screen.head(f"console   {self._link}", "          (open it once: it signs you in)")
        self._screen.note(f"ready after {monotonic() - self._began:.1f} s; orders are coming in")
        faulting = Faulting(self._vendors, lambda: self._serving.supervisor, self._random, self._screen.note)
        calm = asyncio.Event()
        breaking = asyncio.create_task(faulting.run(calm)) if self._plan.faults else None
        showing = asyncio.create_task(self._show())
        try:
            await self._trade()
            if self._plan.faults:
                await faulting.once()
        finally:
            calm.set()
            if breaking is not None:
                await breaking
        try:
            return await self._settle(faulting)
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)

    async def _ready(self) -> None:
        """Intake answers, and the ERP's items and customers were read: an order placed now can go all the way."""
        from crossdock.store.postgres import PostgresStore

        host, port = self._plan.intake.rsplit(":", 1)
        store = await PostgresStore.open(self._url, pool_size=1)
        try:
            await self._until(lambda: _answers(host, int(port)), "intake to listen")

            async def known() -> bool:
                return all([await store.masters_listed(ERP, kind) for kind in ("product", "customer")])

            async def looked() -> bool:
                return await store.cursor(SHOP, "orders") is not None

            await self._until(known, "the ERP's items and customers to be read")
            if self._pair.polled:  # what was placed before it began to look was placed before its time
                await self._until(looked, "the shop's orders to be looked at")
        finally:
            await store.close()

    async def _until(self, reached: Callable[[], Any], what: str, limit_s: float = 60.0) -> None:
        began = monotonic()
        while not await reached():
            if self._stop.is_set() or monotonic() - began > limit_s:
                raise Unready(f"The demo waited {monotonic() - began:.0f} s for {what}. The lines above may say why.")
            await asyncio.sleep(0.1)

    async def _trade(self) -> None:
        """Place orders at the rate; a live demo's customers change their minds too."""
        self._doing = "orders are coming in"
        if self._plan.samples:
            await self._send_samples(self._plan.samples)
        placed, began = 0, monotonic()
        life = (
            None
            if self._plan.leave or self._pair.polled
            else Life(self._vendors, self._random, monotonic, self._screen.note)
        )
        if life is not None:
            await life.stock_up()
        while not self._stop.is_set() and (not self._plan.orders or placed < self._plan.orders):
            due = int((monotonic() - began) * self._plan.rate) + 1
            wanted = min(due, self._plan.orders or due) - placed
            if wanted > 0:
                made = await self._vendors.act(SHOP, "place_order", count=wanted)
                placed += wanted
                if life is not None:
                    life.placed(made["ids"])
            if life is not None:
                await life.go_on()
            await pause(self._stop, min(0.2, 1 / self._plan.rate))

    async def _send_samples(self, folder: Path) -> None:
        for file in await asyncio.to_thread(_sample_files, folder):
            kind = file.name.removeprefix("shopify_").split("_")[0]
            sent = await self._vendors.act(SHOP, "send_sample", file=str(file), topic=TOPICS[kind])
            self._excused.add(f"{SHOP}-{sent['id']}")  # real shops' bodies: some sold what no ERP can book
            self._screen.note(f"sample {file.name}: order {sent['id']}")

    async def _settle(self, faulting: Faulting) -> int:
        """Until stopped; or until quiet, and then the reconciliation."""
        if not self._plan.leave:
            self._doing = "all orders are placed; Ctrl-C stops the demo"
            await self._stop.wait()
            return 0
        self._doing = "waiting until all is quiet"
        quiet = await self._quiet()
        found = await self._reconciled()
        print_reconciliation(found, self._plan.json, quiet, dict(faulting.counts), monotonic() - self._began)
        return 0 if found.balances and quiet else 1

    async def _quiet(self) -> bool:
        """Wait until nothing is under way any more. False: it did not become quiet within the limit."""
        began = changed = monotonic()
        last, still_limit_s = Figures(), POLLED_STILL_S if self._pair.polled else STILL_S
        while not self._stop.is_set() and monotonic() - began < self._plan.quiet_s:
            now = await self._figures()
            if now != last:
                last, changed = now, monotonic()
            still_s = monotonic() - changed
            if still_s > RESTED_S and not now.moving and not now.webhooks:
                return True
            if still_s > still_limit_s:
                self._screen.note(f"{now.moving} under way have not moved for {still_s:.0f} s")
                return False
            await pause(self._stop, 0.5)
        return False

    async def _reconciled(self) -> Reconciliation:
        exceptions = await watching.exceptions_by_order(self._pool)
        return reconcile(*await self._books(), exceptions, self._excused)

    async def _books(self) -> tuple[Books, Books, Books]:
        """The shop's, the ERP's and the warehouse's, in the one form."""
        shop, erp, warehouse = [await self._vendors.books(name) for name in (SHOP, ERP, WAREHOUSE)]
        return self._pair.shop_books(shop), self._pair.erp_books(erp), warehouse

    async def _figures(self) -> Figures:
        told = await self._vendors.pending()
        return await watching.figures(self._pool, *await self._books(), told, polled=self._pair.polled)

    async def _show(self) -> None:
        first = 0.0
        while True:
            now = await self._figures()
            if now.booked and not first:
                first = monotonic() - self._began
                self._screen.note(f"the first order was in the ERP {first:.1f} s after the start")
            self._screen.show(now, self._doing)
            await asyncio.sleep(1.0)


def _sample_files(folder: Path) -> list[Path]:
    return [file.absolute() for file in sorted(folder.glob("shopify_orders-*.json"))]


async def _answers(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def _free(where: str) -> None:
    """Raises ``Unready`` when somebody listens there already."""
    host, port = where.rsplit(":", 1)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise Unready(f"{where} is taken ({error.strerror}). Give other addresses: --intake, --console") from error
