"""What the simulated account has before any order: currencies, items, customers."""

from datetime import datetime
from decimal import Decimal

import msgspec

CURRENCIES = {
    "1": "USD", "2": "GBP", "3": "CAD", "4": "EUR", "5": "AUD", "6": "HKD", "7": "INR", "8": "JPY", "9": "KWD",
    "10": "SEK", "11": "CHF", "12": "NZD", "13": "DKK", "14": "NOK", "15": "PLN", "16": "MXN", "17": "SGD",
}  # fmt: skip
DECIMALS = {"JPY": 0, "KWD": 3}
SHIPS_FROM = "1"  # the location that sales orders commit at
LOCATIONS = frozenset({SHIPS_FROM, "2", "3"})
TAX_CODES = frozenset({"301", "302"})

# internal id -> (posting, or bank; name): the accounts that settlements are posted to
ACCOUNTS = {
    "201": ("bank", "Bank"),
    "121": ("clearing", "Channel clearing"),
    "612": ("fees", "Channel fees"),
    "122": ("reserve", "Channel reserves"),
    "613": ("adjustments", "Channel adjustments"),
    "614": ("chargebacks", "Chargebacks"),
    "231": ("taxes", "Tax withheld by channels"),
    "123": ("transfers", "Payouts that failed"),
    "124": ("outside", "Sales outside Crossdock"),
    "129": ("suspense", "Suspense"),
}

# internal id -> (connection setting, name, item type)
SPECIAL = {
    "2001": ("shipping_item", "Shipping", "OthCharge"),
    "2002": ("tip_item", "Tip", "OthCharge"),
    "2003": ("gift_card_item", "Gift card", "GiftCert"),
    "2004": ("duty_item", "Duty", "OthCharge"),
    "2005": ("rounding_item", "Rounding", "OthCharge"),
    "2006": ("discount_item", "Discount", "OthCharge"),
    "2007": ("tax_item", "Tax", "OthCharge"),
    "2008": ("fee_item", "Fee", "OthCharge"),
    "2009": ("channel_tax_item", "Tax remitted by channel", "OthCharge"),
    "2010": ("refund_item", "Refund", "OthCharge"),
}
SHIP_ITEMS = {"3001": "Ground", "3002": "Express", "3003": "Pick-up"}
GUEST = "9001"


class Item(msgspec.Struct):
    id: str
    itemid: str
    displayname: str
    type: str
    modified: datetime
    base_price: Decimal = Decimal("9.99")  # what a line costs when its price level is not custom
    inactive: bool = False


class Customer(msgspec.Struct):
    id: str
    name: str
    modified: datetime
    email: str | None = None
    currency: str = "1"
    inactive: bool = False
    external_id: str | None = None
    tax_number: str | None = None
    postcode: str | None = None  # of the default billing address


def items(count: int, now: datetime) -> dict[str, Item]:
    """``SKU-0001`` is 1001 and so on, then the charge items."""
    stock = {
        str(1000 + n): Item(str(1000 + n), f"SKU-{n:04}", f"Product {n}", "InvtPart", now) for n in range(1, count + 1)
    }
    return stock | {ref: Item(ref, name, name, kind, now) for ref, (_, name, kind) in SPECIAL.items()}


def customers(count: int, now: datetime) -> dict[str, Customer]:
    """The web guest and ``buyer-<n>@example.com``."""
    known = {
        str(9001 + n): Customer(str(9001 + n), f"Buyer {n}", now, f"buyer-{n}@example.com") for n in range(1, count + 1)
    }
    return {GUEST: Customer(GUEST, "Web guest", now)} | known
