"""Availability is the number that is kept for the partner's channel: with its age, less what its orders hold."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crossdock.domain.commands import PublishStock
from crossdock.domain.decision import Policy, StreamRef
from crossdock.domain.events import CommandSettled, Event, encode_event
from crossdock.domain.order_decider import ORDER
from crossdock.domain.outcome import Done
from crossdock.domain.promise import Promising
from crossdock.domain.stock import StockLocation, StockPolicy
from crossdock.domain.stock_decider import STOCK
from crossdock.domain.stock_events import PositionSeen
from crossdock.engine.deciding import DecideLoop
from crossdock.store.protocol import INVENTORY, Arrival, LeasedCommand, Sent
from tests.console.seed import ERP, WAREHOUSE
from tests.partner.house import PORTAL, House, body, sent

CHECK = "/partner/v1/availability"
SKU, OTHER, BOX = "SKU-0001", "SKU-0002", "BOX"
STOCKED = StockPolicy(locations={"web": StockLocation(sources=("1",))}, buffer=2, kits={BOX: {OTHER: 4}})
PROMISE = Promising("UTC", default_transit_days=2)
POLICY = Policy(PORTAL, ERP, WAREHOUSE, payment="authorized", stock=STOCKED, promise=PROMISE)


class Stock:
    """Positions come in and numbers are settled as the deliverers would."""

    def __init__(self, house: House) -> None:
        self.house, self.policies = house, {PORTAL: POLICY}
        world = msgspec.structs.replace(house.world, deciders={"order": ORDER, "stock": STOCK}, policies=self.policies)
        self._loop, self._told = DecideLoop(world), 0

    async def position(self, sku: str, units: int, age: timedelta = timedelta(0)) -> None:
        at = datetime.now(UTC) - age
        await self._tell(sku, PositionSeen(ERP, "1", sku, Decimal(units), Decimal(0), at))

    async def settle(self) -> None:
        """Decide, and answer every number that is to be told; until nothing is left to do."""
        while True:
            while await self._loop.round():
                pass
            commands = await self.house.store.claim_commands(PORTAL, 100, 60.0)
            if not commands:
                return
            await self.house.store.record([self._done(command) for command in commands])

    def _done(self, command: LeasedCommand) -> Sent:
        assert command.purpose == PublishStock.purpose
        settled = encode_event(CommandSettled(command.key, command.purpose, PORTAL, Done()))
        return Sent(command.id, command.fence, "done", "", datetime.now(UTC), 1.0, settled=settled)

    async def _tell(self, sku: str, event: Event) -> None:
        self._told += 1
        arrival = Arrival(PORTAL, f"t-{self._told}", "operator", "told", StreamRef("stock", sku), encode_event(event))
        await self.house.store.accept([msgspec.structs.replace(arrival, priority=INVENTORY)])

    async def ask(self, key: str, *lines: tuple[str, Any], **question: Any) -> dict[str, Any]:
        asked = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
        async with self.house.at(key, policies=self.policies) as who:
            answer = await who.post(CHECK, json={"lines": asked, **question})
            assert answer.status_code == 200, answer.text
            told: dict[str, Any] = answer.json()
            return told


@pytest.fixture
async def stock(house: House) -> Stock:
    return Stock(house)


async def test_the_kept_number_is_told_with_its_age_and_dates(stock: Stock, key: str) -> None:
    await stock.position(SKU, 12)
    await stock.settle()
    told = await stock.ask(key, (SKU, 10))
    (line,) = told["lines"]
    assert (line["availability"], line["units"]) == ("available", 10), "12 there, 2 kept back"
    assert line["as_of"]
    assert told["promised"]["ship_by"] < told["promised"]["deliver_by"]
    told = await stock.ask(key, (SKU, "10.5"))
    assert told["lines"][0]["availability"] == "short"
    assert told.get("promised") is None, "no date for what is not there"


async def test_what_an_order_takes_is_gone_at_once(stock: Stock, key: str) -> None:
    await stock.position(SKU, 30)
    await stock.settle()
    given = msgspec.json.decode(body())
    wanted = sum(Decimal(str(line["quantity"])) for line in given["lines"] if line["sku"] == SKU)
    assert wanted > 0
    async with stock.house.at(key, policies=stock.policies) as who:
        await who.post("/partner/v1/orders", content=msgspec.json.encode(given), headers=sent("k1"))
    await stock.settle()
    assert (await stock.ask(key, (SKU, 1)))["lines"][0]["units"] == 28 - wanted


async def test_what_is_not_known_is_unknown_and_no_zero(stock: Stock, key: str) -> None:
    await stock.position(SKU, 12)
    told = await stock.ask(key, ("NEVER", 1))
    assert (told["lines"][0]["availability"], told["lines"][0]["why"]) == ("unknown", "No stock of it is known.")
    await stock.settle()
    both = await stock.ask(key, (SKU, 1), ("NEVER", 1))
    assert [line["availability"] for line in both["lines"]] == ["available", "unknown"]
    assert both.get("promised") is None
    async with stock.house.at(key) as who:  # a route without stock
        answer = await who.post(CHECK, json={"lines": [{"sku": SKU}]})
    assert "out of which stock" in answer.json()["lines"][0]["why"]


async def test_a_number_of_an_old_position_is_stale(stock: Stock, key: str) -> None:
    await stock.position(SKU, 12, timedelta(hours=3))
    await stock.settle()
    told = await stock.ask(key, (SKU, 1))
    (line,) = told["lines"]
    assert (line["availability"], line["units"], line["why"]) == ("stale", 10, "It was last read 3.0 hours ago.")
    assert (told["stale_after_s"], told.get("promised")) == (3600.0, None)


async def test_a_kit_is_as_many_as_its_components_allow(stock: Stock, key: str) -> None:
    await stock.position(OTHER, 21)
    await stock.settle()
    (line,) = (await stock.ask(key, (BOX, 3)))["lines"]
    assert (line["availability"], line["units"]) == ("available", 3), "5 boxes of 4, 2 boxes kept back"


async def test_questions_that_cannot_be_are_refused(stock: Stock, key: str) -> None:
    async with stock.house.at(key) as who:
        for lines in ([], [{"sku": "A"}, {"sku": "A"}], [{"sku": "A", "quantity": 0}], [{"sku": "x" * 201}]):
            refused = await who.post(CHECK, json={"lines": lines})
            assert (refused.status_code, refused.json()["code"]) == (400, "request_refused"), lines
