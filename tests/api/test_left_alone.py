"""An order from before its route begins: its page says so, and a retry takes it in once the route begins earlier."""

from decimal import Decimal

import msgspec

from crossdock.api.desk import Desk
from crossdock.domain.decision import StreamRef
from crossdock.domain.events import SettlementSeen, encode_event
from crossdock.domain.settlement import Settlement, SettlementLine, SettlementLineKind
from crossdock.store.protocol import Arrival
from tests.console.desks import visitor
from tests.console.seed import PLACED, SHOP, Day, key, order


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


async def test_a_settlement_s_page_does_the_same(day: Day, desk: Desk) -> None:
    begin(day, "2099-01-01")
    fee = SettlementLine("1", SettlementLineKind.FEE, "charge", Decimal("-3.00"))
    seen = Settlement(SHOP, "8801", "AUD", Decimal("-3.00"), PLACED, (fee,))
    body = encode_event(SettlementSeen(seen))
    await day.store.accept([Arrival(SHOP, "p-8801", "poll", "payout", StreamRef("settlement", seen.key), body)])
    await day.decide()
    async with visitor(desk, "operator") as who:
        told = (await who.get(f"/api/v1/settlements/{seen.key}")).json()
        assert (told["row"]["status"], told["acts"]) == ("ignored", ["retry"])
        assert told["row"]["reason"] == "deposited before the route begins (2099-01-01 in UTC)"
        begin(day, "2001-01-01")
        stream = await desk.pool.fetchval("select id from streams where key = $1", seen.key)
        assert (await who.post(f"/api/v1/streams/{stream}/acts", {"action": "retry"})).status_code == 202
        await day.decide()
        told = (await who.get(f"/api/v1/settlements/{seen.key}")).json()
        assert (told["row"]["status"], told["acts"]) == ("open", [])
