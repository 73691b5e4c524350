"""What was ordered, piece by piece: the shop's lines against the ERP's sales orders and what the warehouse was given.

A total says nothing of it: another product of the same price, or a unit more of what costs nothing to release, leaves
every sum as it is.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

from crossdock.proof.exchanges import owned, whole_of
from crossdock.proof.plan import SHOP

if TYPE_CHECKING:
    from crossdock.proof.evidence import Evidence

Units = Counter[str]  # SKU -> units
Found = list[tuple[str, str]]


def ordered_otherwise(evidence: "Evidence") -> Found:
    """I2: documents of goods, or of numbers of them, that the shop never wanted."""
    sold = {f"{SHOP}-{number}": order for number, order in evidence.vendors.shop.books_.orders.items()}
    found = []
    for who, key, units in (*_booked(evidence), *_released(evidence)):
        order = sold.get(whole_of(key))
        if order is not None and units not in (wanted := _wanted(evidence, key, order)):
            found.append((key, f"the {who} has {_told(units)}; the shop wanted {' or '.join(map(_told, wanted))}"))
    return found


def _booked(evidence: "Evidence") -> Iterator[tuple[str, str, Units]]:
    """Goods only: a line of what is no goods in the ERP is one that total and currency are asked about."""
    names = {ref: sku for sku, ref in evidence.vendors.shelves.skus.items()}
    for document in evidence.vendors.erp.ledger.of("salesOrder"):
        units = Units()
        for line in document.lines:
            if line.stocked:
                units[names[line.item]] += line.quantity  # type: ignore[assignment] # a fraction is equal to no number
        yield "ERP", str(document.external_id), units


def _released(evidence: "Evidence") -> Iterator[tuple[str, str, Units]]:
    """As it was released, whatever the warehouse's own people made of it."""
    for order in evidence.vendors.warehouse.warehouse.orders.values():
        units = Units()
        for line in order.given["line_items"]:
            units[line["sku"]] += line["quantity"]
        yield "warehouse", str(order.partner), units


def _wanted(evidence: "Evidence", key: str, order: Mapping[str, Any]) -> list[Units]:
    """What may be booked and released, as totals are: what was placed, or less what was refunded before it left, refund
    by refund. Of a part, its lines, or those of them that were still wanted."""
    added = evidence.vendors.exchanging.added.get(order["id"], ())
    lines = {one["id"]: one for one in order["line_items"] if one["sku"] and one["requires_shipping"]}
    if key != whole_of(key):
        whole = evidence.states().get(whole_of(key))
        own = owned(whole, key) if whole is not None else ()
        pieces = [Units({one["sku"]: one["quantity"]}) for id_, one in lines.items() if str(id_) in own]
        return [_sum(some) for size in range(1, len(pieces) + 1) for some in combinations(pieces, size)]
    placed = {id_: one for id_, one in lines.items() if id_ not in added}
    found = [_sum(Units({one["sku"]: one["quantity"]}) for one in placed.values())]
    for refund in order["refunds"]:
        rows = [row for row in refund["refund_line_items"] if row["restock_type"] != "return"]
        off = [(placed[row["line_item_id"]]["sku"], row["quantity"]) for row in rows if row["line_item_id"] in placed]
        found.append(found[-1] - _sum(Units({sku: quantity}) for sku, quantity in off))
    return found


def _sum(pieces: Any) -> Units:
    whole = Units()
    for one in pieces:
        whole.update(one)
    return whole


def _told(units: Units) -> str:
    return ", ".join(f"{number:g} {sku}" for sku, number in sorted(units.items())) or "nothing"
