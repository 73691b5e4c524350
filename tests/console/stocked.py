"""A little stock for the console's tests: decided by the engine, told by nobody's connector."""

from datetime import timedelta
from decimal import Decimal

import msgspec

from crossdock.domain.commands import PublishStock
from crossdock.domain.decision import Policy, StreamRef
from crossdock.domain.events import CommandSettled, Event, encode_event
from crossdock.domain.outcome import Done, Rejected
from crossdock.domain.stock import StockLocation, StockPolicy
from crossdock.domain.stock_decider import STOCK
from crossdock.domain.stock_events import PositionSeen, StockReserved
from crossdock.engine.deciding import DecideLoop
from crossdock.store.protocol import INVENTORY, Arrival
from tests.console.seed import ERP, PLACED, SHOP, WAREHOUSE, XSS, Day, key

MUG, HOSTILE, REFUSED = "MUG-01", f"BAD {XSS}", "POT-07"


async def stocked(day: Day) -> None:
    """Three SKUs: one shown with an order that holds units, one with a hostile name, one that the shop refused."""
    stock = StockPolicy(locations={"101": StockLocation(sources=("1",))}, buffer=2)
    policy = Policy(SHOP, ERP, WAREHOUSE, stock=stock)
    world = msgspec.structs.replace(day.world, deciders={"stock": STOCK}, policies={SHOP: policy})
    await _tell(day, MUG, StockReserved(MUG, key(4), SHOP, Decimal(3), "reserved", Decimal(3)), "r")
    for sku in (MUG, HOSTILE, REFUSED):
        at = PLACED - timedelta(minutes=3)
        await _tell(day, sku, PositionSeen(ERP, "1", sku, Decimal(40), Decimal(4), at), f"p-{sku[:8]}")
    await _decide(world)
    for sku, outcome in ((MUG, Done()), (REFUSED, Rejected("odd", "the shop says no"))):
        command = f"stock:{sku}/{SHOP}/stock.publish/101/1"
        await _tell(day, sku, CommandSettled(command, PublishStock.purpose, SHOP, outcome), f"o-{sku}")
    await _decide(world)


async def _decide(world: object) -> None:
    loop = DecideLoop(world)  # type: ignore[arg-type]
    while await loop.round():
        pass


async def _tell(day: Day, sku: str, event: Event, name: str) -> None:
    arrival = Arrival(SHOP, f"stock-{name}", "operator", "told", StreamRef("stock", sku), encode_event(event))
    await day.store.accept([msgspec.structs.replace(arrival, priority=INVENTORY)])
