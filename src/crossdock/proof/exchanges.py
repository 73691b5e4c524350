"""Exchanges in the shop: what customers do, and what must have become of it.

The shop keeps what goes out as lines of the same order; here, and in the ERP and the warehouse, it is an order of its
own. ``whole_of`` leads from one to the other: what is asked of an order's documents is asked of both together.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any

from crossdock.domain.order import part_key
from crossdock.domain.state import OrderState
from crossdock.proof.plan import SHOP
from crossdock.simulators.shopify import ShopifySimulator
from crossdock.simulators.shopify.editing import worth

if TYPE_CHECKING:
    from crossdock.proof.evidence import Evidence

ZERO = Decimal(0)
# What goes out instead, by what it costs of what comes back.
_PRICED = {"exchange_even": Decimal(1), "exchange_cheaper": Decimal("0.5"), "exchange_dearer": Decimal(2)}
Record = Mapping[str, Any]


class Exchanging:
    """The customers' side. ``added``: order id -> the lines that exchanges added to it, in the shop's own numbers."""

    def __init__(self, shop: ShopifySimulator) -> None:
        self._shop = shop
        self._waiting: list[tuple[str, int]] = []
        self.added: dict[int, list[int]] = {}

    def act(self, verb: str, order_id: int) -> None:
        """Do what the verb says, or as soon as something has left that can come back; raises ``UserError``."""
        if verb == "unexchange":
            self._take_back(order_id)
        elif not self._exchanged(verb, order_id):
            self._waiting.append((verb, order_id))

    def who_asks_again(self) -> list[tuple[str, int]]:
        """Verb and order of who could not exchange yet; who still cannot is told so once more."""
        waiting, self._waiting = self._waiting, []
        orders = self._shop.books_.orders
        return [(verb, order_id) for verb, order_id in waiting if not orders[order_id]["cancelled_at"]]

    def _exchanged(self, verb: str, order_id: int) -> bool:
        books = self._shop.books_
        left = {line_id for one in books.fulfilments_of(order_id) for line_id, _ in one.lines}
        back = {line_id for one in books.returns.values() if one.order_id == order_id for line_id, _ in one.lines}
        lines = books.orders[order_id]["line_items"]
        line = next((one for one in lines if one["id"] in left - back and one["current_quantity"]), None)
        if line is None:
            return False
        another = "SKU-0002" if line["sku"] == "SKU-0001" else "SKU-0001"
        new = {"sku": another, "price": f"{Decimal(line['price']) * _PRICED[verb]:.2f}"}
        made = self._shop.act("exchange", {"id": order_id, "lines": [{"id": line["id"]}], "new": [new]})
        self.added.setdefault(order_id, []).extend(map(int, made["lines"]))
        return True

    def _take_back(self, order_id: int) -> None:
        """The customer wants none of the newest after all."""
        lines = {int(one["id"]): one for one in self._shop.books_.orders[order_id]["line_items"]}
        wanted = [one for one in self.added.get(order_id, ()) if lines[one]["current_quantity"]]
        if wanted:
            self._shop.act("unexchange", {"id": order_id, "line": wanted[-1]})

    def end(self) -> None:
        """Nobody exchanges any more, and everybody pays what is outstanding."""
        self._waiting.clear()
        for order_id in self.added:
            if not self._shop.books_.orders[order_id]["cancelled_at"]:
                self._shop.act("pay_order", {"id": order_id})


def whole_of(key: str) -> str:
    """The channel's order that an order here is, or is a part of."""
    channel, _, rest = key.partition("-")
    return f"{channel}-{rest.partition('-')[0]}"


def together(amounts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Sums of an order and its parts, by the whole."""
    found: dict[str, Decimal] = {}
    for key, amount in amounts:
        found[whole_of(key)] = found.get(whole_of(key), ZERO) + amount
    return found


def kept(entry: Record) -> Decimal:
    """What the shop has of an order's money in the end: what came, is still to come, less what was paid back."""
    return Decimal(entry["received"]) + Decimal(entry["outstanding"]) - Decimal(entry["refunded"])


def set_off(evidence: "Evidence", order_id: str) -> Decimal:
    """What came back and paid for something else."""
    return evidence.vendors.shop.books_.set_off.get(int(order_id), {}).get("shop_money", ZERO)


def placed_total(evidence: "Evidence", entry: Record) -> Decimal:
    """What an order came to before exchanges added to it."""
    return Decimal(entry["total"]) - sum(_worths(evidence, entry["id"]).values(), ZERO)


def _worths(evidence: "Evidence", order_id: str) -> dict[str, Decimal]:
    """Line that an exchange added -> what it added to the total."""
    order = evidence.vendors.shop.books_.orders[int(order_id)]
    added = evidence.vendors.exchanging.added.get(int(order_id), ())
    return {str(one["id"]): worth(order, one) for one in order["line_items"] if one["id"] in added}


def part_totals(evidence: "Evidence", key: str) -> set[Decimal]:
    """What a part's sales order may come to: its lines', or those of them that were still wanted when it was booked."""
    order_id = whole_of(key).removeprefix(f"{SHOP}-")
    whole = evidence.states().get(whole_of(key))
    own = owned(whole, key) if whole is not None else ()
    prices = [amount for line, amount in _worths(evidence, order_id).items() if line in own]
    return {sum(some, ZERO) for size in range(1, len(prices) + 1) for some in combinations(prices, size)}


def owned(whole: OrderState, key: str) -> tuple[str, ...]:
    """The lines of a part, by the key of its order here."""
    return next((part.lines for name, part in whole.parts.items() if part_key(whole_of(key), name) == key), ())


def lost_parts(evidence: "Evidence", booked: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """I1a of lines that an exchange added and that are wanted: in the ERP in a part, or a person knows."""
    problems, states = evidence.open_problems(), evidence.states()
    for order_id, lines in evidence.vendors.exchanging.added.items():
        key = f"{SHOP}-{order_id}"
        order = evidence.vendors.shop.books_.orders[order_id]
        wanted = {str(one["id"]) for one in order["line_items"] if one["id"] in lines and one["current_quantity"]}
        if order["cancelled_at"] or not wanted or problems.get(key):
            continue
        parts = states[key].parts if key in states else {}
        for name, part in parts.items():
            own = part_key(key, name)
            wanted -= set(part.lines) if booked.get(own) or problems.get(own) else set()
        if wanted:
            yield key, f"exchanged, but lines {sorted(wanted)} are neither in the ERP nor an open exception"


def told_of(entry: Record, lines: Iterable[str]) -> Counter[str]:
    """Line -> units that the shop told its customer of, of these lines only."""
    told: Counter[str] = Counter()
    wanted = set(lines)
    for one in entry["fulfillments"]:
        for line in one["lines"]:
            if line["id"] in wanted:
                told[line["id"]] += line["quantity"]
    return told
