"""A return is authorised by the order's own stream, whole or not at all; whoever waits hears it, and never a guess."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from crossdock.domain.decision import Policy, StreamRef
from crossdock.domain.events import ReturnReceived, ShipmentSeen, encode_event
from crossdock.domain.fulfilment import Shipment, ShippedLine
from crossdock.domain.receipt import Receipt, ReceivedRow
from crossdock.domain.returning import Returning
from crossdock.engine.deciding import DecideLoop
from crossdock.partner import keys
from crossdock.store.protocol import Arrival
from tests.console.seed import ERP, WAREHOUSE
from tests.partner.house import ALL, LONGER, OTHER, PORTAL, House, body, sent

RETURNS = "/partner/v1/returns"
RETURNING = Returning(days=30, reasons=("damaged", "not needed"))


class Goods:
    """A house that authorises returns, with an order whose goods have left."""

    def __init__(self, house: House) -> None:
        self.house = house
        policies = {
            name: Policy(name, ERP, WAREHOUSE, payment="authorized", returns=RETURNING)
            for name in (PORTAL, OTHER, LONGER)
        }
        self._loop = DecideLoop(msgspec.structs.replace(house.world, policies=policies))
        self.order = ""
        self.line: dict[str, Any] = {}

    async def open(self, key: str, ship: bool = True) -> None:
        given = msgspec.json.decode(body())
        self.order, self.line = given["external_id"], given["lines"][0]
        async with self.house.at(key) as who:
            await who.post("/partner/v1/orders", content=msgspec.json.encode(given), headers=sent("order"))
        await self.decide()
        if ship:
            await self.ship(Decimal(str(self.line["quantity"])))

    async def ship(self, units: Decimal) -> None:
        lines = (ShippedLine(self.line["id"], units),)
        event = ShipmentSeen(Shipment("sh-1", lines, datetime.now(UTC)), WAREHOUSE)
        stream = StreamRef("order", f"{PORTAL}-{self.order}")
        await self.house.store.accept([Arrival(PORTAL, "ship-1", "operator", "told", stream, encode_event(event))])
        await self.decide()

    async def decide(self) -> None:
        while await self._loop.round():
            pass

    def body(self, quantity: Any = 1, return_id: str = "rma-1", **changes: Any) -> bytes:
        line = {"id": self.line["id"], "quantity": quantity, "reason": "damaged"}
        return msgspec.json.encode({"external_id": self.order, "return_id": return_id, "lines": [line], **changes})

    async def ask(self, who: httpx.AsyncClient, given: bytes, key: str, prefer: str = "wait=10") -> httpx.Response:
        """The answer to somebody who waits while the deciders work."""
        waiting = asyncio.create_task(who.post(RETURNS, content=given, headers=sent(key, prefer)))
        while not waiting.done():
            await self.decide()
            await asyncio.sleep(0.01)
        return await waiting


@pytest.fixture
async def goods(house: House, key: str) -> Goods:
    made = Goods(house)
    await made.open(key)
    return made


async def asked(house: House) -> int:
    return int(await house.pool.fetchval("select count(*) from messages where topic = 'return.requested'"))


async def test_whoever_waits_is_told_the_number(goods: Goods, key: str) -> None:
    async with goods.house.at(key) as who:
        answer = await goods.ask(who, goods.body(2), "k1")
        told = answer.json()
        assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=10")
        assert (told["decision"], told["number"]) == ("authorised", f"{PORTAL}-{goods.order}-R1")
        assert [(line["id"], line["quantity"]) for line in told["lines"]] == [(goods.line["id"], "2")]
        assert answer.headers["location"] == told["url"]
        again = (await who.get(told["url"])).json()
        assert {**told, "repeated": False} == {**again, "repeated": False}


async def test_each_line_that_may_not_is_named_and_nothing_is_authorised(goods: Goods, key: str) -> None:
    more = Decimal(str(goods.line["quantity"])) + 1
    lines = [{"id": goods.line["id"], "quantity": str(more), "reason": "damaged"},
             {"id": "nowhere", "quantity": 1, "reason": "damaged"}]  # fmt: skip
    async with goods.house.at(key) as who:
        told = (await goods.ask(who, goods.body(lines=lines), "k1")).json()
        assert (told["decision"], told.get("number")) == ("refused", None)
        assert {each["id"]: each["code"] for each in told["refusals"]} == {
            goods.line["id"]: "return.exceeds_shipped",
            "nowhere": "return.unknown_line",
        }
        whole = (await goods.ask(who, goods.body(goods.line["quantity"], "rma-2"), "k2")).json()
        assert whole["decision"] == "authorised", "a refused request takes nothing"


async def test_without_waiting_it_is_pending_and_asked_for_later(goods: Goods, key: str) -> None:
    async with goods.house.at(key) as who:
        answer = await who.post(RETURNS, content=goods.body(), headers=sent("k1"))
        assert (answer.status_code, answer.json()["decision"]) == (202, "pending")
        where = answer.headers["location"]
        assert (await who.get(where)).json()["decision"] == "pending"
        await goods.decide()
        assert (await who.get(where)).json()["decision"] == "authorised"
        assert (await who.get(f"/partner/v1/orders/{goods.order}/returns/never")).json()["code"] == "not_found"


async def test_a_partner_hears_what_the_warehouse_received(goods: Goods, key: str) -> None:
    async with goods.house.at(key) as who:
        told = (await goods.ask(who, goods.body(2), "k1")).json()
        assert (told["came_back"], told["finished"]) == ([], False)
        row = ReceivedRow("1", Decimal(2), Decimal(1), goods.line["id"])
        event = ReturnReceived(Receipt("R-1", (row,), told["number"], True), WAREHOUSE)
        stream = StreamRef("order", f"{PORTAL}-{goods.order}")
        await goods.house.store.accept([Arrival(PORTAL, "back-1", "operator", "told", stream, encode_event(event))])
        await goods.decide()
        now = (await who.get(told["url"])).json()
        assert now["came_back"] == [{"id": goods.line["id"], "received": "2", "restocked": "1"}]
        assert now["finished"] is True


async def test_when_the_time_is_over_it_is_pending_all_the_same(goods: Goods, key: str) -> None:
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async with goods.house.at(key, sleep=sleep, stopwatch=lambda: now[0]) as who:
        answer = await who.post(RETURNS, content=goods.body(), headers=sent("k1", "wait=2"))
    assert (answer.status_code, answer.json()["decision"], now[0]) == (202, "pending", pytest.approx(2.0))
    assert await asked(goods.house) == 1


async def test_the_same_request_is_one_and_a_key_or_an_id_names_one_request_only(goods: Goods, key: str) -> None:
    async with goods.house.at(key) as who:
        first = (await goods.ask(who, goods.body(1), "k1")).json()
        again = (await goods.ask(who, msgspec.json.format(goods.body(1), indent=2), "k1")).json()
        assert (again["number"], again["repeated"]) == (first["number"], True)
        other_key = (await goods.ask(who, goods.body(1), "k2")).json()
        assert (other_key["number"], other_key["repeated"]) == (first["number"], False)
        refused = await goods.ask(who, goods.body(2), "k1")
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
        refused = await goods.ask(who, goods.body(2), "k3")
        assert (refused.status_code, refused.json()["code"]) == (422, "return_id_reused")
    numbers = await goods.house.pool.fetch("select external_id from \"references\" where type = 'return'")
    assert [row["external_id"] for row in numbers] == [first["number"]]


async def test_what_has_not_left_is_refused(house: House, key: str) -> None:
    goods = Goods(house)
    await goods.open(key, ship=False)
    async with house.at(key) as who:
        told = (await goods.ask(who, goods.body(1), "k1")).json()
    assert [each["code"] for each in told["refusals"]] == ["return.not_shipped"]


async def test_a_partner_reaches_its_own_orders_only(goods: Goods, key: str) -> None:
    elsewhere = await keys.make(goods.house.pool, OTHER, "shop floor", ALL)
    async with goods.house.at(elsewhere) as who:
        for answer in (
            await who.post(RETURNS, content=goods.body(), headers=sent("k1")),
            await who.get(f"/partner/v1/orders/{goods.order}/returns/rma-1"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    reads = await keys.make(goods.house.pool, PORTAL, "screen", ["orders:write", "orders:read"])
    async with goods.house.at(reads) as who:
        refused = await who.post(RETURNS, content=goods.body(), headers=sent("k1"))
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert await asked(goods.house) == 0


async def test_what_is_no_request_is_refused_by_name_and_not_kept(goods: Goods, key: str) -> None:
    line = {"id": goods.line["id"], "quantity": 1}
    async with goods.house.at(key) as who:
        for changes, says in (
            ({"lines": []}, "lines"),
            ({"lines": [line, line]}, "twice"),
            ({"lines": [{**line, "quantity": 0}]}, "quantity"),
            ({"lines": [{**line, "quantity": -1}]}, "quantity"),
            ({"lines": [{**line, "quantity": "1e99999"}]}, "quantity"),
            ({"lines": [{**line, "units": 1}]}, "units"),
            ({"return_id": "a b"}, "return_id"),
            ({"external_id": None}, "external_id"),
        ):
            refused = await who.post(RETURNS, content=goods.body(**changes), headers=sent("k1"))
            assert (refused.status_code, refused.json()["code"]) == (422, "return_refused"), changes
            assert says in refused.json()["detail"]
        refused = await who.post(RETURNS, content=b"{", headers=sent("k1"))
        assert refused.json()["code"] == "body_refused"
        refused = await who.post(RETURNS, content=goods.body(), headers={"content-type": "application/json"})
        assert refused.json()["code"] == "idempotency_key_missing"
    assert await asked(goods.house) == 0
