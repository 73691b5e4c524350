"""A seeded day and a desk on it."""

from collections.abc import AsyncIterator

import pytest

from crossdock.api.desk import Desk
from crossdock.store.postgres import PostgresStore
from tests.console import desks
from tests.console.seed import Day, seed


@pytest.fixture
async def day(store: PostgresStore) -> Day:
    return await seed(store)


@pytest.fixture
async def desk(day: Day, database_url: str) -> AsyncIterator[Desk]:
    async with desks.desk(day.store, database_url) as made:
        yield made
