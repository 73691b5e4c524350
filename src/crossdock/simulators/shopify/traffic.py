"""Makes orders as a shop takes them: varied, and exact to the minor unit on both sides of every amount.

Everything is counted in whole minor units. Discounts are shared out per line, tax is rounded per line and per rate,
and every total is the sum of its parts, as Shopify prints them.
"""

from random import Random
from typing import Any, NamedTuple

PRODUCTS = 200
_EXPONENTS = {"JPY": 0, "KRW": 0, "KWD": 3}
# Shop currency -> what a customer may pay in, with the rate times 10,000 that the checkout uses.
_RATES = {
    "EUR": {"USD": 10_834, "JPY": 1_632_500},
    "USD": {"EUR": 9_230, "JPY": 1_507_000},
    "JPY": {"EUR": 61, "USD": 66},
}
_PEOPLE = (
    ("Ada", "Brandt", "Lindenweg 4", "Köln", "50674", "DE", "Germany", "NW", "Nordrhein-Westfalen"),
    ("Noor", "Haddad", "12 Quay Street", "Bristol", "BS1 4QA", "GB", "United Kingdom", "ENG", "England"),
    ("Jules", "Moreau", "8 rue des Tanneurs", "Lille", "59000", "FR", "France", None, None),
    ("Mika", "Tanaka", "3-2-1 Kanda", "Tokyo", "101-0047", "JP", "Japan", "JP-13", "Tōkyō"),
    ("Rosa", "Delgado", "1440 Alder Ave", "Portland", "97205", "US", "United States", "OR", "Oregon"),
)
_SHIPPING = (("Standard", "standard", 490), ("Express", "express", 1290), ("Economy", "economy", 0))


class Wish(NamedTuple):
    """What one order shall be like; ``None`` leaves it to chance."""

    lines: int | None = None
    presentment: str | None = None
    tax_inclusive: bool | None = None
    test: bool = False
    skuless: bool = False
    tip: bool | None = None
    gift_card: bool | None = None
    discount: bool | None = None
    shipping: bool | None = None
    paid: bool | None = None
    duties: bool | None = None
    skus: tuple[str, ...] = ()
    quantity: int | None = None  # of every product
    note: str | None = None  # what the customer wrote


class Side(NamedTuple):
    """An amount in minor units: the shop's and the customer's."""

    shop: int
    presentment: int

    def plus(self, other: "Side") -> "Side":
        return Side(self.shop + other.shop, self.presentment + other.presentment)

    def times(self, quantity: int) -> "Side":
        return Side(self.shop * quantity, self.presentment * quantity)

    def share(self, part: int, whole: int) -> "Side":
        """``part`` of ``whole``, each side rounded half up to its own minor unit."""
        return Side((self.shop * part * 2 + whole) // (whole * 2), (self.presentment * part * 2 + whole) // (whole * 2))

    def less(self, other: "Side") -> "Side":
        return Side(self.shop - other.shop, self.presentment - other.presentment)


NIL = Side(0, 0)


def sku_price(index: int) -> int:
    """Minor units of SKU number ``index`` (1 to 200): 5.00 + index * 0.37, as in every simulated system."""
    return 500 + 37 * index


def printed(minor: int, currency: str) -> str:
    """Minor units as Shopify prints them: "12.34", for yen "1234"."""
    places = _EXPONENTS.get(currency, 2)
    if not places:
        return str(minor)
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


class Till:
    """Rings up one order: holds its two currencies and running totals."""

    def __init__(self, random: Random, currency: str, wish: Wish, rates: dict[str, float]) -> None:
        self.random, self.currency, self.wish, self.rates = random, currency, wish, rates
        self.presentment = wish.presentment or self._pay_in()
        self.inclusive = wish.tax_inclusive if wish.tax_inclusive is not None else random.random() < 0.5
        self.taxes = self._tax_rates()
        self.goods = self.discounts = self.tax = self.shipping = self.tips = self.duties = NIL
        self.applications: list[dict[str, Any]] = []

    def _pay_in(self) -> str:
        others = list(_RATES.get(self.currency, {}))
        return (
            self.random.choice(others) if others and self.random.random() < self.rates["presentment"] else self.currency
        )

    def _tax_rates(self) -> list[tuple[str, int]]:
        """(title, rate times 10,000). Two lines where taxes are added on top, as in North America."""
        if self.inclusive:
            return [("VAT", 1900)]
        return [("State Tax", 625), ("City Tax", 200)] if self.random.random() < 0.5 else [("VAT", 2000)]

    def side(self, minor: int) -> Side:
        """A shop price with its price in the customer's currency."""
        if self.presentment == self.currency:
            return Side(minor, minor)
        rate = _RATES.get(self.currency, {}).get(self.presentment, 10_000)
        shift = 10 ** (_EXPONENTS.get(self.presentment, 2) - _EXPONENTS.get(self.currency, 2) + 2)
        return Side(minor, max(1 if minor else 0, (minor * rate * shift * 2 + 1_000_000) // 2_000_000))

    def bag(self, side: Side) -> dict[str, Any]:
        return {
            "shop_money": {"amount": printed(side.shop, self.currency), "currency_code": self.currency},
            "presentment_money": {
                "amount": printed(side.presentment, self.presentment),
                "currency_code": self.presentment,
            },
        }

    def priced(self, name: str, side: Side) -> dict[str, Any]:
        """``price`` and ``price_set``, ``amount`` and ``amount_set`` …: Shopify tells each amount twice."""
        return {name: printed(side.shop, self.currency), f"{name}_set": self.bag(side)}

    def tax_lines(self, net: Side) -> list[dict[str, Any]]:
        """Tax on a net price, one line per rate; within the price where prices include it."""
        total = sum(rate for _, rate in self.taxes)
        lines = []
        for title, rate in self.taxes:
            amount = net.share(rate, 10_000 + total if self.inclusive else 10_000)
            self.tax = self.tax.plus(amount)
            lines.append(
                {"channel_liable": False, **self.priced("price", amount), "rate": rate / 10_000, "title": title}
            )
        return lines

    def allocate(self, application: int, amount: Side) -> dict[str, Any]:
        self.discounts = self.discounts.plus(amount)
        return {**self.priced("amount", amount), "discount_application_index": application}

    def total(self) -> Side:
        whole = self.goods.plus(self.shipping).plus(self.duties).less(self.discounts)
        return whole if self.inclusive else whole.plus(self.tax)


def address(random: Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """An address and the customer who lives there, both made up."""
    first, last, street, city, postcode, code, country, region_code, region = random.choice(_PEOPLE)
    number = random.randrange(1, 400)
    home = {
        "first_name": first,
        "last_name": last,
        "name": f"{first} {last}",
        "company": "Harbour Supplies" if number % 9 == 0 else None,
        "address1": street,
        "address2": f"Unit {number}" if number % 4 == 0 else None,
        "city": city,
        "zip": postcode,
        "province": region,
        "province_code": region_code,
        "country": country,
        "country_code": code,
        "phone": None,
    }
    customer = {
        "id": 7_000_000_000 + number,
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}.{number}@example.com".lower(),
        "phone": None,
    }
    return home, customer


def shipping_choice(random: Random) -> tuple[str, str, int]:
    """Title, code and price in minor units of a shipping method."""
    return random.choice(_SHIPPING)
