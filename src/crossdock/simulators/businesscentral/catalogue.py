"""What the simulated company has before any order: currencies, tax codes, G/L accounts, items, customers."""

from datetime import datetime
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

import msgspec

LOCAL_CURRENCY = "USD"
CURRENCIES = ("AUD", "CAD", "CHF", "DKK", "EUR", "GBP", "HKD", "INR", "JPY", "KWD", "NOK", "NZD", "SEK")
DECIMALS = {"JPY": 0, "KWD": 3}
TAX_RATES = {
    "NOTAX": Decimal(0), "T5": Decimal(5), "T7": Decimal(7), "T8": Decimal(8), "T10": Decimal(10), "T13": Decimal(13),
    "T19": Decimal(19), "T20": Decimal(20), "T8250": Decimal("8.25"), "T21": Decimal(21),
}  # fmt: skip

# number -> (connection setting, name)
ACCOUNTS = {
    "6410": ("shipping_account", "Shipping income"),
    "6420": ("tip_account", "Tips"),
    "5610": ("gift_card_account", "Gift cards outstanding"),
    "6430": ("duty_account", "Duties"),
    "6440": ("fee_account", "Fees"),
    "6450": ("refund_account", "Returns and allowances"),
    "9140": ("rounding_account", "Rounding"),
    "5710": ("tax_account", "Sales tax payable"),
    "5720": ("channel_tax_account", "Tax remitted by channel"),
}
# The chart beyond what orders need: number -> (posting of a settlement or a setting, name).
CHART = {
    "1130": ("clearing", "Due from channels"),
    "1140": ("reserve", "Held back by channels"),
    "1190": ("suspense", "Suspense"),
    "6710": ("fees", "Channel fees"),
    "6720": ("adjustments", "Channel adjustments"),
    "6730": ("chargebacks", "Disputed payments"),
    "5730": ("taxes", "Tax withheld by channels"),
    "1150": ("transfers", "Transfers under way"),
    "1160": ("outside", "Channel sales outside"),
}
RECEIVABLES = "1210"  # the customers' control account: no direct posting
BANKS = {"CHECKING": "1010", "GIRO": "1020"}  # bank account -> the G/L account of its posting group
GENERAL_JOURNAL, PAYMENT_JOURNAL = "CROSSDOCK", "XDPAY"
SHIPMENT_METHODS = {"CIF": "Costs, insurance and freight", "EXW": "Ex works", "PICKUP": "Pick-up at location"}
GUEST = "C00000"
NO_GUID = "00000000-0000-0000-0000-000000000000"


class Item(msgspec.Struct):
    id: str
    number: str
    displayname: str
    modified: datetime
    unit_price: Decimal = Decimal("9.99")
    tax_code: str = "T10"  # what a line gets when it names none
    gtin: str = ""
    blocked: bool = False
    inventory: Decimal = Decimal(1000)


class Customer(msgspec.Struct):
    id: str
    number: str
    name: str
    modified: datetime
    email: str = ""
    currency: str = ""  # empty: the local currency
    blocked: str = " "  # " ", Ship, Invoice, All
    postcode: str = ""
    tax_number: str = ""
    applies_to_oldest: bool = False  # the application method; False: manual


def guid(kind: str, name: object) -> str:
    """An id as the company gives them: random to look at, the same in every run."""
    return str(uuid5(NAMESPACE_URL, f"businesscentral/{kind}/{name}"))


def items(count: int, now: datetime) -> dict[str, Item]:
    """``SKU-0001`` and so on, by id."""
    made = [Item(guid("item", n), f"SKU-{n:04}", f"Product {n}", now, gtin=f"40{n:011}") for n in range(1, count + 1)]
    return {item.id: item for item in made}


def customers(count: int, now: datetime) -> dict[str, Customer]:
    """The web guest and ``buyer-<n>@example.com``, by id."""
    made = [Customer(guid("customer", 0), GUEST, "Web guest", now)]
    made += [
        Customer(guid("customer", n), f"C{n:05}", f"Buyer {n}", now, f"buyer-{n}@example.com")
        for n in range(1, count + 1)
    ]
    return {customer.id: customer for customer in made}


def decimals(currency: str) -> int:
    return DECIMALS.get(currency or LOCAL_CURRENCY, 2)
