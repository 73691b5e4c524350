"""Real processes, killed with -9 in the middle of everything: in the end the vendors' books balance to the cent.

Every role is killed, deciders and deliverers each of them, then one of PostgreSQL's backends (which takes all of its
sessions down) and its postmaster. Who dies when is drawn from a seed; when exactly, the machine decides.
"""

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

import asyncpg
import pytest

from crossdock import app
from crossdock.demo import watching
from crossdock.demo.books import reconcile
from crossdock.demo.control import Vendors, vendors
from crossdock.demo.folder import write
from crossdock.demo.plan import ERP, SHOP, WAREHOUSE, Plan
from crossdock.demo.vendors import VendorsSpec
from crossdock.serve import Serving
from crossdock.simulators.netsuite import make_credentials
from crossdock.store import asked
from crossdock.store.embedded import Embedded
from crossdock.store.pool import reading_pool
from crossdock.supervise import ROLES

ORDERS, AT_ONCE = 300, 10
SEED = 20
QUIET_S = 100.0  # at most; leases of hurried connections are 15 s, and a killed worker's slots are free after 10
MOVING = """
select (select count(*) from agenda) + (select count(*) from dispatch)
     + (select count(*) from streams where status in ('open', 'waiting'))
"""


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """Below /tmp: pytest's own directories are too deep for a socket, and closed to the database's account."""
    folder = Path(mkdtemp(prefix="cd-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class House:
    """The vendors, one ``crossdock serve`` and who may be killed in it."""

    def __init__(self, there: Vendors, serving: Serving, data: Path, url: str, said: list[str]) -> None:
        self.vendors, self.serving, self.url, self.said = there, serving, url, said
        self._embedded = Embedded(data)
        self.killed: list[str] = []

    @property
    def children(self) -> dict[str, int]:
        """Name -> process id of those who live."""
        supervisor = self.serving.supervisor
        return {child.name: child.pid for child in supervisor.children if child.pid} if supervisor else {}

    async def kill(self, victim: str) -> None:
        """Kill one that lives; waits for it to be there."""
        if victim == "postmaster":
            pid = await self._found(lambda: asked.listener_pid(self._embedded.socket))
        elif victim == "backend":
            pid = await self._found(self._backend)
        else:
            pid = await self._found(lambda: self.children.get(victim))
        os.kill(pid, signal.SIGKILL)
        self.killed.append(victim)

    async def _found(self, look: Any) -> int:
        async with asyncio.timeout(30):
            while True:
                found = look()
                pid = await found if asyncio.iscoroutine(found) else found
                if pid:
                    return int(pid)
                await asyncio.sleep(0.05)

    async def _backend(self) -> int | None:
        found = await self.ask("select max(pid) from pg_stat_activity where application_name = 'crossdock engine'")
        return None if found is None else int(found)

    async def ask(self, query: str) -> Any:
        """One value; None while the database is away."""
        try:
            connection = await asyncpg.connect(self.url, timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return None
        try:
            return await connection.fetchval(query)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None
        finally:
            connection.terminate()

    async def quiet(self) -> bool:
        """Nothing moves: asked of the vendors and of the database."""
        if await self.vendors.pending() or (await self.vendors.books(SHOP))["unpaid"]:
            return False
        return bool(await self.ask(MOVING) == 0)

    async def until(self, reached: Any, what: str, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                while not await reached():
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"waited {limit_s:g} s for {what}; {'; '.join(self.said[-20:])}") from None


@asynccontextmanager
async def _house(folder: Path) -> AsyncIterator[House]:
    intake, console = (f"127.0.0.1:{_free_port()}" for _ in range(2))
    plan = Plan(ORDERS, 0.0, False, False, True, 2, None, folder, intake, console, SEED, QUIET_S)
    erp = make_credentials(datetime.now(UTC))
    spec = VendorsSpec(
        intake=f"http://{intake}",
        seed=SEED,
        shop={"access_token": "token", "webhook_secret": "hook", "restore_rate": 2e3, "maximum": 2e4},
        erp={**erp.account_settings(), "concurrency": 15},
        warehouse={"refresh_token": "hero", "webhook_secret": "hero hook", "credits": 2e4, "restore_per_s": 1e3},
    )
    secrets = {
        SHOP: {"access_token": "token", "webhook_secret": "hook"},
        ERP: erp.connection_secrets(),
        WAREHOUSE: {"refresh_token": "hero", "webhook_secret": "hero hook"},
    }
    said: list[str] = []
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(vendors(spec))
        settings = {
            SHOP: {"shop_domain": "simulated.myshopify.com", "api_base": there.urls[SHOP]},
            ERP: {**erp.connection_settings(there.urls[ERP]), "concurrency": 15},
            WAREHOUSE: {"base_url": there.urls[WAREHOUSE]},
        }
        config = app.configuration(write(plan, settings, secrets))
        data = folder / "data"
        serving = Serving(config, list(ROLES), 2, data, None, 10.0, {"hurry": True}, folder / "crossdock.log")
        url = await stack.enter_async_context(serving.database(said.append))
        running = asyncio.create_task(serving.run(url, stop, said.append))
        try:
            yield House(there, serving, data, url, said)
        finally:
            stop.set()
            await running


async def _known(house: House) -> bool:
    """All of the account's items and customers were read once: an order that comes before waits for them."""
    return bool(await house.ask("select count(*) >= 2 from listed"))


async def _trade(house: House) -> None:
    """Orders all the time, while others die."""
    for _ in range(ORDERS // AT_ONCE):
        await house.vendors.act(SHOP, "place_order", count=AT_ONCE)
        await asyncio.sleep(0.4)


@pytest.mark.chaos
@pytest.mark.timeout(200)
async def test_whoever_is_killed_the_books_balance(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(app.__file__).parents[1]))  # for the children
    random = Random(SEED)
    async with _house(short_dir) as house:
        await house.until(lambda: _known(house), "the ERP's items to be read", 60)
        victims = sorted(house.children)
        assert {name.rpartition("-")[0] for name in victims} == set(ROLES) - {
            "partner"
        }  # which no configuration here asks for
        await house.vendors.faults(SHOP, duplicate_webhooks=0.1, shuffled_webhooks=0.1, dropped_webhooks=0.03)
        trading = asyncio.create_task(_trade(house))
        doomed = [*victims, *random.sample(victims, 3), "backend", "postmaster"]
        random.shuffle(doomed)
        for victim in doomed:
            await asyncio.sleep(random.uniform(0.3, 1.2))
            await house.kill(victim)
        await trading
        await house.vendors.faults(SHOP, duplicate_webhooks=0.0, shuffled_webhooks=0.0, dropped_webhooks=0.0)
        await house.until(house.quiet, "all to be quiet", QUIET_S)
        shop, erp, warehouse = [await house.vendors.books(name) for name in (SHOP, ERP, WAREHOUSE)]
        pool = await reading_pool(house.url, size=1)
        try:
            exceptions = await watching.exceptions_by_order(pool)
        finally:
            await pool.close()
        restarts = {child.name: child.restarts for child in house.serving.supervisor.children}  # type: ignore[union-attr]
    found = reconcile(shop, erp, warehouse, exceptions)
    assert len(shop["orders"]) == ORDERS
    assert found.wrong == []
    assert found.balances, found.accounts
    assert exceptions == {}
    assert len(erp["sales_orders"]) == len(erp["invoices"]) == found.counts["orders in the shop"]
    assert all(restarts[name] >= 1 for name in victims), restarts
    assert set(house.killed) == {*victims, "backend", "postmaster"}
