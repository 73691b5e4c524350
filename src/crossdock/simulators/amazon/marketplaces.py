"""The marketplaces of the simulated seller: what is sold in which currency, and how tax stands to prices there."""

from typing import NamedTuple

ON_TOP, INCLUDED, WITHHELD = "on_top", "included", "withheld"
DECIMALS = {"JPY": 0}


class Marketplace(NamedTuple):
    id: str
    name: str
    country: str
    currency: str
    language: str
    tax: str  # on_top: added to the total; included: inside the prices; withheld: told, and no part of the total
    rate: int  # per 10,000
    facilitator: bool  # Amazon collects the tax and pays it to the authority


MARKETPLACES = {
    one.country: one
    for one in (
        Marketplace("ATVPDKIKX0DER", "Amazon.com", "US", "USD", "en_US", ON_TOP, 825, True),
        Marketplace("A1F83G8C2ARO7P", "Amazon.co.uk", "GB", "GBP", "en_GB", INCLUDED, 2000, False),
        Marketplace("A1PA6795UKMFR9", "Amazon.de", "DE", "EUR", "de_DE", INCLUDED, 1900, False),
        Marketplace("A1VC38T7YXB528", "Amazon.co.jp", "JP", "JPY", "ja_JP", INCLUDED, 1000, False),
    )
}
BY_ID = {one.id: one for one in MARKETPLACES.values()}


def printed(minor: int, currency: str) -> str:
    """Minor units as Amazon prints them: "12.34", for yen "1234"."""
    places = DECIMALS.get(currency, 2)
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"
