"""The account's stock by item and location: what people counted, less what left; open sales orders commit it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from crossdock.simulators.netsuite.catalogue import SHIPS_FROM
from crossdock.simulators.netsuite.ledger import ZERO, Ledger
from crossdock.simulators.netsuite.returns import restocked


class Counted(msgspec.Struct, frozen=True):
    quantity: Decimal
    at: datetime


class Balance(msgspec.Struct, frozen=True):
    item: str
    location: str
    on_hand: Decimal
    committed: Decimal
    changed: datetime

    @property
    def available(self) -> Decimal:
        return self.on_hand - self.committed


class StockRoom:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.counted: dict[tuple[str, str], Counted] = {}
        self.blank: set[str] = set()  # items whose quantity on hand is told as null

    def count(self, item: str, location: str, quantity: Decimal, now: datetime) -> None:
        """Somebody counted what is there now; what left before has left."""
        left = self._sums()[1][item] if location == SHIPS_FROM else ZERO
        self.counted[item, location] = Counted(quantity + left, now)

    def balances(self) -> Iterator[Balance]:
        """Committed is never more than what is there: the rest of the orders is on back order."""
        open_, left, touched = self._sums()
        for (item, location), told in self.counted.items():
            here = location == SHIPS_FROM
            on_hand = told.quantity - (left[item] if here else ZERO)
            committed = min(max(on_hand, ZERO), open_[item]) if here else ZERO
            changed = max(told.at, touched.get(item, told.at)) if here else told.at
            yield Balance(item, location, on_hand, committed, changed)

    def _sums(self) -> tuple[Mapping[str, Decimal], Mapping[str, Decimal], dict[str, datetime]]:
        """By item: open on sales orders, left on item fulfilments less what came back, and when an order with it last
        changed."""
        open_: defaultdict[str, Decimal] = defaultdict(Decimal)
        left: defaultdict[str, Decimal] = defaultdict(Decimal)
        touched: dict[str, datetime] = {}
        for order in self._ledger.of("salesOrder"):
            for line in order.lines:
                open_[line.item] += line.open if order.status not in "AC" else ZERO
                left[line.item] += line.fulfilled
                touched[line.item] = max(order.modified, touched.get(line.item, order.modified))
        for item, quantity in restocked(self._ledger).items():
            left[item] -= quantity
        return open_, left, touched
