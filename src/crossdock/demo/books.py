"""The reconciliation: what the shop sold against what the ERP, the warehouse and the shop have in their own books.

Pure: books in, findings out. Every shop order has exactly one ERP order of equal total; never two, never none. An
exception is no end of an order that can be booked: only orders that are named as excused may end with a person, and
then the exception says why.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from crossdock.demo.plan import SHOP

Books = Mapping[str, Any]


class Account(msgspec.Struct, frozen=True):
    """One line of the reconciliation: what was expected, what is there, and whether that balances."""

    what: str
    expected: str
    found: str
    balances: bool


class Reconciliation(msgspec.Struct, frozen=True):
    """The whole of it. ``wrong`` names every order that does not balance, and why; ``unbooked``: orders to export
    that the ERP does not have; ``waiting``: what has an open exception, excused or not -> the titles."""

    counts: dict[str, int]
    accounts: list[Account]
    wrong: list[str]
    exceptions: dict[str, int]  # cause -> orders
    unbooked: list[str]
    waiting: dict[str, list[str]]

    @property
    def balances(self) -> bool:
        return not self.wrong and all(account.balances for account in self.accounts)


def reconcile(
    shop: Books, erp: Books, warehouse: Books, exceptions: Mapping[str, list[str]], excused: Collection[str] = ()
) -> Reconciliation:
    """``exceptions``: order key -> the titles of its open exceptions; ``excused``: orders that may end as one."""
    return _Reconciling(shop, erp, warehouse, exceptions, excused).result()


class _Reconciling:
    def __init__(
        self, shop: Books, erp: Books, warehouse: Books, exceptions: Mapping[str, list[str]], excused: Collection[str]
    ) -> None:
        self._exceptions, self._excused = exceptions, excused
        self._erp, self._shop = erp, shop
        self.sold = {f"{SHOP}-{one['id']}": one for one in shop["orders"]}
        self.live = {key: one for key, one in self.sold.items() if not one["test"] and not one["cancelled"]}
        self.booked = _by(erp["sales_orders"], "external_id")
        self.invoiced = _by(erp["invoices"], "order_external_id")
        self.posted = _by(erp["fulfilments"], "order_external_id")
        self.shipped = _by(shipments(warehouse), "order_key")
        self.wrong: list[str] = []

    def result(self) -> Reconciliation:
        for key, one in self.sold.items():
            self._order(key, one)
        for key in self.booked.keys() - self.sold.keys():
            self.wrong.append(f"{key}: the ERP has an order that the shop does not have")
        self._stuck()
        exported = [key for key in self.live if self.booked.get(key)]
        causes = Counter(title for key in self._exceptions for title in self._exceptions[key][:1])
        waiting = {key: list(titles) for key, titles in sorted(self._exceptions.items())}
        unbooked = sorted(self.live.keys() - set(exported))
        return Reconciliation(
            self._counts(), self._accounts(exported), sorted(self.wrong), dict(causes), unbooked, waiting
        )

    def _order(self, key: str, one: Mapping[str, Any]) -> None:
        name = f"{one['name']} ({key})"
        booked = self.booked.get(key, [])
        open_exceptions = self._exceptions.get(key, [])
        if len(booked) > 1:
            self.wrong.append(f"{name}: {len(booked)} orders in the ERP")
        if key not in self.live:
            if one["test"] and booked:
                self.wrong.append(f"{name}: a test order was booked")
            return
        if not booked and not open_exceptions:
            self.wrong.append(f"{name}: neither in the ERP nor an exception")
        for document in booked[:1]:
            self._amount(name, "booked", document["total"], one)
        if booked and not open_exceptions:
            self._followed(key, name, one)

    def _stuck(self) -> None:
        """Exceptions of what nobody excused: a regression that parks every order must not pass for a person's work."""
        for key in self._exceptions.keys() - set(self._excused):
            name = f"{self.sold[key]['name']} ({key})" if key in self.sold else key
            self.wrong.append(f"{name}: with a person: {'; '.join(self._exceptions[key])}")

    def _amount(self, name: str, what: str, total: str, one: Mapping[str, Any]) -> None:
        if Decimal(total) != Decimal(one["total"]):
            self.wrong.append(f"{name}: {what} {total} {one['currency']}, sold for {one['total']}")

    def _followed(self, key: str, name: str, one: Mapping[str, Any]) -> None:
        """What comes after booking, for orders that nothing holds up."""
        to_ship = sum((Decimal(line["quantity"]) for line in one["lines"] if line["ships"]), Decimal(0))
        sent = self.shipped.get(key, [])
        told = one["fulfillments"]
        shipped = sum((_quantity(shipment) for shipment in sent), Decimal(0))
        if shipped != to_ship:
            self.wrong.append(f"{name}: {shipped} of {to_ship} items shipped")
        if len(self.posted.get(key, [])) != len(sent):
            self.wrong.append(f"{name}: {len(sent)} shipments, {len(self.posted.get(key, []))} posted in the ERP")
        there = sum((Decimal(str(line["quantity"])) for f in told for line in f["lines"]), Decimal(0))
        if there != to_ship:
            self.wrong.append(f"{name}: the shop shows {there} of {to_ship} items as fulfilled")
        self._same_items(key, name, one)
        invoices = self.invoiced.get(key, [])
        if to_ship and sum(Decimal(i["total"]) for i in invoices) != Decimal(one["total"]):
            billed = sum(Decimal(i["total"]) for i in invoices)
            self.wrong.append(f"{name}: invoiced {billed} in {len(invoices)} invoices, sold for {one['total']}")

    def _same_items(self, key: str, name: str, one: Mapping[str, Any]) -> None:
        """Item by item what was sold: booked and posted by the ERP, shipped by the warehouse, shown by the shop. Of the
        ERP's lines those that are goods; a gift card is none."""
        skus = {str(line["id"]): line["sku"] for line in one["lines"]}
        sold = _items((line["sku"], line) for line in one["lines"] if not line.get("gift_card"))
        to_ship = _items((line["sku"], line) for line in one["lines"] if line["ships"])
        shipped = _items((line["sku"], line) for sent in self.shipped.get(key, ()) for line in sent["lines"])
        shown = _items((skus.get(str(line["id"])), line) for told in one["fulfillments"] for line in told["lines"])
        booked, posted = self._goods(self.booked[key][:1]), self._goods(self.posted.get(key, []))
        pairs = {
            "booked": (booked, sold),
            "shipped": (shipped, to_ship),
            "posted in the ERP": (posted, shipped),
            "shown as fulfilled": (shown, to_ship),
        }
        for what, (found, due) in pairs.items():
            if found != due:
                self.wrong.append(f"{name}: {what} {_told(found)} instead of {_told(due)}")

    def _goods(self, documents: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
        """What the ERP's documents have, by SKU; its own ids of charges are none."""
        names = self._erp["items"]
        return _items((names.get(line["item"]), line) for document in documents for line in document["lines"])

    def _accounts(self, exported: list[str]) -> list[Account]:
        held = [key for key in self.live if key not in exported and self._exceptions.get(key)]
        documents = [document for key in exported for document in self.booked[key]]
        duplicates = sum(len(found) - 1 for found in self.booked.values() if len(found) > 1)
        return [
            _equal("orders to export = in the ERP + exceptions", len(self.live), len(exported) + len(held)),
            _equal("amount sold = amount booked", _sums(self.live[key] for key in exported), _sums(documents)),
            _equal("items shipped = items fulfilled in the shop", *self._items(exported)),
            _equal("shipments = postings in the ERP", _count(self.shipped, exported), _count(self.posted, exported)),
            _equal("tracking numbers told twice to a customer", 0, len(self._shop["repeated_tracking"])),
            _equal("orders twice in the ERP", 0, duplicates),
            *self._invoices(exported),
        ]

    def _items(self, keys: list[str]) -> tuple[Decimal, Decimal]:
        """How many the warehouse shipped, and how many the shop shows as fulfilled."""
        sent = (shipment for key in keys for shipment in self.shipped.get(key, ()))
        told = (fulfilment for key in keys for fulfilment in self.live[key]["fulfillments"])
        return sum(map(_quantity, sent), Decimal(0)), sum(map(_quantity, told), Decimal(0))

    def _counts(self) -> dict[str, int]:
        return {
            "orders in the shop": len(self.sold),
            "of these test orders or cancelled": len(self.sold) - len(self.live),
            "sales orders in the ERP": len(self._erp["sales_orders"]),
            "shipments of the warehouse": sum(map(len, self.shipped.values())),
            "fulfilments in the shop": int(self._shop["fulfillments"]),
            "invoices in the ERP": len(self._erp["invoices"]),
            "orders with an open exception": sum(bool(titles) for titles in self._exceptions.values()),
        }

    def _invoices(self, exported: list[str]) -> list[Account]:
        done = [key for key in exported if self.invoiced.get(key)]
        invoices = [invoice for key in done for invoice in self.invoiced[key]]
        return [
            _equal("amount of invoiced orders = amount invoiced", _sums(self.live[k] for k in done), _sums(invoices))
        ]


def shipments(warehouse: Books) -> list[Mapping[str, Any]]:
    """The warehouse's shipments with the order key that they name."""
    return [
        {**shipment, "order_key": order["partner_order_id"]}
        for order in warehouse["orders"]
        for shipment in order["shipments"]
    ]


def _by(entries: Iterable[Mapping[str, Any]], name: str) -> dict[str, list[Mapping[str, Any]]]:
    grouped: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in entries:
        grouped[str(entry[name])].append(entry)
    return dict(grouped)


def _quantity(shipment: Mapping[str, Any]) -> Decimal:
    return sum((Decimal(str(line["quantity"])) for line in shipment["lines"]), Decimal(0))


def _items(lines: Iterable[tuple[str | None, Mapping[str, Any]]]) -> dict[str, Decimal]:
    """SKU -> how many; lines without one are charges."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for sku, line in lines:
        if sku:
            found[sku] += Decimal(str(line["quantity"]))
    return {sku: quantity for sku, quantity in found.items() if quantity}


def _told(items: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{quantity:f} x {sku}" for sku, quantity in sorted(items.items())) or "nothing"


def _count(entries: Mapping[str, list[Any]], keys: Iterable[str]) -> int:
    return sum(len(entries.get(key, ())) for key in keys)


def _sums(entries: Iterable[Mapping[str, Any]]) -> str:
    """Totals by currency: "1234.50 EUR"."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        sums[entry["currency"]] += Decimal(entry["total"])
    return ", ".join(f"{amount:.2f} {currency}" for currency, amount in sorted(sums.items())) or "0"


def _equal(what: str, expected: object, found: object) -> Account:
    return Account(what, str(expected), str(found), str(expected) == str(found))
