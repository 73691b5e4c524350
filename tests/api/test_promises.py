"""A late order is found, shown and counted wherever people look."""

from crossdock.api.desk import Desk
from crossdock.observe.sql_gauges import SqlGauges
from tests.console import seed
from tests.console.desks import visitor
from tests.console.seed import SHOP, Day, order


async def test_a_late_order_is_listed_shown_and_counted(day: Day, desk: Desk) -> None:
    late, fine = await seed.late(day), order(702)
    await day.arrive(fine)
    await day.decide()
    async with visitor(desk, "viewer") as who:
        listed = (await who.get("/api/v1/orders?late=true")).json()
        assert ([each["key"] for each in listed["orders"]], listed["below"]) == ([late.key], None)
        assert not (await who.get("/api/v1/orders?late=true&status=done")).json()["orders"]
        assert not (await who.get("/api/v1/orders?late=true&channel=elsewhere")).json()["orders"]
        told = (await who.get(f"/api/v1/orders/{late.key}")).json()
        assert (told["promise"]["late"], told["promise"]["told"]) == (True, ["ship"])
        assert (told["whole"]["order"]["status"], told["acts"]) == ("open", ["resolve", "cancel"])
        assert "Forecast" in {fact[0] for moment in told["timeline"] for fact in moment["facts"]}
        assert (await who.get(f"/api/v1/orders/{fine.key}")).json()["promise"]["late"] is False
        page = (await who.get(f"/orders/{late.key}")).text
        assert "as the channel told" in page
        assert "See what it waits for" in page
        assert late.key in (await who.get("/orders?late=true")).text
    samples = await SqlGauges(desk.pool).read()
    assert ("crossdock.orders.late", {"channel": SHOP}, 1.0) in samples


async def test_no_late_order_is_said_in_words(desk: Desk) -> None:
    async with visitor(desk, "viewer") as who:
        assert "No order is late" in (await who.get("/orders?late=true")).text
