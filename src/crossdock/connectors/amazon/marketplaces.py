"""Amazon's marketplaces: id -> country and currency, and where prices carry no tax.

Source: developer-docs.amazon.com/sp-api "Marketplace IDs", read 2026-11. An order of a marketplace that is not listed
is taken all the same: its money names its currency, its address the country.
"""

from typing import NamedTuple


class Marketplace(NamedTuple):
    country: str  # ISO 3166-1 alpha-2
    currency: str  # ISO 4217


BY_ID = {
    "ATVPDKIKX0DER": Marketplace("US", "USD"),
    "A2EUQ1WTGCTBG2": Marketplace("CA", "CAD"),
    "A1AM78C64UM0Y8": Marketplace("MX", "MXN"),
    "A2Q3Y263D00KWC": Marketplace("BR", "BRL"),
    "A1F83G8C2ARO7P": Marketplace("GB", "GBP"),
    "A1PA6795UKMFR9": Marketplace("DE", "EUR"),
    "A13V1IB3VIYZZH": Marketplace("FR", "EUR"),
    "APJ6JRA9NG5V4": Marketplace("IT", "EUR"),
    "A1RKKUPIHCS9HS": Marketplace("ES", "EUR"),
    "A1805IZSGTT6HS": Marketplace("NL", "EUR"),
    "AMEN7PMS3EDWL": Marketplace("BE", "EUR"),
    "A28R8C7NBKEWEA": Marketplace("IE", "EUR"),
    "A2NODRKZP88ZB9": Marketplace("SE", "SEK"),
    "A1C3SOZRARQ6R3": Marketplace("PL", "PLN"),
    "A33AVAJ2PDY3EV": Marketplace("TR", "TRY"),
    "A2VIGQ35RCS4UG": Marketplace("AE", "AED"),
    "A17E79C6D8DWNP": Marketplace("SA", "SAR"),
    "ARBP9OOSHTCHU": Marketplace("EG", "EGP"),
    "A21TJRUUN4KGV": Marketplace("IN", "INR"),
    "A1VC38T7YXB528": Marketplace("JP", "JPY"),
    "A39IBJ37TRP1C6": Marketplace("AU", "AUD"),
    "A19VAU5U5O7RUS": Marketplace("SG", "SGD"),
    "AE08WJ6YKNBMC": Marketplace("ZA", "ZAR"),
}
TAX_ON_TOP = ("US", "CA")  # prices are shown and sold without tax
