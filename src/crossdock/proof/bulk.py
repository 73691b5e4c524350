"""I24: calls and pages with several elements, each of which has an outcome of its own.

What has several in this version: a shipment, told to the shop in one or several calls of one or several pieces; and a
page of the ERP's stock. Numbers of stock are set one a call.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crossdock.proof.plan import ERP, SHOP

if TYPE_CHECKING:
    from crossdock.proof.evidence import Evidence

Found = list[tuple[str, str]]


def elements_wrong(evidence: "Evidence") -> Found:
    """Elements that were lost, or sent again, because of another one of their call or page."""
    return [*_told_otherwise(evidence), *_held_up(evidence)]


def _told_otherwise(evidence: "Evidence") -> Found:
    """Shipments of which the shop was told other pieces than left, though their order is done and nobody interfered."""
    sold = {f"{SHOP}-{one['id']}": one for one in evidence.vendors.shop.books()["orders"]}
    states, problems, found = evidence.states(), evidence.open_problems(), []
    for release in evidence.vendors.warehouse.books()["orders"]:
        key = release["partner_order_id"]
        state = states.get(key)
        if key not in sold or state is None or state.ended != "done" or problems.get(key) or sold[key]["refunds"]:
            continue
        found += [(key, wrong) for wrong in _otherwise(release["shipments"], sold[key]["fulfillments"])]
    return found


def _otherwise(shipments: list[Any], fulfilments: list[Any]) -> Iterator[str]:
    """The shop may tell a shipment in parts, each under some of its tracking numbers."""
    left = {frozenset(one["tracking_numbers"]): _units(one["lines"], "line_id") for one in shipments}
    told: dict[frozenset[str], Counter[str]] = {numbers: Counter() for numbers in left}
    for one in fulfilments:
        numbers = frozenset(one["tracking"])
        whole = next((whole for whole in left if numbers <= whole), None)
        if whole is None:
            yield f"the customer was told {', '.join(sorted(numbers))}, under which nothing left"
        else:
            told[whole] += _units(one["lines"], "id")
    for whole, units in left.items():
        if units != told[whole]:
            numbers_ = ", ".join(sorted(whole))
            yield f"under {numbers_} left {dict(units)}, the customer was told {dict(told[whole])}"


def _units(lines: list[Mapping[str, Any]], name: str) -> Counter[str]:
    """Line -> units."""
    found: Counter[str] = Counter()
    for line in lines:
        found[str(line[name])] += line["quantity"]
    return found


def _held_up(evidence: "Evidence") -> Found:
    """Of each page of the ERP's stock that has a row which cannot be read, the other rows arrive."""
    shelves = evidence.vendors.shelves
    if not shelves.blank:
        return []
    books, heard = evidence.books, positions(evidence)
    parked = {row.ref.key for row in books.rows.values() if row.ref.kind == "stock" and row.status == "parked"}
    found = [(sku, "its row cannot be read, and nobody is told") for sku in shelves.blank if sku not in parked]
    others = [sku for sku in shelves.ever if sku not in shelves.blank]
    return found + [(sku, f"never heard of: {shelves.blank} cannot be read") for sku in others if sku not in heard]


def positions(evidence: "Evidence") -> dict[str, datetime]:
    """SKU -> when a position of it was first heard of."""
    books, found = evidence.books, dict[str, datetime]()
    for number, message in sorted(books.messages.items()):
        if message.connection == ERP and message.topic == "position":
            found.setdefault(books.streams_of_messages[number].key, message.received_at)
    return found
