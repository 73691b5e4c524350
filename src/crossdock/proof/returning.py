"""Goods that come back in a run: what customers, the shop's people and the warehouse's do, each by itself.

What must have become of it: ``goods.py``, and of the money: ``refunds.py``.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec

from crossdock.proof.plan import SHOP, WAREHOUSE
from crossdock.simulators.shiphero import ShipHeroSimulator
from crossdock.simulators.shiphero.returns import PENDING
from crossdock.simulators.shiphero.returns import Return as Expected
from crossdock.simulators.shopify import ShopifySimulator
from crossdock.simulators.shopify.books import UserError

# What becomes of the goods -> in how many parts it happens. Nothing happens to goods that never come.
_STEPS: Mapping[str, int] = {"good": 1, "damaged": 1, "in two": 2, "called off": 1, "never": 0}
_GOODS = ("good", "good", "damaged", "in two", "in two", "called off", "never")
_REFUNDS = ("first", "afterwards", "afterwards", "not put back", "none")  # when, or how, the money goes back


class Fate(msgspec.Struct):
    """What becomes of one return."""

    order_id: int
    return_id: str
    goods: str
    refund: str
    due: datetime  # nothing happens to it before
    takes: timedelta  # the goods, from being expected to coming, and from part to part
    steps: int = 0  # done to the goods
    refunded: bool = False


class Returning:
    """Of one run. ``fates``: of each return, by the shop's id."""

    def __init__(
        self, shop: ShopifySimulator, warehouse: ShipHeroSimulator, random: Random, now: Callable[[], datetime],
        note: Callable[[str, str, str], None],
    ) -> None:  # fmt: skip
        self._shop, self._warehouse, self._random, self._now, self._note = shop, warehouse, random, now, note
        self._waiting: list[tuple[str, int]] = []
        self.fates: dict[str, Fate] = {}

    def act(self, verb: str, order_id: int) -> None:
        """Somebody wants to send goods back, now or as soon as any have left; raises ``UserError``."""
        rows = self._could_come_back(order_id)
        if not rows:
            self._waiting.append((verb, order_id))
            return
        line_id, units = rows[0]
        row = {"id": line_id, "quantity": units if verb == "send_back_all" else 1}
        made = str(self._shop.act("open_return", {"id": order_id, "lines": [row]})["return"])
        due = self._now() + timedelta(seconds=self._random.uniform(0.5, 6.0))
        takes = timedelta(seconds=self._random.uniform(0.1, 5.0))
        fate = Fate(order_id, made, self._random.choice(_GOODS), self._random.choice(_REFUNDS), due, takes)
        self.fates[made] = fate
        self._note(SHOP, f"return {made}: goods {fate.goods}, refund {fate.refund}", f"{SHOP}-{order_id}")

    def _could_come_back(self, order_id: int) -> list[tuple[int, int]]:
        """Lines with what left of them, less what is on its way back."""
        books, left = self._shop.books_, Counter[int]()
        for one in books.fulfilments_of(order_id):
            left.update(dict(one.lines))
        for known in books.returns.values():
            if known.order_id == order_id and known.status != "CANCELED":
                left.subtract(dict(known.lines))
        return [(line_id, units) for line_id, units in left.items() if units > 0]

    def who_asks_again(self) -> list[tuple[str, int]]:
        """Verb and order of who had nothing to send back yet."""
        waiting, self._waiting = self._waiting, []
        orders = self._shop.books_.orders
        return [(verb, order_id) for verb, order_id in waiting if not orders[order_id]["cancelled_at"]]

    def end(self) -> None:
        """Nobody wants to send anything back any more; what is under way comes."""
        self._waiting.clear()

    def came_worse(self, key: str) -> bool:
        """Whether goods of the order were refunded first, to be put back, and could not be."""
        mine = (fate for fate in self.fates.values() if f"{SHOP}-{fate.order_id}" == key)
        return any(fate.refund == "first" and fate.goods in ("damaged", "in two") for fate in mine)

    @property
    def idle(self) -> bool:
        """Whether nothing will happen by itself."""
        return not any(self._refund_is_due(fate) or self._goods_are_due(fate) for fate in self.fates.values())

    def work(self) -> None:
        """Do what is due."""
        for fate in self.fates.values():
            if self._now() < fate.due:
                continue
            if self._refund_is_due(fate):
                self._refund(fate)
            if self._goods_are_due(fate):
                self._move(fate)

    def _refund_is_due(self, fate: Fate) -> bool:
        wanted = fate.refund in ("first", "not put back") or (fate.refund == "afterwards" and fate.steps > 0)
        return wanted and not fate.refunded and fate.goods != "called off"

    def _goods_are_due(self, fate: Fate) -> bool:
        if fate.steps == _STEPS[fate.goods]:
            return False
        return fate.goods == "called off" or self._expected(fate) is not None

    def _refund(self, fate: Fate) -> None:
        fate.refunded = True
        restock = "no_restock" if fate.refund == "not put back" else "return"
        lines = self._shop.books_.returns[int(fate.return_id)].lines
        rows = [{"id": line_id, "quantity": units, "restock": restock} for line_id, units in lines]
        self._try("refund", fate, {"id": fate.order_id, "lines": rows, "return": fate.return_id})

    def _move(self, fate: Fate) -> None:
        """The return is called off, or a part of its goods comes."""
        expected = self._expected(fate)
        if expected is None:
            fate.steps += 1
            self._try("cancel_return", fate, {"return": fate.return_id})
        elif self._now() >= max(expected.at, fate.due) + fate.takes:
            fate.steps, fate.due = fate.steps + 1, self._now()
            self._receive(fate, expected)

    def _receive(self, fate: Fate, expected: Expected) -> None:
        """In two parts: a unit is put back, later the rest, which is not, or that the unit was all."""
        asked = {"order": f"{SHOP}-{fate.order_id}", "return": expected.id}
        for item in list(expected.items):
            units = item.quantity - item.received if fate.steps == _STEPS[fate.goods] else 1
            restock = 0 if fate.goods == "damaged" or fate.steps > 1 else units
            self._warehouse.act("receive_return", {**asked, "sku": item.sku, "quantity": units, "restock": restock})
        if fate.steps == _STEPS[fate.goods]:
            self._warehouse.act("receive_return", {**asked, "sku": "", "finish": True})
        self._note(WAREHOUSE, f"goods of return {fate.return_id}: {fate.goods}", f"{SHOP}-{fate.order_id}")

    def _expected(self, fate: Fate) -> Expected | None:
        """What the warehouse knows of it, if that is still to come."""
        if fate.goods == "called off":
            return None
        return next((one for one in announced(self._warehouse, fate.return_id) if one.status == PENDING), None)

    def _try(self, verb: str, fate: Fate, args: dict[str, Any]) -> None:
        try:
            self._shop.act(verb, args)
        except UserError as error:
            self._note(SHOP, f"{verb} for return {fate.return_id} was refused: {error}", f"{SHOP}-{fate.order_id}")


def announced(warehouse: ShipHeroSimulator, return_id: str) -> list[Expected]:
    """What the warehouse was told of a return of the shop's, the newest first."""
    known = reversed(warehouse.returns.returns.values())
    return [one for one in known if f"-{return_id}-" in f"{one.partner_id}-"]
