"""Two shops sell the last units of one ERP that is slow: nothing is oversold, no stale number wins, all comes right."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossdock import app
from crossdock.domain.stock_state import StockState, decode_stock
from crossdock.simulators.shopify import ShopifySimulator
from crossdock.store.protocol import INVENTORY
from crossdock.store.squeeze import Squeeze
from tests.process import house as houses
from tests.process.house import DEADLINE_S, ERP, HOOK, PLAIN, SHOP, House, Vendors
from tests.support.in_process_http import Strike

OTHER = "shop2"
SKU = "SKU-0007"
STOCK = {"locations": {"101": {"sources": ["1"]}}, "settle_s": 1, "grace_s": 2}


class TwoShops(Vendors):
    """A second shop beside the first."""

    def __init__(self, seed: int, shop: Mapping[str, Any], warehouse: Mapping[str, Any]) -> None:
        super().__init__(seed, shop, warehouse)
        self.other = ShopifySimulator(
            OTHER, self._around(), webhook_url=f"{HOOK}/shopify/{OTHER}", restore_rate=1e5, maximum=1e5, rates=PLAIN
        )

    @property
    def by_host(self) -> dict[str, Any]:
        return {**super().by_host, f"{OTHER}.test": self.other}


@asynccontextmanager
async def two_shops(folder: Path, url: str, **rule: Any) -> Any:
    """A house with two shops that sell from one stock."""
    asyncio.get_running_loop().set_task_factory(houses.task_factory)
    vendors = TwoShops(7, {}, {})
    houses.write_config(folder, vendors, {"stock": {**STOCK, **rule}, "check_products": True}, [])
    file = folder / "crossdock.yaml"
    told = yaml.safe_load(file.read_text())
    first = told["connections"][SHOP]
    first["settings"]["stock_locations"] = ["101"]
    told["connections"][OTHER] = {**first, "settings": {**first["settings"], "api_base": f"http://{OTHER}.test"}}
    told["routes"].append({**told["routes"][0], "channel": OTHER})
    file.write_text(yaml.safe_dump(told))
    store = await houses.PostgresStore.open(url)
    try:
        made = House(folder, url, store, vendors, app.configuration(folder), houses.InProcessHttp(vendors.by_host))
        async with made.open():
            yield made
    finally:
        await store.close()


async def stock_of(house: House, sku: str = SKU) -> StockState | None:
    found = await house.store.pool.fetchval(
        "select state from streams where kind = 'stock' and key = $1 and version > 0", sku
    )
    return None if found is None else decode_stock(Squeeze().unpack(found))


def shown(house: House) -> list[int]:
    shops = (house.shop, house.vendors.other)  # type: ignore[attr-defined]
    return [shop.books()["stock"][SKU]["101"] for shop in shops]


async def stocked(house: House, units: int) -> None:
    house.erp.act("count_stock", {"sku": SKU, "quantity": units})
    for shop in (house.shop, house.vendors.other):  # type: ignore[attr-defined]
        shop.act("set_stock", {"sku": SKU, "quantity": 0})
    await house.poll(ERP, "positions_all")


async def settled(house: House, units: int) -> bool:
    """Nothing is on its way, and every unit that is left is for sale in one place."""
    state = await stock_of(house)
    return state is not None and sum(shown(house)) == units and not any(x.flying for x in state.listings.values())


async def test_the_last_units_are_sold_once(tmp_path: Path, database_url: str) -> None:
    async with AsyncExitStack() as stack:
        house: House = await stack.enter_async_context(two_shops(tmp_path, database_url))
        await stack.enter_async_context(house.running())
        await stocked(house, 9)
        await house.until(lambda: settled(house, 9), "nine units to be for sale")
        assert sorted(shown(house)) == [4, 5]
        house.erp.save_s = 0.5  # slow
        sold, end = 0, time.monotonic() + DEADLINE_S
        shops = (house.shop, house.vendors.other)  # type: ignore[attr-defined]
        for nth in count():
            sold += not shops[nth % 2 if nth < 30 else 0].act("buy", {"sku": SKU})["sold_out"]
            assert sold <= 9
            if sold == 9 or time.monotonic() > end:
                break
            await asyncio.sleep(0.1)
        assert sold == 9, "what one shop does not sell goes to the other"
        house.erp.save_s = 0.0
        await house.until(lambda: settled(house, 0), "nothing to be left")
        await house.until(lambda: _no_reservations(house), "the ERP's own numbers to tell")
        assert house.erp.books()["duplicates"]["external_id"] == 0
        assert len(house.erp.books()["sales_orders"]) == 9
        assert await house.problems() == []


async def _no_reservations(house: House) -> bool:
    await house.poll(ERP, "positions")
    await asyncio.sleep(0.3)
    return await house.store.pool.fetchval("select count(*) from reservations") == 0


@pytest.mark.parametrize("fault", ["lost_response", "html_200", "late_commit"])
async def test_a_stale_number_never_wins(tmp_path: Path, database_url: str, fault: str) -> None:
    """Answers are lost while stock changes fast; in the end both shops show what is there: no sale was overwritten."""
    async with AsyncExitStack() as stack:
        house: House = await stack.enter_async_context(two_shops(tmp_path, database_url))
        house.lease_s = 5.0
        await stack.enter_async_context(house.running())
        await stocked(house, 40)
        await house.until(lambda: settled(house, 40), "forty units to be for sale")
        shops = (house.shop, house.vendors.other)  # type: ignore[attr-defined]
        house.http.strikes = [Strike(fault, f"stock:{SKU}/", "stock.publish", 1, late_s=0.3)]
        sold = 0
        for nth in range(30):
            house.erp.act("count_stock", {"sku": SKU, "quantity": 30 + nth % 7})
            await house.poll(ERP, "positions_all")
            sold += not shops[nth % 2].act("buy", {"sku": SKU})["sold_out"]
            await asyncio.sleep(0.05)
        house.http.strikes = []
        assert house.http.struck
        house.erp.act("count_stock", {"sku": SKU, "quantity": 30})
        assert sold > 20
        await house.until(lambda: _compared(house), "both shops to show what is there")
        assert await house.problems() == []


async def _compared(house: House) -> bool:
    await house.poll(ERP, "positions_all")
    for name in (SHOP, OTHER):
        await house.poll(name, "levels")
    await asyncio.sleep(0.3)
    free = [one.available for one in house.erp.stock.balances() if one.item == "1007"]
    waiting = await house.store.pool.fetchval("select count(*) from reservations")
    return not waiting and await settled(house, int(free[0]))


async def test_the_full_compare_repairs_what_people_changed(tmp_path: Path, database_url: str) -> None:
    async with AsyncExitStack() as stack:
        house: House = await stack.enter_async_context(two_shops(tmp_path, database_url))
        await stack.enter_async_context(house.running())
        await stocked(house, 10)
        await house.until(lambda: settled(house, 10), "ten units to be for sale")
        house.shop.act("set_stock", {"sku": SKU, "quantity": 99})
        house.vendors.other.act("set_stock", {"sku": SKU, "quantity": 1})  # type: ignore[attr-defined]
        for name in (SHOP, OTHER):
            await house.poll(name, "levels")
        await house.until(lambda: settled(house, 10), "the numbers to be right again")
        assert shown(house) == [5, 5]
        lanes = await house.store.pool.fetch("select distinct priority from commands where purpose = 'stock.publish'")
        assert [row["priority"] for row in lanes] == [INVENTORY], "live orders go first"
