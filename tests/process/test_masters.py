"""An order that comes before the ERP's items were read waits, says so, and goes on the moment they are."""

from collections.abc import Awaitable, Callable

from tests.process.books import assert_nothing_twice, assert_whole
from tests.process.house import ERP, Engine, House

Running = Callable[..., Awaitable[tuple[House, Engine]]]


async def test_an_order_that_comes_before_the_items_waits_for_their_first_round(running: Running) -> None:
    house, _ = await running()
    await house.store.pool.execute("delete from masters where kind = 'product'")
    await house.store.pool.execute("delete from listed where kind = 'product'")
    await house.store.pool.execute("delete from cursors where name = 'items'")
    ids = house.shop.act("place_order", {"lines": 2, "count": 3})["ids"]

    async def all_wait() -> bool:
        return [await house.status(each) for each in ids] == ["waiting"] * 3

    await house.until(all_wait, "the orders to wait")
    reason = await house.store.pool.fetchval("select reason from streams where kind = 'order' limit 1")
    assert "are being read for the first time" in reason
    assert await house.problems() == []
    assert await house.store.pool.fetchval("select count(*) from timers where name = 'revalidate'") == 0
    await house.poll(ERP, "items")
    await house.quiet()
    for order_id in ids:
        assert await house.status(order_id) == "done"
        assert_whole(house, order_id)
    assert_nothing_twice(house)
    assert await house.store.pool.fetchval("select count(*) from wanted") == 0
