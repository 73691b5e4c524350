"""The item ledger: every movement of goods is an entry, and an item's inventory is their sum, over all locations.

Source: the vendor's published page of ``itemLedgerEntries``, which tells no location.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from crossdock.simulators.businesscentral.catalogue import Item, guid
from crossdock.simulators.businesscentral.ledger import Ledger

SALE, FOUND, LOST = "Sale", "Positive Adjmt.", "Negative Adjmt."  # what comes back of a sale is one too


class Move(msgspec.Struct, frozen=True):
    """One entry. ``quantity``: what it adds; goods that leave are less than nothing."""

    id: str
    number: int
    item: str  # its number
    quantity: Decimal
    kind: str
    document: str
    at: datetime


def move(ledger: Ledger, item: Item, quantity: Decimal, kind: str, document: str, now: datetime) -> None:
    """Goods come or go; nothing is entered for nothing."""
    if quantity:
        item.inventory += quantity
        number = len(ledger.moves) + 1
        ledger.moves.append(Move(guid("itemLedgerEntry", number), number, item.number, quantity, kind, document, now))


def count(ledger: Ledger, item: Item, quantity: Decimal, now: datetime) -> None:
    """Somebody has counted: the difference is posted as an adjustment."""
    more = quantity - item.inventory
    move(ledger, item, more, FOUND if more > 0 else LOST, "", now)
