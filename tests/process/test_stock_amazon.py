"""A shop and Amazon sell the same shelves, which Business Central counts: kits by the scarcest part, nothing twice."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from crossdock import app
from crossdock.simulators.amazon import AmazonSimulator
from tests.process import house as houses
from tests.process.house import DEADLINE_S, ERP, SHOP, House
from tests.process.test_businesscentral import CentralVendors
from tests.process.test_stock import stock_of
from tests.support.in_process_http import Strike

AMAZON = "amazon"
HOST = f"http://{AMAZON}.test"
PART, OTHER_PART, KIT = "SKU-0007", "SKU-0008", "SKU-0009"
SKUS = (PART, OTHER_PART, KIT)
# An order of a kit books the kit and not its parts, and this company knows no kits: orders hold their units to the end.
STOCK = {"kits": {KIT: {PART: 2, OTHER_PART: 1}}, "settle_s": 3600, "grace_s": 1}


class ShopAndAmazon(CentralVendors):
    """Amazon beside the shop; the company has three items."""

    def __init__(self, seed: int, shop: Mapping[str, Any], warehouse: Mapping[str, Any]) -> None:
        super().__init__(seed, shop, warehouse)
        self.amazon = AmazonSimulator(
            AMAZON, self._around(), queue_url=f"{HOST}/123456789012/order-changes", behind_s=0.0, plan=1e6
        )
        for ref in [ref for ref, item in self.erp.items.items() if item.number not in SKUS]:
            del self.erp.items[ref]
        settings = {**self.at_erp.settings, "tax_mode": "account"}
        settings["order_prefixes"] = [*settings["order_prefixes"], AMAZON]
        self.at_erp = msgspec.structs.replace(self.at_erp, settings=settings)

    @property
    def by_host(self) -> dict[str, Any]:
        return {**super().by_host, f"{AMAZON}.test": self.amazon}


def _add_amazon(folder: Path, stock: Mapping[str, Any]) -> None:
    file = folder / "crossdock.yaml"
    told = yaml.safe_load(file.read_text())
    secrets = {
        "client_secret": "simulated-secret",
        "refresh_token": "Atzr|simulated",
        "aws_secret_access_key": "simulated-aws-secret",
    }
    for name, value in secrets.items():
        kept = folder / f"{AMAZON}-{name}"
        kept.touch(mode=0o600)
        kept.write_text(value)
    told["connections"][AMAZON] = {
        "system": "amazon",
        "settings": {
            "client_id": "amzn1.application-oa2-client.simulated", "api_base": HOST,
            "auth_url": f"{HOST}/auth/o2/token",
            "queue_url": f"{HOST}/123456789012/order-changes", "aws_region": "us-east-1",
            "aws_access_key_id": "AKIASIMULATED", "seller_id": "A3SIMULATED", "marketplace_ids": ["ATVPDKIKX0DER"],
            "stock_levels": True,
        },
        "secrets": {name: f"file:{AMAZON}-{name}" for name in secrets},
        "quota": {"rate_per_s": 100_000, "burst": 100_000},
    }  # fmt: skip
    told["connections"][SHOP]["settings"]["stock_locations"] = ["101"]
    own = told["routes"][0]
    for channel, location in ((SHOP, "101"), (AMAZON, "DEFAULT")):
        route = {**own, "channel": channel, "stock": {**stock, "locations": {location: {"sources": ["company"]}}}}
        told["routes"].append(route)
    told["routes"].remove(own)
    file.write_text(yaml.safe_dump(told))


@asynccontextmanager
async def opened(folder: Path, url: str, every_s: float | None = None, **rule: Any) -> AsyncIterator[House]:
    """``every_s``: how often the engine polls by itself (never, unless told)."""
    asyncio.get_running_loop().set_task_factory(houses.task_factory)
    vendors = ShopAndAmazon(7, {}, {})
    houses.write_config(folder, vendors, {"check_products": True}, [])
    _add_amazon(folder, {**STOCK, **rule})
    store = await houses.PostgresStore.open(url)
    try:
        http = houses.InProcessHttp(vendors.by_host)
        made = House(folder, url, store, vendors, app.configuration(folder), http)
        made.every_s = every_s
        async with made.open():
            await made.poll(AMAZON, "orders")
            async with made.running():
                yield made
    finally:
        await store.close()


def amazon(house: House) -> AmazonSimulator:
    found: AmazonSimulator = house.vendors.amazon  # type: ignore[attr-defined]
    return found


def shown(house: House, sku: str) -> list[int]:
    return [house.shop.books()["stock"][sku]["101"], amazon(house).books()["stock"][sku]["DEFAULT"]]


async def stocked(house: House, **counts: int) -> None:
    """So many are there, and both channels list the SKUs with none."""
    for sku in SKUS:
        house.shop.act("set_stock", {"sku": sku, "quantity": 0})
        amazon(house).act("list_item", {"sku": sku, "quantity": 0})
    await counted(house, **counts)


async def counted(house: House, **counts: int) -> None:
    for name, quantity in counts.items():
        house.erp.act("count_stock", {"sku": name.replace("_", "-"), "quantity": quantity})
    await house.poll(ERP, "positions_all")


async def settled(house: House, **wanted: int) -> bool:
    """So many of each SKU are for sale over both channels, and nothing is on its way."""
    await house.poll(AMAZON, "notifications")
    for name, units in wanted.items():
        sku = name.replace("_", "-")
        state = await stock_of(house, sku)
        if state is None or sum(shown(house, sku)) != units or any(one.flying for one in state.listings.values()):
            return False
    return True


async def sell_out(house: House, sku: str, most: int) -> int:
    """Buyers take one after the other, now here and now there, until nothing is left anywhere."""
    sold, end = 0, time.monotonic() + DEADLINE_S
    for nth in count():
        channel = (house.shop, amazon(house))[nth % 2]
        sold += not channel.act("buy", {"sku": sku})["sold_out"]
        assert sold <= most, "a unit was sold that is not there"
        if sold == most or time.monotonic() > end:
            break
        await house.poll(AMAZON, "notifications")
        await asyncio.sleep(0.05)
    return sold


async def test_a_kit_is_sold_by_its_scarcest_part_in_two_channels(tmp_path: Path, database_url: str) -> None:
    async with opened(tmp_path, database_url) as house:
        await stocked(house, SKU_0007=9, SKU_0008=10)
        await house.until(lambda: settled(house, SKU_0009=4, SKU_0007=9, SKU_0008=10), "four kits: two of 0007 in each")
        assert sorted(shown(house, KIT)) == [2, 2]
        await counted(house, SKU_0008=3)
        await house.until(lambda: settled(house, SKU_0009=3, SKU_0007=9, SKU_0008=3), "the other part to be scarcer")
        assert await sell_out(house, KIT, 3) == 3, "what one channel does not sell goes to the other"
        await house.until(lambda: settled(house, SKU_0009=0, SKU_0007=3, SKU_0008=0), "its parts to be gone with it")
        await house.until(lambda: booked(house, 3), "the kits to be booked")
        assert house.erp.books()["doubled"] == []
        assert await house.problems() == []


async def booked(house: House, orders: int) -> bool:
    books = house.erp.books()
    return len({one["external"] for one in (*books["orders"], *books["invoices"])}) == orders


@pytest.mark.parametrize("lag_s", [0.0, 0.4])
async def test_the_last_units_are_sold_once_though_amazon_takes_its_time(
    tmp_path: Path, database_url: str, lag_s: float
) -> None:
    """A number that Amazon accepted is not one that it shows: the shop gets the units only then."""
    async with opened(tmp_path, database_url) as house:
        await stocked(house, SKU_0007=7)
        await house.until(lambda: settled(house, SKU_0007=7), "seven units to be for sale")
        amazon(house).listings.lag_s = lag_s
        assert await sell_out(house, PART, 7) == 7
        await house.until(lambda: _compared(house, 0), "nothing to be left")
        assert await house.problems() == []


async def test_what_people_change_at_amazon_is_put_right(tmp_path: Path, database_url: str) -> None:
    async with opened(tmp_path, database_url) as house:
        await stocked(house, SKU_0007=10)
        await house.until(lambda: settled(house, SKU_0007=10), "ten units to be for sale")
        amazon(house).act("list_item", {"sku": PART, "quantity": 99})
        await house.until(lambda: _compared(house, 10), "the number to be right again")
        assert shown(house, PART) == [5, 5]


async def _compared(house: House, units: int) -> bool:
    """Asked again and again: Amazon's clock tells whole seconds, and what it shows in the second of our own number may
    be older than that. A number of ours that it takes its time with hides a sale, until it is asked what it shows."""
    await house.poll(AMAZON, "levels")
    await asyncio.sleep(0.3)
    return await settled(house, SKU_0007=units)


async def test_an_order_lets_go_when_the_companys_own_numbers_hold_it(tmp_path: Path, database_url: str) -> None:
    """Booked, it is committed; shipped, it is gone from the inventory: at no moment are its units free again."""
    async with opened(tmp_path, database_url, settle_s=1) as house:
        await stocked(house, SKU_0007=6)
        await house.until(lambda: settled(house, SKU_0007=6), "six units to be for sale")
        for channel in (house.shop, amazon(house)):
            assert channel.act("buy", {"sku": PART, "quantity": 2})["sold_out"] is False
        await house.until(lambda: settled(house, SKU_0007=2), "two to be left")
        await house.until(lambda: _let_go(house), "the company's positions to hold the orders")
        await house.until(lambda: settled(house, SKU_0007=2), "the same two, once what was sold is shown")
        state = await stock_of(house, PART)
        assert state is not None
        (position,) = state.positions.values()
        assert position.on_hand - position.committed == 2


async def _let_go(house: House) -> bool:
    await house.poll(AMAZON, "notifications")
    await house.poll(ERP, "positions")
    await asyncio.sleep(0.3)
    assert sum(shown(house, PART)) <= 2
    return await house.store.pool.fetchval("select count(*) from reservations") == 0


@pytest.mark.parametrize("nth", [2, 3], ids=["the patch", "the read after it"])
@pytest.mark.parametrize("fault", ["lost_response", "html_200", "late_commit"])
async def test_numbers_come_right_whatever_is_lost_on_the_way(
    tmp_path: Path, database_url: str, fault: str, nth: int
) -> None:
    """Of every number one answer is lost, while stock changes and sells: in the end the right one shows."""
    async with opened(tmp_path, database_url, every_s=0.2) as house:
        await stocked(house, SKU_0007=40)
        await house.until(lambda: settled(house, SKU_0007=40), "forty units to be for sale")
        house.http.strikes = [Strike(fault, f"stock:{PART}/{AMAZON}/", "stock.publish", nth)]
        sold, end = 0, time.monotonic() + DEADLINE_S
        for turn in count():
            if time.monotonic() > end or (turn >= 15 and house.http.struck):
                break
            house.erp.act("count_stock", {"sku": PART, "quantity": 30 + turn % 7})
            if turn % 5 == 0 and turn < 15:  # while sales outrun their notices nothing is sent
                sold += not amazon(house).act("buy", {"sku": PART})["sold_out"]
            await asyncio.sleep(0.3)
        house.http.strikes = []
        assert sold == 3
        assert house.http.struck, "numbers were sent while answers were lost"
        await house.until(lambda: _right(house, sold), "what is left to be for sale")
        assert await house.problems() == []


async def _right(house: House, sold: int) -> bool:
    """What the company has, less what its open orders and ours hold: ours to the end, see ``STOCK``."""
    await asyncio.sleep(0.2)
    there = next(item.inventory for item in house.erp.items.values() if item.number == PART)
    lines = [line for order in house.erp.ledger.of("salesOrder") for line in order.lines if line.number == PART]
    state = await stock_of(house, PART)
    flying = state is None or any(one.flying for one in state.listings.values())
    return not flying and sum(shown(house, PART)) == there - sum(line.outstanding for line in lines) - sold
