"""A house with a portal, its masters read, and a key that opens everything."""

from collections.abc import AsyncIterator

import pytest

from crossdock.partner import keys
from crossdock.store.pool import reading_pool
from crossdock.store.postgres import PostgresStore
from tests.partner.house import ALL, PORTAL, House


@pytest.fixture
async def house(store: PostgresStore, database_url: str) -> AsyncIterator[House]:
    pool = await reading_pool(database_url)
    try:
        made = House(store, pool)
        await made.open()
        await made.read_masters()
        yield made
    finally:
        await pool.close()


@pytest.fixture
async def key(house: House) -> str:
    return await keys.make(house.pool, PORTAL, "shop floor", ALL)
