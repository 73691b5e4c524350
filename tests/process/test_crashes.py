"""The process dies at any moment of any delivery: whoever comes next leaves one effect, in every system."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.process.books import assert_nothing_twice, assert_whole
from tests.process.house import Engine, House
from tests.support.in_process_http import Served

MakeHouse = Callable[..., AbstractAsyncContextManager[House]]
PURPOSES = {"order.book", "order.release", "shipment.post", "fulfilment.push", "invoice.make", "read_back"}


class Guillotine:
    """Holds up the first request of every command, for good, until its process has been killed.

    ``after``: the vendor has done it, and only the answer is missing; otherwise it never left.
    """

    def __init__(self, after: bool) -> None:
        self._after = after
        self.fallen: list[Served] = []
        self.falls = asyncio.Event()
        self._seen: set[str] = set()

    async def __call__(self, served: Served, done: bool) -> None:
        if served.key in self._seen or done is not self._after:
            return
        self._seen.add(served.key)
        self.fallen.append(served)
        self.falls.set()
        await asyncio.Event().wait()


async def survive(house: House, guillotine: Guillotine) -> None:
    """Engine after engine, each killed at the next command's first request, until no more falls."""
    number = 0
    while True:
        number += 1
        engine = await Engine.start(house, f"w{number}")
        over = asyncio.create_task(_finished(house))
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


async def _finished(house: House) -> None:
    await house.until(lambda: house.erp.books()["invoices"], "the invoice")
    await house.quiet()


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
async def test_killed_at_every_command(make_house: MakeHouse, after: bool) -> None:
    async with make_house() as house:
        house.lease_s, house.slots = 1.5, False
        guillotine = Guillotine(after)
        house.http.attend = guillotine
        (order_id,) = house.shop.act("place_order", {"lines": 2})["ids"]
        await survive(house, guillotine)
        assert {served.purpose for served in guillotine.fallen} == PURPOSES
        assert_whole(house, order_id)
        assert_nothing_twice(house)
        assert await house.status(order_id) == "done"
        assert await house.problems() == []


async def test_killed_between_recording_and_deciding_over_and_over(make_house: MakeHouse) -> None:
    """No guillotine: engines live for a random part of a second, twenty orders on the way."""
    async with make_house(warehouse={"split": 0.5}) as house:
        house.lease_s, house.slots = 1.5, False
        ids = house.shop.act("place_order", {"count": 20})["ids"]
        for number in range(8):
            engine = await Engine.start(house, f"w{number}")
            await _requests(house, 5)
            await engine.kill()
        async with house.running("last"):
            await house.until(lambda: len(house.erp.books()["invoices"]) == 20, "20 invoices")
            await house.quiet()
        for order_id in ids:
            assert_whole(house, order_id)
        assert_nothing_twice(house)
        assert await house.problems() == []


async def _requests(house: House, more: int) -> None:
    before = len(house.http.served)
    await house.until(lambda: len(house.http.served) >= before + more, f"{more} requests")
