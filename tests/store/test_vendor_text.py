"""What other systems say reaches people whatever bytes are in it: PostgreSQL's text takes no NUL."""

import msgspec

from crossdock.domain.decision import Summary
from crossdock.store.contacts import Contacts
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import LIVE
from tests.store.probes import arrival, decided

SAID = "HTTP 500: \0\0garbage of a gateway"


async def test_a_connection_is_paused_for_a_reason_with_nul(store: PostgresStore) -> None:
    await store.register("erp", "netsuite")
    await store.pause("erp", SAID)
    row = (await store.connections())["erp"]
    assert row.paused
    assert "garbage of a gateway" in (row.paused_reason or "")
    await store.pause("erp", None)
    assert not (await store.connections())["erp"].paused


async def test_an_order_stands_still_for_a_reason_with_nul(store: PostgresStore) -> None:
    """Else its own exception could not be stored, and a retry would come to the same."""
    for name in ("shop", "erp"):
        await store.register(name, "any")
    await store.accept([arrival("d1")])
    async with store.claim_streams(LIVE, 10, 10) as batch:
        summary = Summary("exception", "book", SAID, label="1042\0")
        writes = [msgspec.structs.replace(decided(stream), summary=summary) for stream in batch.streams]
        await batch.write(writes)
    assert "garbage of a gateway" in await store.pool.fetchval("select reason from streams where label like '1042_'")


async def test_trouble_with_nul_is_noted(store: PostgresStore) -> None:
    await store.register("erp", "netsuite")
    await Contacts(store.pool).note("erp", SAID)
    assert "garbage" in await store.pool.fetchval("select last_error from connections where name = 'erp'")
