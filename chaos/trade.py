"""Orders, as a shop's customers place them."""

import asyncio
import time

from chaos.house import House
from crossdock.demo.plan import SHOP

MORE_PER_S = 4.0


async def trade(house: House, orders: int, over: asyncio.Event, within_s: float) -> None:
    """So many, evenly; then a few, so that there is work to take up again, until it is over."""
    placed, began = 0, time.monotonic()
    while placed < orders or not over.is_set():
        passed = time.monotonic() - began
        due = int(min(passed / within_s, 1.0) * orders + max(0.0, passed - within_s) * MORE_PER_S) + 1
        if due > placed:
            await house.vendors.act(SHOP, "place_order", count=due - placed)
            placed = due
        await asyncio.sleep(0.1)
