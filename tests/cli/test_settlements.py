"""`crossdock settlements`: the list, one of them, and JSON of both."""

import json

import pytest
from tests.cli.running import crossdock
from tests.console.seed import SHOP, seed
from tests.console.settled import OFF, POSTED, settle

from crossdock.store.postgres import PostgresStore

pytestmark = pytest.mark.timeout(180)


async def test_settlements_are_listed_and_shown(store: PostgresStore, database_url: str) -> None:
    await settle(await seed(store))
    env = {"DATABASE_URL": database_url}
    listed = await crossdock("settlements", env=env)
    assert (listed.code, f"{SHOP}-{POSTED}" in listed.out, "312.73 AUD" in listed.out) == (0, True, True)
    rows = json.loads((await crossdock("settlements", "--json", "--limit", "2", env=env)).out)
    assert [row["status"] for row in rows] == ["exception", "exception"]
    shown = await crossdock("settlements", OFF, env=env)
    assert "-0.01 AUD is not explained" in shown.out
    one = json.loads((await crossdock("settlements", f"{SHOP}-{POSTED}", "--json", env=env)).out)
    assert [line["posting"] for line in one["lines"]] == ["clearing", "clearing", "fees", "reserve"]
    missing = await crossdock("settlements", "nothing", env=env)
    assert missing.code == 5
    assert "There is no settlement nothing" in missing.said
