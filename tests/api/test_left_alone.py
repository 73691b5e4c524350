"""An order from before its route begins: its page says so, and a retry takes it in once the route begins earlier."""

import msgspec

from crossdock.api.desk import Desk
from tests.console.desks import visitor
from tests.console.seed import SHOP, Day, key, order


def begin(day: Day, since: str) -> None:
    policies = day.world.policies
    policies[SHOP] = msgspec.structs.replace(policies[SHOP], since=since)  # type: ignore[index]


async def test_its_page_says_why_and_offers_to_take_it_in(day: Day, desk: Desk) -> None:
    begin(day, "2099-01-01T00:00:00+01:00")
    await day.arrive(order(801))
    await day.decide()
    async with visitor(desk, "operator") as who:
        told = (await who.get(f"/api/v1/orders/{key(801)}")).json()
        why = "placed before the route begins (2099-01-01T00:00:00+01:00)"
        assert (told["whole"]["order"]["status"], told["whole"]["order"]["reason"]) == ("ignored", why)
        assert told["acts"] == ["retry"]
        assert "move the route's since back" in told["next_step"]
        assert why in (await who.page(f"/orders/{key(801)}")).text
        begin(day, "2001-01-01")
        assert (await who.post(f"/api/v1/orders/{key(801)}/acts", {"action": "retry"})).status_code == 202
        await day.decide()
        told = (await who.get(f"/api/v1/orders/{key(801)}")).json()
        assert told["whole"]["order"]["status"] == "open"
        assert told["whole"]["order"]["finished_at"] is None
        assert "order.book" in {one["purpose"] for one in told["whole"]["commands"]}
