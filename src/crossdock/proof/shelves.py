"""What people do to stock in a run, and a record of what was truly there: the measure of what is published."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from crossdock.proof.plan import ERP, SHOP, Scenario
from crossdock.proof.stock_plan import BOOKED_S, LOCATION, POLLS, SOURCE, StockAct, StockPlan
from crossdock.proof.witness import Witness
from crossdock.simulators.netsuite import NetSuiteAccount
from crossdock.simulators.netsuite.stock import Balance
from crossdock.simulators.shopify import ShopifySimulator


class Shelves:
    """Of one run whose route is told stock. Nothing here is the product's word."""

    def __init__(
        self, scenario: Scenario, shop: ShopifySimulator, erp: NetSuiteAccount, now: Callable[[], datetime],
        witness: Witness,
    ) -> None:  # fmt: skip
        self.plan = scenario.stock or StockPlan({}, {})
        self._scenario, self._shop, self._erp, self._now, self._witness = scenario, shop, erp, now, witness
        self._random = scenario.random("stock acts")
        # SKU -> (since when, what was ever there: what is there now, what was shipped, what the till sold)
        self.ever: dict[str, list[tuple[datetime, int]]] = {}
        self.taken_away: Counter[str] = Counter()  # units that people took out of stock, or put on sale, by themselves
        self.restocked: dict[str, datetime] = {}  # SKU -> when people first put units of it on sale by themselves
        self.placed: dict[str, datetime] = {}
        self.tills: dict[str, tuple[datetime, str, int]] = {}  # sales over the counter: when, what, how many
        self._booked: Counter[str] = Counter()  # of them, what the ERP was told
        self.cancelled: dict[str, datetime] = {}
        self._stands: tuple[float, Any] = (0.0, None)  # since when both show what they show
        self.blank: list[str] = []  # SKUs whose row in the ERP's list cannot be read
        self.skus = {item.itemid: ref for ref, item in erp.items.items()}

    def open(self) -> None:
        """As it stands before anything is sold."""
        for sku, units in self.plan.there.items():
            self._count(sku, units)
            if self._scenario.singled_out("row_unreadable", sku):
                self.blank.append(sku)
                self._erp.act("blank_stock", {"sku": sku})
                self._witness.fault("row_unreadable", ERP, f"the row of {sku} has no quantity", sku)
        for sku, units in self.plan.shown.items():
            self._shop.act("set_stock", {"sku": sku, "quantity": units})

    async def work(self, warm_s: float) -> None:
        """What people do, each at its time."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.create_task(self._act(warm_s + act.at, act)) for act in self.plan.acts))

    async def _act(self, at: float, act: StockAct) -> None:
        await asyncio.sleep(at)
        if act.verb == "till":
            if self._shop.act("sell_at_till", {"sku": act.sku, "quantity": act.units})["sold_out"]:
                return
            self.tills[f"till {len(self.tills) + 1}"] = (self._now(), act.sku, act.units)
            self._witness.note(SHOP, f"the till sold {act.units} of {act.sku}", act.sku)
            await asyncio.sleep(self._random.uniform(*BOOKED_S))
        there = self.on_hand(act.sku)
        # What left and was not there any more stands as less than nothing: taking from that finds no units.
        left = there + act.units if act.verb == "receive" else max(min(there, 0), there - act.units)
        if act.verb == "till":
            self._booked[act.sku] += there - left
        elif act.verb == "lose":
            self.taken_away[act.sku] += there - left
        self._count(act.sku, left)

    def _count(self, sku: str, units: int) -> None:
        self._erp.act("count_stock", {"sku": sku, "quantity": units})
        ever = int(self._erp.stock.counted[self.skus[sku], SOURCE].quantity)
        self.ever.setdefault(sku, []).append((self._now(), ever + self._booked[sku]))
        self._witness.note(ERP, f"{units} of {sku} are there", sku)

    # -- orders ----------------------------------------------------------------------------------------------------

    def can_have(self, wish: Mapping[str, Any]) -> bool:
        """Whether the shop lets an order for this be placed."""
        return self._shop.shelf.has(dict.fromkeys(wish["skus"], int(wish.get("quantity", 1))), int(LOCATION))

    def was_placed(self, key: str) -> None:
        self.placed[key] = self._now()

    def cancel(self, order_id: str) -> None:
        """Somebody cancels an order in the shop; whether its units are on sale again is that person's word."""
        key = f"{SHOP}-{order_id}"
        if self.plan.restocks and key not in self.cancelled:
            for sku, units in self._shop.books_.unshipped(int(order_id)).items():
                self.taken_away[sku] += units
                self.restocked.setdefault(sku, self._now())
        self._shop.act("cancel_order", {"id": order_id, "restock": self.plan.restocks})
        self.cancelled.setdefault(key, self._now())

    def read_since_moved(self, listed: Mapping[tuple[str, str], float], seconds: float, held: Collection[Any]) -> bool:
        """Whether both systems' stock was listed once more since any of it changed, or what orders hold of it here, as
        seen by who asks regularly. When an order lets go, what a channel shows is only supposed until it is read."""
        if self._scenario.stock is None:
            return True
        there = [(one.item, one.on_hand, one.committed) for one in self._erp.stock.balances()]
        if (seen := (there, dict(self._shop.shelf.levels), sorted(held))) != self._stands[1]:
            self._stands = (seconds, seen)
        began = {poll: at for (_, poll), at in listed.items() if poll in POLLS}
        return began.keys() == POLLS.keys() and min(began.values()) > self._stands[0]

    # -- what is true ----------------------------------------------------------------------------------------------

    def on_hand(self, sku: str) -> int:
        """What the ERP's books say is there now."""
        return int(self._balance(sku).on_hand)

    def available(self, sku: str) -> Decimal:
        """The same, less what its own open orders have taken."""
        return self._balance(sku).available

    def _balance(self, sku: str) -> Balance:
        place = (self.skus[sku], SOURCE)
        return next(one for one in self._erp.stock.balances() if (one.item, one.location) == place)

    def most(self, sku: str, since: datetime, until: datetime) -> int:
        """The most that was ever there, by the ERP's books at any moment between the two."""
        told = self.ever.get(sku, [])
        before = [units for at, units in told if at <= since][-1:]
        return max([*before, *(units for at, units in told if since < at <= until)], default=0)

    def left(self, key: str, sku: str) -> int:
        """Units of an order that have left by the ERP's books."""
        order = self._erp.ledger.find("salesOrder", f"eid:{key}")
        lines = order.lines if order is not None else []
        return int(sum(line.fulfilled for line in lines if line.item == self.skus[sku]))

    def booked(self, key: str) -> bool:
        """Whether the ERP has the order, in whatever status."""
        return self._erp.ledger.find("salesOrder", f"eid:{key}") is not None


def units_of(order: Mapping[str, Any]) -> Counter[str]:
    """SKU -> units, of one order of the shop's books."""
    wanted: Counter[str] = Counter()
    for line in order["line_items"]:
        wanted[str(line["sku"])] += int(line["quantity"])
    return wanted
