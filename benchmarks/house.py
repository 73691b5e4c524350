"""A whole Crossdock for measuring: its own database, `crossdock serve` as users start it, and stubs as the vendors."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import asyncpg
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks import load, machine
from crossdock.domain.decision import ProductMaster
from crossdock.store.embedded import Embedded
from crossdock.store.migrate import migrate
from crossdock.store.postgres import PostgresStore

SECRET = "bench-secret-bench-secret"
LINES = 5  # per order: about 6 KB of JSON
ERP_CONNECTION = """\
  erp1:
    system: netsuite
    settings:
      account_id: "1234567"
      base_url: "{erp}/erp"
      client_id: bench
      certificate_id: bench
      algorithm: ES256
      concurrency: {concurrency}
    secrets: {{private_key: "file:key.pem"}}
"""
CONFIG = (
    """\
connections:
  shop1:
    system: shopify
    settings: {{shop_domain: acme.myshopify.com, api_base: {erp}}}
    secrets: {{webhook_secret: "env:BENCH_SECRET", access_token: "env:BENCH_SECRET"}}
"""
    + ERP_CONNECTION
    + """\
routes:
  - channel: shop1
    erp: erp1
    guest_customer: "9001"
    invoice: take
serve:
  intake: 127.0.0.1:{intake}
  console: 127.0.0.1:{console}
"""
)


class Street(msgspec.Struct, frozen=True):
    """The vendors of a house and the configuration that joins them.

    ``config`` is formatted with the ports and the concurrency. ``environment`` is the stub's, with ``%(intake)s`` for
    intake's port.
    """

    stub: str = "benchmarks.stub_erp"
    config: str = CONFIG
    environment: dict[str, str] = {}


class Usage(msgspec.Struct, frozen=True):
    """CPU seconds by stage and resident MB of Crossdock's own processes, at one moment."""

    at: float
    cpu_s: dict[str, float]
    rss_mb: float

    def per_order_us(self, before: "Usage", orders: int) -> dict[str, float]:
        """CPU µs per order between two moments."""
        return {role: round((self.cpu_s[role] - before.cpu_s.get(role, 0.0)) / orders * 1e6, 1) for role in self.cpu_s}


class House:
    """A running installation. Made by ``house``."""

    lines = LINES

    def __init__(
        self, folder: Path, server: asyncio.subprocess.Process, pool: Any, url: str, ports: dict[str, int]
    ) -> None:
        self.folder = folder
        self.url = url
        self.server = server
        self.pool = pool
        self.ports = ports
        self._postmaster = int((folder / "data" / "cluster" / "postmaster.pid").read_text().split()[0])
        self.next_number = 1

    @property
    def webhooks(self) -> str:
        return f"http://127.0.0.1:{self.ports['intake']}/in/shopify/shop1"

    def orders(self, count: int, lines: int = LINES) -> list[bytes]:
        """That many new signed webhooks, whole requests, made before anything is timed."""
        made = list(islice(load.signed(self.webhooks, SECRET, load.orders(self.next_number, lines)), count))
        self.next_number += count
        return made

    @staticmethod
    def key(number: int) -> str:
        """The canonical key of the made-up order with this number."""
        return f"shop1-{load.FIRST_ID + number}"

    async def roles(self) -> dict[int, str]:
        """Process id -> role, of the living children of ``serve``."""
        rows = await self.pool.fetch("select pid, roles from workers where seen_at > now() - interval '30 s'")
        if self.server.returncode is not None:
            raise RuntimeError(f"serve ended: {(self.folder / 'serve.log').read_text()[-2000:]}")
        here = set(machine.children(self.server.pid))
        return {row["pid"]: row["roles"] for row in rows if row["pid"] in here}

    async def usage(self) -> Usage:
        cpu: dict[str, float] = {}
        rss = 0.0
        for pid, role in {**await self.roles(), self.server.pid: "supervisor"}.items():
            if (found := machine.cost(pid)) is not None:
                cpu[role] = cpu.get(role, 0.0) + found.cpu_s
                rss += found.rss_mb
        servers = [machine.cost(pid) for pid in [self._postmaster, *machine.children(self._postmaster)]]
        cpu["postgresql"] = sum(server.cpu_s for server in servers if server is not None)
        return Usage(time.monotonic(), cpu, round(rss, 1))

    async def pending(self) -> int:
        """Messages and commands that are still to be served."""
        found: int = await self.pool.fetchval("select (select count(*) from agenda) + (select count(*) from dispatch)")
        return found

    async def quiet(self, at_most_s: float = 300.0, every_s: float = 0.05) -> float:
        """Wait until nothing is pending; returns when that was (monotonic). Counting a long backlog is a load too: then
        ask seldom."""
        async with asyncio.timeout(at_most_s):
            while await self.pending():
                await asyncio.sleep(every_s)
        return time.monotonic()

    async def decided(self, at_most_s: float = 300.0) -> None:
        """Wait until nothing is left to decide; commands may wait for an ERP that is away."""
        async with asyncio.timeout(at_most_s):
            while await self.pool.fetchval("select exists (select 1 from agenda)"):
                await asyncio.sleep(0.1)

    async def closed(self, at_most_s: float = 120.0) -> None:
        """Wait until the ERP's breaker lets everything through."""
        async with asyncio.timeout(at_most_s):
            while await self.pool.fetchval("select breaker <> 'closed' from connections where name = 'erp1'"):
                await asyncio.sleep(0.1)

    def stub(self, what: str) -> dict[str, Any]:
        """Ask the stub of its books, or tell it something: what it knows, its own module says."""
        with urlopen(f"http://127.0.0.1:{self.ports['erp']}/stub/{what}", timeout=10) as answer:
            found: dict[str, Any] = msgspec.json.decode(answer.read())
        return found


