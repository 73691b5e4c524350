"""The two sides of a pair as stories speak to them: one vocabulary for two channels and two ERPs.

Everything is read from the simulators' own books, never from Crossdock's state.
"""

from decimal import Decimal
from typing import Any

import msgspec

from crossdock.simulators.netsuite.transforms import fulfil
from tests.process import books
from tests.process.amazon_house import AmazonHouse, AmazonVendors
from tests.process.house import SHOP, House, Vendors
from tests.process.test_businesscentral import AmazonCentralVendors, CentralVendors

ZERO = Decimal(0)
ACCOUNTS: dict[tuple[str, str], tuple[type[Vendors], type[House]]] = {
    ("shopify", "netsuite"): (Vendors, House),
    ("shopify", "businesscentral"): (CentralVendors, House),
    ("amazon", "netsuite"): (AmazonVendors, AmazonHouse),
    ("amazon", "businesscentral"): (AmazonCentralVendors, AmazonHouse),
}


class Memo(msgspec.Struct, frozen=True):
    """A posted credit memo. ``restocked``: units put back into stock. ``paid``: by customer refunds."""

    total: Decimal
    restocked: Decimal
    ours: bool
    applied: bool


class Channel:
    """What buyers and the shop's people do."""

    def __init__(self, house: House, system: str) -> None:
        self.house, self.system = house, system

    def place(self, **wish: Any) -> str:
        fits = {"lines": 2, "shipping": True, "discount": True}
        fits |= {"tip": False, "paid": True} if self.system == "shopify" else {"quantity": 2}
        (order_id,) = self.house.shop.act("place_order", {**fits, **wish})["ids"]
        return str(order_id)

    def entry(self, order_id: str) -> dict[str, Any]:
        return books.sold(self.house, order_id)

    def kept(self, order_id: str) -> Decimal:
        """What the channel's books say that the customer has paid in the end."""
        entry = self.entry(order_id)
        if entry["cancelled"]:
            return ZERO
        if "received" in entry:
            return Decimal(entry["received"]) + Decimal(entry["outstanding"]) - Decimal(entry["refunded"])
        return Decimal(entry["total"])

    def units(self, order_id: str) -> Decimal:
        """What left, as the channel was told."""
        told = self.entry(order_id)["fulfillments"]
        return sum((Decimal(line["quantity"]) for one in told for line in one["lines"]), ZERO)

    def cancel(self, order_id: str) -> None:
        self.house.shop.act("cancel_order", {"id": order_id})

    def move(self, order_id: str, street: str) -> None:
        field = "address1" if self.system == "shopify" else "addressLine1"
        self.house.shop.act("edit_address", {"id": order_id, field: street})

    def take_off(self, order_id: str) -> None:
        """Units that have not left: Shopify gives the money of a line back, Amazon's seller cancels a unit."""
        if self.system == "amazon":
            self.house.shop.act("reduce_item", {"id": order_id, "quantity": 1})
        else:
            line = self.line(order_id)
            self.refund(order_id, lines=[{"id": line["id"], "quantity": line["quantity"], "restock": "cancel"}])

    @property
    def goods_only(self) -> dict[str, Any]:
        """A wish for an order of goods alone, which ERPs bill as they leave."""
        fits = {"shipping": False, "discount": False}
        return fits if self.system == "shopify" else {**fits, "tax": "withheld", "gift_wrap": False}

    def take_line_off(self, order_id: str, line_id: str) -> None:
        """What has not left of a line."""
        if self.system == "amazon":
            self.house.shop.act("cancel_item", {"id": order_id, "item": line_id})
        else:
            line = next(one for one in self.entry(order_id)["lines"] if one["id"] == line_id)
            self.refund(order_id, lines=[{"id": line_id, "quantity": line["quantity"], "restock": "cancel"}])

    def refund(self, order_id: str, **asked: Any) -> None:
        self.house.shop.act("refund", {"id": order_id, **asked})

    def line(self, order_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.house.shop.books_.orders[int(order_id)]["line_items"][0]
        return found


class NetSuite:
    """The account's books, and what its people do."""

    def __init__(self, house: House) -> None:
        self.house = house

    def orders(self, order_id: str) -> list[Decimal]:
        """Totals of the sales orders that are not closed."""
        return [Decimal(o["total"]) for o in books.booked(self.house, order_id) if o["status"] != "Closed"]

    def invoices(self, order_id: str) -> dict[str, Decimal]:
        return {one["id"]: Decimal(one["total"]) for one in books.invoiced(self.house, order_id)}

    def memos(self, order_id: str) -> list[Memo]:
        bills = self.invoices(order_id)
        found = []
        for one in self.house.erp.books()["credit_memos"]:
            ours = str(one["external_id"]).startswith(f"{SHOP}-{order_id}-CM-")
            if ours or set(one["applied"]) & set(bills):
                back = [Decimal(line["quantity"]) for line in one["lines"] if line["item"].startswith("1")]
                found.append(Memo(Decimal(one["total"]), sum(back, ZERO), ours, bool(one["applied"])))
        return found

    def drafts(self, order_id: str) -> int:
        """A credit memo is whole or not there."""
        return 0

    def paid_out(self, order_id: str) -> Decimal:
        rows = self.house.erp.books()["customer_refunds"]
        ours = [one for one in rows if str(one["external_id"]).startswith(f"{SHOP}-{order_id}-RF-")]
        return sum((Decimal(paid) for one in ours for paid in one["paid"].values()), ZERO)

    def received(self, order_id: str) -> list[tuple[Decimal, Decimal]]:
        """Customers' payments of the order: the amount, and what of it is applied."""
        rows = self.house.erp.books()["customer_payments"]
        ours = [one for one in rows if str(one["external_id"]).startswith(f"{SHOP}-{order_id}-PAY-")]
        return [(Decimal(one["amount"]), sum(map(Decimal, one["applied"].values()), ZERO)) for one in ours]

    def deposited(self, order_id: str) -> list[tuple[Decimal, Decimal]]:
        """Deposits on the order's sales order: the amount, and what of it is applied or paid back."""
        rows = self.house.erp.books()["customer_deposits"]
        ours = [one for one in rows if one["order_external_id"] == f"{SHOP}-{order_id}"]
        return [(Decimal(one["amount"]), Decimal(one["amount"]) - Decimal(one["open"])) for one in ours]

    def units(self, order_id: str) -> Decimal:
        """Goods that left, as posted."""
        posted = books.posted(self.house, order_id)
        return sum((Decimal(line["quantity"]) for one in posted for line in one["lines"]), ZERO)

    def shipments(self, order_id: str) -> int:
        return len(books.posted(self.house, order_id))

    def street(self, order_id: str) -> str:
        (order,) = self.house.erp.ledger.of("salesOrder")
        return str(order.header["shippingAddress"]["addr1"])

    def doubled(self) -> list[str]:
        duplicates = self.house.erp.books()["duplicates"]
        return [f"{count} extra by {name}" for name, count in duplicates.items() if count]

    def ship_and_bill(self, order_id: str) -> None:
        (order,) = books.booked(self.house, order_id)
        document = self.house.erp.ledger.find("salesOrder", order["id"])
        assert document is not None
        fulfil(self.house.erp.ledger, document, {"shipStatus": {"id": "C"}}, self.house.erp.now)
        self.house.erp.act("bill", {"order": order["id"]})

    def credit(self, order_id: str, amount: str) -> None:
        (invoice,) = self.invoices(order_id)
        self.house.erp.act("credit", {"invoice": invoice, "amount": amount})


class Central:
    """The company's books, and what its people do."""

    def __init__(self, house: House) -> None:
        self.house = house

    def _of(self, kind: str, order_id: str) -> list[dict[str, Any]]:
        return [one for one in self.house.erp.books()[kind] if one["external"] == f"{SHOP}-{order_id}".upper()]

    def orders(self, order_id: str) -> list[Decimal]:
        """Totals of the open sales orders; one that is posted whole is none any more."""
        return [Decimal(one["total"]) for one in self._of("orders", order_id)]

    def invoices(self, order_id: str) -> dict[str, Decimal]:
        return {one["id"]: Decimal(one["total"]) for one in self._of("invoices", order_id)}

    def memos(self, order_id: str) -> list[Memo]:
        found = []
        for one in self._of("credit_memos", order_id):
            if one["status"] == "Draft":
                continue
            back = [Decimal(line["quantity"]) for line in one["lines"] if line["kind"] == "Item"]
            found.append(Memo(Decimal(one["total"]), sum(back, ZERO), bool(one["comments"]), bool(one["applied"])))
        return found

    def drafts(self, order_id: str) -> int:
        """Credit memos that were begun and not posted."""
        return len([one for one in self._of("credit_memos", order_id) if one["status"] == "Draft"])

    def paid_out(self, order_id: str) -> Decimal:
        """What journals put back on the customer's account for the order."""
        return sum((Decimal(one["amount"]) for one in self._of("customer_entries", order_id)), ZERO)

    def received(self, order_id: str) -> list[tuple[Decimal, Decimal]]:
        """Customers' payments of the order: the amount, and what of it is applied."""
        rows = [one for one in self._of("customer_entries", order_id) if Decimal(one["amount"]) < 0]
        return [(-Decimal(one["amount"]), sum(map(Decimal, one["applied"].values()), ZERO)) for one in rows]

    def units(self, order_id: str) -> Decimal:
        """Goods that left, as posted."""
        lines = [line for one in self._of("shipments", order_id) for line in one["lines"] if line["kind"] == "Item"]
        return sum((Decimal(line["quantity"]) for line in lines), ZERO)

    def shipments(self, order_id: str) -> int:
        return len([one for one in self._of("shipments", order_id) if any(li["kind"] == "Item" for li in one["lines"])])

    def street(self, order_id: str) -> str:
        documents = [one for one in self.house.erp.ledger.documents.values() if one.kind != "salesCreditMemo"]
        return str(documents[-1].header["shipToAddressLine1"])

    def doubled(self) -> list[str]:
        found = list(self.house.erp.books()["doubled"])
        marks = [
            (one["external"], *one["comments"]) for one in self.house.erp.books()["credit_memos"] if one["comments"]
        ]
        posted = [one["document"] for one in self.house.erp.books()["customer_entries"]]
        found += [f"document {number}" for number in set(posted) if posted.count(number) > 1]
        return found + [f"credit memo {mark}" for mark in set(marks) if marks.count(mark) > 1]

    def ship_and_bill(self, order_id: str) -> None:
        (order,) = self._of("orders", order_id)
        self.house.erp.act("post", {"order": order["id"]})

    def credit(self, order_id: str, amount: str) -> None:
        (invoice,) = self.invoices(order_id)
        self.house.erp.act("credit", {"invoice": invoice, "amount": amount})


def erp_of(house: House, system: str) -> NetSuite | Central:
    return NetSuite(house) if system == "netsuite" else Central(house)
