"""The house: a PostgreSQL, two ``crossdock serve`` on it, the vendors, and a breakable line between any two of them.

Whoever falls is started again by a service manager of ours, as systemd would: that is not what is tested. What is
tested is that nothing is lost, doubled or stuck meanwhile.
"""

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any, TypeAlias

import asyncpg
import msgspec

from benchmarks import machine
from chaos import clock
from chaos.clock import Clock
from chaos.disk import Disk
from chaos.proxy import Proxy
from crossdock.demo.control import Vendors, vendors
from crossdock.demo.folder import write
from crossdock.demo.plan import ERP, SHOP, WAREHOUSE, Plan
from crossdock.demo.vendors import VendorsSpec
from crossdock.observe.tally import Sheet, read_sheet
from crossdock.simulators.netsuite import make_credentials
from crossdock.store.embedded import Embedded
from crossdock.store.migrate import migrate
from crossdock.supervise import SPEC_VARIABLE, ChildSpec

HOOKS, DATABASE = "webhooks", "postgresql"
LINES = (HOOKS, SHOP, ERP, WAREHOUSE, DATABASE)
DISK_MB = 1500
SERVICE_RESTART_S = 1.0
GONE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
POSTGRES = {"max_wal_size": "256MB", "min_wal_size": "64MB"}
SECRETS = {
    SHOP: {"access_token": "shop-token", "webhook_secret": "shop-signs"},
    WAREHOUSE: {"refresh_token": "warehouse-token", "webhook_secret": "warehouse-signs"},
}


class Serve:
    """One ``crossdock serve``. Its service manager starts it again whenever it ends, until ``stop``."""

    def __init__(self, name: str, folder: Path, workers: int) -> None:
        self.name, self.restarts = name, 0
        self.intake, self.console = free_port(), free_port()
        self.log = folder / f"{name}.log"
        self._folder, self._workers = folder, workers
        self._environment: dict[str, str] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    @property
    def pid(self) -> int:
        """Of the parent; 0 while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    @property
    def children(self) -> dict[str, int]:
        """Name (``deliver-0``) -> process id of those who live."""
        named = ((_child_name(pid), pid) for pid in machine.children(self.pid))
        return {name: pid for name, pid in named if name}

    def sheet(self, child: str) -> Sheet | None:
        """What a child says it has done so far; its file is written every two seconds."""
        return read_sheet(self._folder / f"{self.name}.data" / "metrics" / f"{child}.metrics")

    async def start(self, environment: dict[str, str]) -> None:
        """``environment``: beside our own, in every life."""
        self._environment = environment
        self._process = await self._launch()
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """As SIGTERM does; killed when that takes too long."""
        self._stop.set()
        if self._process is None or self._keeping is None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(self._keeping), 30)
        except TimeoutError:
            self.kill_all()
            await self._keeping

    def kill(self) -> None:
        """Only the parent, with -9: its children must notice."""
        os.kill(self.pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """The parent and every child, with -9, at once."""
        for pid in (self.pid, *machine.children(self.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def _keep(self) -> None:
        while self._process is not None:
            await self._process.wait()
            if self._stop.is_set():
                return
            self.restarts += 1
            await asyncio.sleep(SERVICE_RESTART_S)
            self._process = await self._launch()

    async def _launch(self) -> asyncio.subprocess.Process:
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "chaos.serving", "--config", str(self._folder / "config"),
                "--data", str(self._folder / f"{self.name}.data"), "--workers", str(self._workers),
                "--intake", f"127.0.0.1:{self.intake}", "--console", f"127.0.0.1:{self.console}",
                env={**os.environ, **self._environment}, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip


class House:
    """Made by ``open_house``. ``lines``: the proxies by name, PostgreSQL's one per serve. ``servers``: the PostgreSQL
    that it begins with and its standby, if there is one; ``server``: which of them is the primary now."""

    def __init__(self, folder: Path, seed: int, size_mb: int = DISK_MB) -> None:
        self.folder, self.seed = folder, seed
        self.random = Random(seed)
        self.disk = Disk(folder / "disk", size_mb)
        self.log_folder = folder / "postgres-log"
        self.postgres_environment: dict[str, str] = {}
        self.server = self._postgres("pg")
        self.servers = [self.server]
        self.clock: Clock | None = None  # of the first serve
        self.database_clock: Clock | None = None
        self.lines: dict[str, list[Proxy]] = {}
        self.serves: list[Serve] = []
        self.vendors: Vendors

    def _postgres(self, name: str) -> Embedded:
        settings = {**POSTGRES, "log_directory": str(self.log_folder / name)}
        return Embedded(self.folder / "disk" / name, settings=settings, environment=self.postgres_environment)

    def add_standby(self) -> Embedded:
        """One that is not made yet."""
        self.servers.append(self._postgres("standby"))
        return self.servers[-1]

    async def acknowledged(self) -> set[str]:
        """The shop's ids of the orders that it told and was answered 2xx for."""
        return await self.vendors.acknowledged(SHOP)

    async def ask(self, query: str, *values: Any) -> Any:
        """One value, asked past every line; None while the database is away."""
        try:
            connection = await asyncpg.connect(self.server.url(), timeout=5)
        except GONE:
            return None
        try:
            return await connection.fetchval(query, *values, timeout=10)
        except GONE:
            return None
        finally:
            connection.terminate()

    async def answers(self) -> bool:
        """Whether PostgreSQL takes sessions."""
        return bool(await self.ask("select 1"))

    async def ensure_postgres(self) -> None:
        """Start the server again if it is gone, as its service manager would."""
        await asyncio.to_thread(self.server.ensure)

    def refusals(self) -> int:
        """How often PostgreSQL has said that its disk is full."""
        logs = self.log_folder.glob("*/*.log")
        return sum(log.read_bytes().count(b"No space left on device") for log in logs)

    async def until(
        self, reached: Callable[[], Awaitable[bool]], what: str, limit_s: float, every_s: float = 0.1
    ) -> None:
        """Raises ``AssertionError`` when it does not come about."""
        try:
            async with asyncio.timeout(limit_s):
                while not await reached():
                    await asyncio.sleep(every_s)
        except TimeoutError:
            raise AssertionError(f"waited {limit_s:g} s for {what}; {self.last_words()}") from None

    def last_words(self) -> str:
        """The end of every serve's log."""
        begun = [one for one in self.serves if one.log.exists()]
        return "\n".join(f"{one.name}: {one.log.read_text('utf-8', 'replace')[-1500:]}" for one in begun)


