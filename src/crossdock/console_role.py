"""The console process: the API's and the console's app on a server, and the figures it serves at /metrics."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import asyncpg

from crossdock import __version__, app
from crossdock.api.desk import Desk
from crossdock.app_server import AppServer
from crossdock.console.app import create_app
from crossdock.engine.world import Loop, World
from crossdock.governance.config import Config
from crossdock.governance.exposure import address
from crossdock.governance.mapped import mappings
from crossdock.kit.pausing import pause
from crossdock.observe.exposition import exposition
from crossdock.observe.signals import Signals
from crossdock.observe.sql_gauges import SqlGauges
from crossdock.observe.tally import Sample
from crossdock.store.pool import Pool, reading_pool
from crossdock.supervise import ChildSpec

GAUGES_EVERY_S = 10.0


class Gauges:
    """A ``Loop``: keeps the database's figures fresh, so that a scrape is answered without waiting for them."""

    def __init__(self, pool: Pool, folder: Path, signals: Signals) -> None:
        self._sql, self._folder, self._signals = SqlGauges(pool), folder, signals
        self._latest: list[Sample] = []

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                self._latest = await self._sql.read()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                self._latest = []  # a scrape then lacks them: better than figures of a while ago
            self._signals.show(self._latest)
            await pause(stop, GAUGES_EVERY_S)

    def text(self) -> str:
        """The Prometheus text."""
        return exposition(self._folder, time.time, self._latest).decode()


@asynccontextmanager
async def console(spec: ChildSpec, config: Config, world: World) -> AsyncIterator[list[Loop]]:
    """The console's loops; their reading pool is closed on leaving."""
    pool = await reading_pool(spec.url, size=4)
    try:
        gauges = Gauges(pool, Path(spec.metrics), world.signals)
        served = create_app(desk(spec, config, world, pool, gauges))
        yield [AppServer(served, address(config.serve.console, "console"), config.serve), gauges]
    finally:
        await pool.close()


def desk(spec: ChildSpec, config: Config, world: World, pool: Pool, gauges: Gauges) -> Desk:
    """What the API and the console are given."""

    async def obstacles() -> list[str]:
        try:
            await pool.fetchval("select 1", timeout=2.0)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            return [f"the database does not answer ({type(error).__name__})"]
        return []

    return Desk(
        pool=pool,
        store=world.store,
        connectors={name: link.connector for name, link in world.links.items()},
        signals=world.signals,
        clock=lambda: datetime.now(UTC),
        stopwatch=world.stopwatch,
        unique=lambda: uuid4().hex,
        public_url=app.public_url(config),
        metrics=gauges.text,
        obstacles=obstacles,
        simulators=spec.simulators,
        demo_user=spec.demo_user,
        rounding_ceilings={name: policy.rounding_ceiling for name, policy in config.policies.items()},
        readmes={setup.system: readme(setup.system) for setup in config.connections.values()},
        mapped=tuple(mappings(config, app.Manifests())),
        proof=Path(spec.proof) if spec.proof else None,
        version=__version__,
        proxies=tuple(map(ip_network, config.serve.trusted_proxies)),
    )


def readme(system: str) -> str:
    """A connector's README; empty when it was not packaged."""
    file = files("crossdock.connectors") / system / "README.md"
    return file.read_text("utf-8") if file.is_file() else ""
