"""Shops, an ERP and a warehouse behind one address, told apart by the first part of the path.

They are cheap, but their answers are right: what they refuse, the vendors refuse, and ``GET /stub/audit`` tells from
their own books what was lost, doubled or written out of order. Made by the environment: ``BENCH_STREET``.
"""

import os
from typing import Any

import msgspec
from benchmarks.stub_documents import Documents
from benchmarks.stub_shop import FIRST_ITEM, Shop, sku_of
from benchmarks.stub_warehouse import Warehouse
from benchmarks.stubbing import main, response

VARIABLE = "BENCH_STREET"
MOST_NAMED = 5
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Asked(msgspec.Struct, frozen=True):
    """What the vendors are made with. ``webhooks``: where the warehouse's go."""

    webhooks: str = ""
    secret: str = ""
    lines: int = 0  # of every order
    shops: tuple[str, ...] = ("shop1",)
    skus: int = 0  # on the shelf of every shop
    points_per_s: float = 0.0  # of every shop's cost meter; 0: it counts nothing


class Street:
    """All of them."""

    def __init__(self, asked: Asked) -> None:
        self.shops = {name: Shop(asked.lines, asked.skus, asked.points_per_s) for name in asked.shops}
        self.erp = Documents()
        self.warehouse = Warehouse(asked.webhooks, asked.secret)
        self.calls = 0

    def answer(self, method: str, path: str, body: bytes) -> bytes:
        vendor, _, rest = path[1:].partition("/")
        if vendor == "stub":
            return response(200, _encode(self._told(rest)))
        self.calls += 1
        if vendor == "erp":
            return self.erp.answer(method, f"/{rest}", body)
        if vendor == "warehouse":
            return response(200, self.warehouse.ask(f"/{rest}", body))
        if vendor in self.shops:
            return response(200, self.shops[vendor].ask(body))
        return response(404, b"{}")

    def _told(self, what: str) -> dict[str, Any]:
        tell = {"books": self.books, "audit": self.audit, "levels": self.levels}
        return tell[what]() if what in tell else {"error": f"nothing is called {what}"}

    def books(self) -> dict[str, Any]:
        """Counts, cheap enough to be asked often."""
        return {
            "calls": self.calls,
            "booked": len(self.erp.by_key),
            "released": len(self.warehouse.orders),
            "shipments": self.warehouse.shipments,
            "billed": len(self.erp.invoices),
            "writes": sum(shop.shelf.writes for shop in self.shops.values()),
        }

    def audit(self) -> dict[str, Any]:
        """How many orders are whole in all three books, and what is wrong with the others."""
        wrong = {key: why for key in self.erp.by_key if (why := self._wrong(key))}
        wrong |= {key: "released, never booked" for key in self.warehouse.orders if key not in self.erp.by_key}
        named = [f"{key}: {why}" for key, why in list(wrong.items())[:MOST_NAMED]]
        whole = len(self.erp.by_key) - sum(key in self.erp.by_key for key in wrong)
        return {"whole": whole, "wrong": len(wrong), "named": named, "refused": self.erp.refused}

    def _wrong(self, key: str) -> str:
        order, channel, shop_id = self.erp.by_key[key], *key.split("-", 1)
        released = self.warehouse.orders.get(key, [])
        if len(released) != 1:
            return f"released {len(released)} times"
        if not order.whole:
            return f"{len(order.fulfilments)} fulfilments and {len(order.invoices)} invoices in the ERP"
        told = self.shops[channel].fulfilments
        if len(told.orders.get(shop_id, ())) != len(order.fulfilments):
            return f"{len(told.orders.get(shop_id, ()))} fulfilments in the shop"
        if sum(told.told(shop_id).values()) != len(released[0]["line_items"]):
            return "not all lines are fulfilled in the shop"
        return ""

    def levels(self) -> dict[str, Any]:
        """What all shops show together of each SKU, and how they came to it."""
        shelves = [shop.shelf for shop in self.shops.values()]
        items = shelves[0].levels if shelves else {}
        return {
            "shown": {sku_of(int(item) - FIRST_ITEM): sum(one.levels[item] for one in shelves) for item in items},
            "writes": sum(one.writes for one in shelves),
            "stale": sum(one.stale for one in shelves),
            "refused": sum(one.refused for one in shelves),
            "repeated": sum(one.repeated for one in shelves),
            "throttled": sum(shop.meter.refused for shop in self.shops.values()),
        }


if __name__ == "__main__":
    main(Street(msgspec.json.decode(os.environ[VARIABLE], type=Asked)), __doc__)
