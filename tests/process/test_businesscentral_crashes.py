"""The process dies at any request of any delivery to Business Central: whoever comes next leaves one document."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.process.house import ERP, SHOP, Engine, House
from tests.process.test_businesscentral import FORWARD, CentralVendors, assert_whole
from tests.support.in_process_http import Served

MakeHouse = Callable[..., AbstractAsyncContextManager[House]]


class Guillotine:
    """Holds up one request of each order, for good, until its process has been killed.

    ``after``: Business Central has done it, and only the answer is missing; otherwise it never left.
    """

    def __init__(self, after: bool, aims: dict[str, tuple[str, int]]) -> None:
        self._after, self.aims = after, aims
        self.falls = asyncio.Event()

    async def __call__(self, served: Served, done: bool) -> None:
        if done is not self._after or served.vendor != f"{ERP}.test":
            return
        for order_id, aim in list(self.aims.items()):
            if f"{SHOP}-{order_id}" in served.key and aim == (served.purpose, served.nth):
                del self.aims[order_id]
                self.falls.set()
                await asyncio.Event().wait()


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
async def test_killed_at_every_request(make_house: MakeHouse, after: bool) -> None:
    wanted = [(purpose, nth) for purpose, most in FORWARD.items() for nth in range(1, most + 1)]
    async with make_house(accounts=CentralVendors) as house:
        house.lease_s, house.slots = 1.5, False
        ids = house.shop.act("place_order", {"lines": 2, "count": len(wanted)})["ids"]
        guillotine = Guillotine(after, dict(zip(ids, wanted, strict=True)))
        house.http.attend = guillotine
        await _survive(house, guillotine, len(wanted))
        assert guillotine.aims == {}
        for order_id in ids:
            assert_whole(house, order_id)
            assert await house.status(order_id) == "done"
        assert house.erp.books()["doubled"] == []
        assert await house.problems() == []


async def _survive(house: House, guillotine: Guillotine, orders: int) -> None:
    """Engine after engine, each killed where the guillotine falls, until all orders are billed."""
    for number in range(orders + 1):
        engine = await Engine.start(house, f"w{number}")
        over = asyncio.create_task(_finished(house, orders))
        falls = asyncio.create_task(guillotine.falls.wait())
        try:
            await asyncio.wait({over, falls}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (over, falls):
                task.cancel()
            await asyncio.wait({over})
            fell = guillotine.falls.is_set()
            await (engine.kill() if fell else engine.stop())
        if not fell:
            over.result()
            return
        guillotine.falls.clear()
    raise AssertionError("the guillotine fell more often than it was aimed")


async def _finished(house: House, orders: int) -> None:
    await house.until(lambda: len(house.erp.books()["invoices"]) == orders, "the invoices")
    await house.quiet()
