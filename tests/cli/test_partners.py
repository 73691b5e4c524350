"""``crossdock partner-key``: made with scopes and an end, listed without what opens the door, revoked."""

import json

import pytest
from tests.cli.running import Ran, crossdock
from tests.console.seed import ERP, seed

from crossdock.connectors.portal import CONNECTOR
from crossdock.governance import audit
from crossdock.store.postgres import PostgresStore

pytestmark = pytest.mark.timeout(180)


async def test_a_key_is_made_listed_and_revoked(store: PostgresStore, database_url: str) -> None:
    async def run(*arguments: str, code: int = 0) -> Ran:
        ran = await crossdock("partner-key", *arguments, env={"DATABASE_URL": database_url})
        assert ran.code == code, ran
        return ran

    await seed(store)
    await store.register("portal1", "portal", role="channel", region=None, api_version="1", mapping_version="1")
    assert CONNECTOR.manifest.system == "portal"
    wanted = ("make", "portal1", "--name", "till", "--scope", "prices:read", "--scope", "returns:write")
    key = (await run(*wanted, "--days", "7")).out.strip()
    assert key.startswith("cdk_")
    (row,) = json.loads((await run("list", "--json")).out)
    assert (row["state"], row["scopes"]) == ("open", ["prices:read", "returns:write"])
    assert row["expires_at"] is not None
    assert key not in (await run("list")).out
    assert "has a key 'till' already" in (await run(*wanted, code=2)).said
    assert "1 to 3650 days" in (await run("make", "portal1", "--name", "other", "--days", "0", code=2)).said
    assert "There are: portal1." in (await run("make", ERP, "--name", "till", code=2)).said
    assert "Say why" in (await run("revoke", "portal1", "till", code=2)).said
    await run("revoke", "portal1", "till", "--reason", "the till was stolen")
    assert "revoked" in (await run("list")).out
    assert (await audit.recent(store.pool, 1))[0].reason == "the till was stolen"