@asynccontextmanager
async def house(
    roles: str = "intake,decide,deliver,schedule",
    *,
    street: Street = Street(),  # noqa: B008 - frozen
    concurrency: int = 64,
    shared_buffers: str = "512MB",
) -> AsyncIterator[House]:
    """Start everything in a folder of its own; stop and remove it on leaving."""
    folder = Path(tempfile.mkdtemp(prefix="crossdock-bench-"))
    try:
        ports = dict(zip(("intake", "console"), _free_ports(), strict=True))
        stub, ports["erp"] = await _stub(street, ports)
        _configure(folder, street, ports, concurrency)
        database = Embedded(folder / "data", shared_buffers=shared_buffers)
        await migrate(database.ensure())
        server = await _serve(folder, roles)
        try:
            pool = await asyncpg.create_pool(database.url(), min_size=1, max_size=2)
            here = House(folder, server, pool, database.url(), ports)
            await _ready(here, roles)
            await _masters(database.url())
            yield here
            await pool.close()
        finally:
            await _end(server)
            await _end(stub)
            database.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _stub(street: Street, ports: dict[str, int]) -> tuple[asyncio.subprocess.Process, int]:
    told = {name: text % ports for name, text in street.environment.items()}
    stub = await asyncio.create_subprocess_exec(
        sys.executable, "-m", street.stub, env={**os.environ, **told}, stdout=asyncio.subprocess.PIPE
    )
    assert stub.stdout is not None
    return stub, int(await stub.stdout.readline())


def _free_ports() -> Iterator[int]:
    import socket

    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]
        yield other.getsockname()[1]


def _configure(folder: Path, street: Street, ports: dict[str, int], concurrency: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secret = folder / "key.pem"
    secret.touch(0o600)
    secret.write_bytes(pem)
    (folder / "crossdock.yaml").write_text(
        street.config.format(
            erp=f"http://127.0.0.1:{ports['erp']}",
            concurrency=concurrency,
            intake=ports["intake"],
            console=ports["console"],
        )
    )


async def _serve(folder: Path, roles: str) -> asyncio.subprocess.Process:
    with (folder / "serve.log").open("wb") as log:  # the child has its own
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "crossdock.cli", "serve", "--config", str(folder), "--data", str(folder / "data"),
            "--roles", roles,
            env={**os.environ, "BENCH_SECRET": SECRET},
            stdout=log, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip


async def _ready(here: House, roles: str) -> None:
    wanted = set(roles.split(","))
    try:
        async with asyncio.timeout(60):
            while wanted - set((await here.roles()).values()):
                await asyncio.sleep(0.1)
    except (TimeoutError, asyncpg.PostgresError) as error:
        raise RuntimeError(f"serve did not come up: {(here.folder / 'serve.log').read_text()[-2000:]}") from error


async def _masters(url: str) -> None:
    """The products that the made-up orders use."""
    store = await PostgresStore.open(url, pool_size=1)
    rows = [
        (sku, msgspec.json.encode(ProductMaster(sku, str(1000 + n)))) for n in range(1, 21) for sku in [f"SKU-{n:03d}"]
    ]
    await store.save_masters("erp1", "product", rows)
    for kind in ("product", "customer"):
        await store.note_listed("erp1", kind)  # nobody polls here: no order waits for a first round
    await store.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(40):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