Follow: TypeAlias = Callable[[House, Embedded, Embedded], Awaitable[None]]


def free_port() -> int:
    """A loopback port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _child_name(pid: int) -> str | None:
    """What ``crossdock serve`` calls this child of it; None for another process, or one that has ended."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    mark = f"{SPEC_VARIABLE}=".encode()
    told = next((one.removeprefix(mark) for one in environment if one.startswith(mark)), None)
    if told is None:
        return None
    spec = msgspec.json.decode(told, type=ChildSpec)
    return f"{spec.role}-{spec.number}"


@asynccontextmanager
async def open_house(
    seed: int, *, workers: int = 2, keep: bool = False, standby: Follow | None = None
) -> AsyncIterator[House]:
    """Everything in a folder of its own, running, the ERP's items known. ``keep``: leave the folder for a look;
    ``standby``: how a second server is made to follow the first."""
    folder = Path(mkdtemp(prefix="crossdock-chaos-"))
    folder.chmod(0o755)  # the database's account must reach its socket
    house = House(folder, seed)
    house.serves = [Serve(name, folder, workers) for name in ("one", "two")]
    async with AsyncExitStack() as stack:
        if not keep:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        await _lay_ground(house, stack)
        if standby:
            second = house.add_standby()
            stack.callback(second.stop)
            await standby(house, house.server, second)
        await _let_in_vendors(house, stack)
        await _let_in_crossdock(house, stack)
        await house.until(lambda: _known(house), "the ERP's items to be read", 60)
        yield house


async def _known(house: House) -> bool:
    return bool(await house.ask("select count(*) >= 2 from listed"))


async def _lay_ground(house: House, stack: AsyncExitStack) -> None:
    """The database on its disk, and the clocks."""
    house.disk.mount()
    stack.callback(house.disk.unmount)
    account = house.server.account
    house.log_folder.mkdir(mode=0o700)
    if account.switch:
        os.chown(house.log_folder, account.uid, account.gid)
    if preloaded := clock.library():
        stack.callback(clock.sweep)
        house.clock = Clock(house.folder / "clock", preloaded)
        house.database_clock = Clock(house.folder / "database-clock", preloaded)
    house.server.data_dir.mkdir(mode=0o755)  # a standby, which is another process of the same user, goes through it
    url = await asyncio.to_thread(house.server.ensure)
    stack.callback(house.server.stop)
    stack.callback(house.disk.free)
    await migrate(url)


async def _line(house: House, stack: AsyncExitStack, name: str, upstreams: list[Any]) -> Proxy:
    proxy = Proxy(name, upstreams, Random(house.random.random()))
    await proxy.start()
    stack.push_async_callback(proxy.stop)
    house.lines.setdefault(name, []).append(proxy)
    return proxy


async def _let_in_vendors(house: House, stack: AsyncExitStack) -> None:
    hooks = await _line(house, stack, HOOKS, [("127.0.0.1", serve.intake) for serve in house.serves])
    erp = make_credentials(datetime.now(UTC))
    spec = VendorsSpec(
        intake=f"http://127.0.0.1:{hooks.port}",
        seed=house.seed,
        shop={**SECRETS[SHOP], "restore_rate": 2e3, "maximum": 2e4},
        erp={**erp.account_settings(), "concurrency": 15},
        warehouse={**SECRETS[WAREHOUSE], "credits": 2e4, "restore_per_s": 1e3},
    )
    house.vendors = await stack.enter_async_context(vendors(spec))
    urls = {}
    for name, url in house.vendors.urls.items():
        proxy = await _line(house, stack, name, [("127.0.0.1", int(url.rsplit(":", 1)[1]))])
        urls[name] = f"http://127.0.0.1:{proxy.port}"
    settings = {
        SHOP: {"shop_domain": "simulated.myshopify.com", "api_base": urls[SHOP]},
        ERP: {**erp.connection_settings(urls[ERP]), "concurrency": 15},
        WAREHOUSE: {"base_url": urls[WAREHOUSE]},
    }
    one = house.serves[0]  # the other is given its addresses on its command line, as this one is
    intake, console = f"127.0.0.1:{one.intake}", f"127.0.0.1:{one.console}"
    plan = Plan(0, 0.0, False, False, False, 1, None, house.folder, intake, console, house.seed, 0.0)
    write(plan, settings, {**SECRETS, ERP: erp.connection_secrets()})


async def _let_in_crossdock(house: House, stack: AsyncExitStack) -> None:
    for serve in house.serves:
        lines = [await _line(house, stack, DATABASE, [server.socket]) for server in house.servers]
        hosts = ",".join(f"127.0.0.1:{line.port}" for line in lines)
        environment = {
            "DATABASE_URL": f"postgresql://crossdock@{hosts}/crossdock?sslmode=disable",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        if serve is house.serves[0] and house.clock:
            environment |= house.clock.environment
        await serve.start(environment)
        stack.push_async_callback(serve.stop)
