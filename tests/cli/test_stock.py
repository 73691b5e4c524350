"""``crossdock stock``: the list, and one SKU with every term of its numbers."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.cli.running import Ran, crossdock
from tests.console.seed import ERP, SHOP, key, seed
from tests.console.stocked import MUG, stocked

from crossdock.domain.pricing import Price, PriceMaster
from crossdock.store.postgres import PostgresStore

pytestmark = pytest.mark.timeout(180)


async def test_stock_is_listed_and_explained(store: PostgresStore, database_url: str) -> None:
    async def run(*arguments: str, code: int = 0) -> Ran:
        ran = await crossdock("stock", *arguments, env={"DATABASE_URL": database_url})
        assert ran.code == code, ran
        return ran

    async def asked(*arguments: str) -> Any:
        return json.loads((await run(*arguments, "--json")).out)

    assert "No stock is known." in (await run()).out
    await stocked(await seed(store))
    listed = await run()
    assert f"{SHOP}/101: 31" in listed.out
    assert [line["sku"] for line in (await asked("--search", "mug"))["lines"]] == [MUG]
    first = await asked("--limit", "1")
    assert first["after"] == first["lines"][0]["sku"]
    shown = (await run(MUG)).out
    for said in ("on_hand", "+40", "reserved", "-3", "buffer", "-2", f"{ERP}/1", key(4)):
        assert said in shown, said
    whole = await asked(MUG)
    assert [(place["told"], place["version"]) for place in whole["shown"]] == [(31, 1)]
    assert "Nothing is known of the stock of 'no-such'" in (await run("no-such", code=5)).said


async def test_masters_are_counted_and_an_item_tells_its_prices(store: PostgresStore, database_url: str) -> None:
    async def run(*arguments: str) -> Ran:
        ran = await crossdock("masters", *arguments, env={"DATABASE_URL": database_url})
        assert ran.code == 0, ran
        return ran

    await seed(store)
    assert "No system's masters have the SKU no-such." in (await run("no-such")).out
    prices = (Price("2", "AUD", Decimal("19"), "Wholesale", Decimal(12)),)
    master = PriceMaster(MUG, "i-1", prices, "Each", "Each", {"Each": Decimal(1), "Dozen": Decimal(12)})
    await store.save_masters(ERP, "price", [(MUG, msgspec.json.encode(master))])
    assert "price" in (await run()).out
    shown = (await run(MUG)).out
    for said in (ERP, "MUG-01, active", "Dozen = 12", "Wholesale", "12 Each", "19", "AUD"):
        assert said in shown, said
    (item,) = json.loads((await run(MUG, "--json")).out)
    assert item["prices"][0]["least"] == "12"
