"""What the account asks for its items: price levels, prices by currency and quantity, customers' own, and units.

A price holds for one of the item's sale units, from a quantity on. A level's price that nobody entered is none.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from crossdock.simulators.netsuite.catalogue import CURRENCIES, Customer, Item
from crossdock.simulators.netsuite.suiteql import Row

BASE, HOME = "1", "1"  # the base price level; the account's own currency
LEVELS = {"1": "Base Price", "2": "Wholesale", "3": "Online Price"}
# units type -> internal id of a unit -> name, how many of the base unit are in it
UNITS: Mapping[str, Mapping[str, tuple[str, Decimal]]] = {
    "1": {"11": ("Each", Decimal(1)), "12": ("Dozen", Decimal(12)), "13": ("Carton", Decimal(48))},
    "2": {"21": ("Metre", Decimal(1)), "22": ("Foot", Decimal("0.3048"))},
}
COLUMNS = {
    "pricing": "item pricelevel currency quantity unitprice",
    "pricelevel": "id name isinactive",
    "customeritempricing": "customer item level currency price",
    "unitstypeuom": "unitstype internalid unitname conversionrate",
}


class PriceBook:
    """Books beside the catalogue: the base price in the home currency is the item's own."""

    def __init__(self, items: dict[str, Item], customers: dict[str, Customer]) -> None:
        self._items, self._customers = items, customers
        self._prices: dict[tuple[str, str, str, Decimal], Decimal] = {}  # item, level, currency, least
        self._own: list[Row] = []  # what was agreed with customers for single items
        self.levels: dict[str, str] = {}  # customer -> level
        self.units: dict[str, tuple[str, str, str]] = {}  # item -> units type, stock unit, sale unit

    def act(self, verb: str, args: Mapping[str, Any]) -> bool:
        """``set_price`` of an ``id``: ``level``, ``currency``, ``from``, ``price``; ``set_level`` of a ``customer``;
        ``own_price`` of a ``customer`` and ``id``: a ``price`` in ``currency``, or a ``level`` instead; ``set_units``
        of an ``id``: ``type``, ``stock``, ``sale``. False: another verb."""
        if verb == "set_price":
            currency = next(ref for ref, code in CURRENCIES.items() if code == args["currency"])
            level, least, price = str(args["level"]), Decimal(str(args.get("from", 0))), Decimal(str(args["price"]))
            self._set(str(args["id"]), level, currency, least, price)
        elif verb == "set_level":
            self.levels[str(args["customer"])] = str(args["level"])
        elif verb == "own_price":
            self._agree(args)
        elif verb == "set_units":
            self.units[str(args["id"])] = (str(args["type"]), str(args["stock"]), str(args["sale"]))
        else:
            return False
        return True

    def _set(self, item: str, level: str, currency: str, least: Decimal, price: Decimal) -> None:
        if level not in LEVELS:
            raise ValueError(f"there is no price level {level!r}")
        if (level, currency, least) == (BASE, HOME, Decimal(0)):
            self._items[item].base_price = price
        else:
            self._prices[item, level, currency, least] = price

    def prices(self) -> Iterator[Row]:
        for item in self._items.values():
            yield _price(item.id, BASE, HOME, Decimal(0), item.base_price)
        for (item_id, level, currency, least), price in self._prices.items():
            yield _price(item_id, level, currency, least, price)

    def level_rows(self) -> Iterator[Row]:
        return ({"id": int(ref), "name": name, "isinactive": "F"} for ref, name in LEVELS.items())

    def own(self) -> Iterator[Row]:
        return iter(self._own)

    def _agree(self, args: Mapping[str, Any]) -> None:
        """One row for each customer, item and currency."""
        currency = next(ref for ref, code in CURRENCIES.items() if code == args.get("currency", CURRENCIES[HOME]))
        level = int(args.get("level", -1))
        price = None if level >= 0 else Decimal(str(args["price"]))
        key = {"customer": int(args["customer"]), "item": int(args["id"]), "currency": int(currency)}
        self._own = [row for row in self._own if any(row[name] != value for name, value in key.items())]
        self._own.append({**key, "level": level, "price": price})

    def unit_rows(self) -> Iterator[Row]:
        for units_type, units in UNITS.items():
            for ref, (name, rate) in units.items():
                yield {
                    "unitstype": int(units_type),
                    "internalid": int(ref),
                    "unitname": name,
                    "conversionrate": rate,
                }

    def units_of(self, item: Item) -> Row:
        """The columns of ``item`` that name its units; without units they are null."""
        named = self.units.get(item.id)
        found = named if named is not None else (None, None, None)
        return {
            name: None if ref is None else int(ref)
            for name, ref in zip(("unitstype", "stockunit", "saleunit"), found, strict=True)
        }


def _price(item: str, level: str, currency: str, least: Decimal, price: Decimal) -> Row:
    return {
        "item": int(item),
        "pricelevel": int(level),
        "currency": int(currency),
        "quantity": least,
        "unitprice": price,
    }
