"""What other systems say reaches people whatever bytes are in it: PostgreSQL's text takes no NUL."""

from crossdock.store.contacts import Contacts
from crossdock.store.postgres import PostgresStore

SAID = "HTTP 500: \0\0garbage of a gateway"


async def test_a_connection_is_paused_for_a_reason_with_nul(store: PostgresStore) -> None:
    await store.register("erp", "netsuite")
    await store.pause("erp", SAID)
    row = (await store.connections())["erp"]
    assert row.paused
    assert "garbage of a gateway" in (row.paused_reason or "")
    await store.pause("erp", None)
    assert not (await store.connections())["erp"].paused


async def test_trouble_with_nul_is_noted(store: PostgresStore) -> None:
    await store.register("erp", "netsuite")
    await Contacts(store.pool).note("erp", SAID)
    assert "garbage" in await store.pool.fetchval("select last_error from connections where name = 'erp'")
