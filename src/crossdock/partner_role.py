"""The partner process: the partner API's app on a server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from crossdock import __version__
from crossdock.connectors.portal.wire import order_schema
from crossdock.engine.world import Loop, World
from crossdock.governance.config import Config
from crossdock.governance.exposure import address
from crossdock.intake.group_commit import GroupCommitter
from crossdock.intake.sources import SourceLimit
from crossdock.observe.trace import new_trace
from crossdock.partner.app import create_partner
from crossdock.partner.counter import Counter
from crossdock.store.pool import reading_pool
from crossdock.supervise import ChildSpec

SYSTEM = "portal"  # whose connections may have keys
RATE_PER_S, BURST = 200.0, 1_000.0  # requests from one address


class PartnerServer:
    """A ``Loop``: serves until told to stop, then finishes its commits."""

    def __init__(self, served: Any, commits: GroupCommitter, config: Config) -> None:
        serve = config.serve
        where = address(serve.partner or "", "partner API")
        self._commits = commits
        self._server = Server(
            served,
            address=where.host,
            port=where.port,
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
            log_level=LogLevels.error,
            ssl_cert=Path(serve.tls_certificate) if serve.tls_certificate else None,
            ssl_key=Path(serve.tls_key) if serve.tls_key else None,
        )

    async def run(self, stop: asyncio.Event) -> None:
        serving = asyncio.ensure_future(self._server.serve())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        self._server.stop()  # type: ignore[no-untyped-call]  # granian publishes no types for it
        await serving
        await self._commits.drain()


@asynccontextmanager
async def partner(spec: ChildSpec, config: Config, world: World) -> AsyncIterator[list[Loop]]:
    """The partner API's loop; its reading pool is closed on leaving."""
    pool = await reading_pool(spec.url, size=4)
    try:
        commits = GroupCommitter(world.store, world.signals, bound=config.serve.waiting_bound)
        counter = counter_for(world, pool, commits)
        yield [PartnerServer(create_partner(counter, __version__), commits, config)]
    finally:
        await pool.close()


def counter_for(world: World, pool: Any, commits: GroupCommitter) -> Counter:
    """What the partner API is given."""
    random = Random()  # noqa: S311 - trace ids only
    return Counter(
        pool=pool,
        commits=commits,
        links={name: link for name, link in world.links.items() if link.connector.manifest.system == SYSTEM},
        connections=frozenset(world.links),
        policies=world.policies,
        order_schema=order_schema(),
        signals=world.signals,
        sources=SourceLimit(RATE_PER_S, BURST, time.monotonic),
        stopwatch=world.stopwatch,
        trace=lambda: new_trace(random),
    )
