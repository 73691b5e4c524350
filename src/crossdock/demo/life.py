"""What becomes of a live demo's orders besides being shipped: customers change their minds, money goes back, goods are
exchanged, stock sells, and payments are paid out. So a visitor finds every page alive.

Only while nobody waits for the reconciliation: that compares what was sold with what was booked.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any

from crossdock.demo.control import Vendors
from crossdock.demo.plan import ERP, SHOP

SHELF = tuple(f"SKU-{number:04}" for number in range(1, 25))  # what the ERP counts; everything else sells without end
LOW, HIGH = 60, 400  # units of each at the start: about one a minute is sold
PAYOUT_EVERY_S = 45.0
# (share of orders, seconds after it was placed, what is done)
SHARES = (
    (0.03, (0.1, 1.5), "cancel_order", {"restock": True}),
    (0.03, (0.1, 1.0), "edit_address", {"address1": "7 Harbour Street"}),
    (0.03, (15.0, 40.0), "refund", {"lines": "all"}),
    (0.03, (12.0, 30.0), "refund", {"amount": "5.00", "note": "late, sorry"}),
    (0.03, (20.0, 40.0), "exchange", {"lines": "one", "new": [{"sku": "SKU-0007", "price": "39.00"}]}),
)
PAYS_IN_S = 8.0  # for what was exchanged for something dearer


class Life:
    """``seconds``: a stopwatch. ``say`` is told what the shop would not do."""

    def __init__(
        self, vendors: Vendors, random: Random, seconds: Callable[[], float], say: Callable[[str], None]
    ) -> None:
        self._vendors, self._random, self._seconds, self._say = vendors, random, seconds, say
        self._due: list[tuple[float, int, str, dict[str, Any]]] = []
        self._planned = 0
        self._plan(PAYOUT_EVERY_S, "payout", {})

    async def stock_up(self) -> None:
        """People count what is on the ERP's shelves; the shop shows nothing yet."""
        for sku in SHELF:
            await self._vendors.act(ERP, "count_stock", sku=sku, quantity=self._random.randint(LOW, HIGH))
            await self._vendors.act(SHOP, "set_stock", sku=sku, quantity=0)

    def placed(self, ids: list[str]) -> None:
        """Plan what becomes of new orders."""
        for order in ids:
            chance = self._random.random()
            for share, (soonest, latest), verb, args in SHARES:
                if chance < share:
                    self._plan(self._random.uniform(soonest, latest), verb, {"id": order, **args})
                    break
                chance -= share

    async def go_on(self) -> None:
        """Do what is due by now. What the shop refuses, as it would its own people, is said and left."""
        while self._due and self._due[0][0] <= self._seconds():
            _, _, verb, args = heappop(self._due)
            if verb == "payout":
                self._plan(PAYOUT_EVERY_S, "payout", {})
            if verb == "exchange":
                self._plan(PAYS_IN_S, "pay_order", {"id": args["id"]})
            try:
                await self._vendors.act(SHOP, verb, **args)
            except RuntimeError as refused:
                self._say(f"{verb} {args.get('id', '')}: {refused}")

    def _plan(self, in_s: float, verb: str, args: dict[str, Any]) -> None:
        self._planned += 1
        heappush(self._due, (self._seconds() + in_s, self._planned, verb, args))
