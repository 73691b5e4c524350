from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from crossdock.store.memory import MemoryStore
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import Store
from tests.store.probes import MemoryProbe, PostgresProbe, Probe


class Ticking:
    """A clock that moves by a microsecond whenever it is read."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(microseconds=1)
        return self._now


@pytest.fixture(params=["postgres", "memory"])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Store, Probe]]:
    if request.param == "memory":
        memory = MemoryStore(Ticking())
        await _register(memory)
        yield memory, MemoryProbe(memory)
        return
    url = request.getfixturevalue("database_url")
    postgres = await PostgresStore.open(url)
    await _register(postgres)
    yield postgres, PostgresProbe(url)
    await postgres.close()


async def _register(store: MemoryStore | PostgresStore) -> None:
    await store.register("shop", "shopify", role="channel")
    await store.register("erp", "netsuite", role="erp")


@pytest.fixture
def any_store(both: tuple[Store, Probe]) -> Store:
    """A store with the connections ``shop`` and ``erp``; each test runs on PostgreSQL and in memory."""
    return both[0]


@pytest.fixture
def probe(both: tuple[Store, Probe]) -> Probe:
    return both[1]
