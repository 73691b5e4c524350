"""A location that goes by the warehouse's own count: the ERP's numbers are kept and count for nothing there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.process.house import ERP, WAREHOUSE, Engine, House
from tests.process.test_stock import stock_of

Running = Callable[..., Awaitable[tuple[House, Engine]]]
SKU = "SKU-0007"
SHELVES = f"{WAREHOUSE}/V2FyZWhvdXNlOjc2NzMz"
STOCK = {"locations": {"101": {"sources": [SHELVES]}}, "settle_s": 1, "grace_s": 1}


def shown(house: House) -> int:
    return int(house.shop.books()["stock"][SKU]["101"])


async def shows(house: House, units: int) -> bool:
    state = await stock_of(house, SKU)
    return shown(house) == units and state is not None and not any(one.flying for one in state.listings.values())


async def reserved(house: House) -> int:
    return int(await house.store.pool.fetchval("select count(*) from reservations"))


async def stocked(house: House, units: int) -> None:
    house.shop.act("set_stock", {"sku": SKU, "quantity": 0})
    house.erp.act("count_stock", {"sku": SKU, "quantity": 100})
    await house.poll(ERP, "positions_all")
    house.warehouse.act("count_stock", {"sku": SKU, "quantity": units})  # and its webhook says so
    await house.until(lambda: shows(house, units), "the warehouse's count to be for sale")


async def test_the_warehouses_count_is_what_is_shown_and_the_erps_is_kept(running: Running) -> None:
    house, _ = await running(route={"stock": STOCK})
    await stocked(house, 5)
    house.erp.act("count_stock", {"sku": SKU, "quantity": 1})
    await house.poll(ERP, "positions_all")
    house.warehouse.act("count_stock", {"sku": SKU, "quantity": 8})
    await house.until(lambda: shows(house, 8), "the new count")
    state = await stock_of(house, SKU)
    assert state is not None
    assert {place: int(one.on_hand) for place, one in state.positions.items()} == {"erp/1": 1, SHELVES: 8}
    assert {term.source for term in state.listings["shop/101"].terms if term.name == "on_hand"} == {SHELVES}


async def test_units_are_held_until_the_warehouse_has_the_order_and_its_numbers_say_so(running: Running) -> None:
    slow = {"pick_s": 3600.0, "ship_s": 3600.0}
    house, _ = await running(route={"stock": STOCK}, warehouse=slow)
    await stocked(house, 5)
    for _ in range(2):
        assert house.shop.act("buy", {"sku": SKU})["sold_out"] is False

    async def let_go() -> bool:
        assert shown(house) <= 3, "a unit that was sold is for sale again"
        await asyncio.sleep(0.2)
        await house.poll(WAREHOUSE, "positions_all")
        return await reserved(house) == 0

    await house.until(let_go, "the warehouse's numbers to hold the orders")
    assert await shows(house, 3)
    (product,) = house.warehouse.shelves.products(SKU, None)
    assert (product["on_hand"], product["available"]) == (5, 3)
    for order in house.warehouse.books()["orders"]:
        house.warehouse.act("ship_now", {"order": order["id"]})
    await house.until(lambda: _gone(house), "the shipped units to be gone from both numbers")
    assert await shows(house, 3)
    assert await house.problems() == []


async def _gone(house: House) -> Any:
    await house.poll(WAREHOUSE, "positions_all")
    state = await stock_of(house, SKU)
    assert shown(house) <= 3
    return state is not None and (int(state.positions[SHELVES].on_hand), int(state.positions[SHELVES].committed)) == (
        3,
        0,
    )
