"""The partner process: the partner API's app on a server."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

from crossdock import __version__, app
from crossdock.app_server import AppServer
from crossdock.engine.world import Linked, Loop, World
from crossdock.governance.config import Config
from crossdock.governance.exposure import address
from crossdock.intake.group_commit import GroupCommitter
from crossdock.intake.sources import Network, SourceLimit
from crossdock.partner.app import create_partner
from crossdock.partner.counter import Counter
from crossdock.store.pool import reading_pool
from crossdock.supervise import ChildSpec

SYSTEM = "portal"  # whose connections may have keys
RATE_PER_S, BURST = 200.0, 1_000.0  # requests from one address


class PartnerServer(AppServer):
    """Finishes its commits after the last request."""

    def __init__(self, commits: GroupCommitter, served: Any, config: Config) -> None:
        super().__init__(served, address(config.serve.partner or "", "partner API"), config.serve)
        self._commits = commits

    async def run(self, stop: asyncio.Event) -> None:
        await super().run(stop)
        await self._commits.drain()


@asynccontextmanager
async def partner(spec: ChildSpec, config: Config, world: World) -> AsyncIterator[list[Loop]]:
    """The partner API's loop; its reading pool is closed on leaving."""
    pool = await reading_pool(spec.url, size=4)
    try:
        commits = GroupCommitter(world.store, world.signals, bound=config.serve.waiting_bound)
        proxies = tuple(map(ip_network, config.serve.trusted_proxies))
        counter = counter_for(world, pool, commits, proxies)
        yield [PartnerServer(commits, create_partner(counter, __version__), config)]
    finally:
        await pool.close()


def counter_for(world: World, pool: Any, commits: GroupCommitter, proxies: Sequence[Network] = ()) -> Counter:
    """What the partner API is given."""
    return Counter(
        pool=pool,
        commits=commits,
        links={name: link for name, link in world.links.items() if link.connector.manifest.system == SYSTEM},
        connections=frozenset(world.links),
        policies=world.policies,
        order_schema=app.portal_schema(),
        signals=world.signals,
        sources=SourceLimit(RATE_PER_S, BURST, time.monotonic),
        stopwatch=world.stopwatch,
        proxies=proxies,
        reads=reads_of(world.links.values()),
    )


def reads_of(links: Iterable[Linked]) -> dict[str, dict[str, str]]:
    """Which poll of each connection reads masters of a kind."""
    return {
        link.name: {poll.masters: poll.name for poll in link.connector.polls.values() if poll.masters} for link in links
    }
