"""Units that came back, as the warehouse counted them, against the ERP's stock and what the shop was told."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crossdock.proof.exchanges import whole_of
from crossdock.proof.plan import SHOP
from crossdock.proof.returning import announced
from crossdock.simulators.shiphero.returns import CANCELLED, COMPLETE, PENDING

if TYPE_CHECKING:
    from crossdock.proof.evidence import Evidence

Found = list[tuple[str, str]]
Units = Counter[tuple[str, str]]  # (order's key, the ERP's id of an item) -> units


def came_twice(evidence: "Evidence") -> Found:
    """I1b: a return that the warehouse expects twice, or more units taken in by the ERP than ever came."""
    names = evidence.vendors.warehouse.books()["returns_repeated"]
    found = [(whole_of(name), f"the warehouse was told of {name} twice") for name in names]
    taken, (received, _) = _posted(evidence, restock=True) + _posted(evidence, restock=False), _counted(evidence)
    return found + [
        (key, f"the ERP took {units} of item {item} back, {received[key, item]} came")
        for (key, item), units in taken.items()
        if units > received[key, item]
    ]


def apart(evidence: "Evidence") -> Found:
    """I4: orders at rest without an exception whose goods are otherwise in the ERP's stock, or in the shop, than on the
    warehouse's shelves."""
    resting = set(_resting(evidence))
    if not evidence.scenario.returns or not resting:
        return []
    back, off, by_credit = _posted(evidence, restock=True), _posted(evidence, restock=False), _credited(evidence)
    (received, restocked), refunded = _counted(evidence), _refunded(evidence)
    found = []
    for key, item in sorted(received | refunded | by_credit):
        if key not in resting:
            continue
        at = key, item
        put, early = back[at] + by_credit[at], max(refunded[at] - received[at], 0)
        if not restocked[at] <= put <= restocked[at] + early:
            found.append((key, f"{restocked[at]} of item {item} are on the shelves again, {put} by the ERP's books"))
        if put + off[at] < received[at]:
            found.append((key, f"{received[at]} of item {item} came back, the ERP knows of {put + off[at]}"))
    return [*found, *_told_otherwise(evidence, resting)]


def not_expected(evidence: "Evidence") -> Found:
    """I9: returns of orders at rest that the shop has under way and the warehouse does not expect, or the reverse.

    What a database that lost time announced and heard of again only when it was called off stays expected."""
    if not evidence.scenario.returns:
        return []
    found, resting = [], set(_resting(evidence))
    for told in evidence.vendors.shop.books_.returns.values():
        key, expected = f"{SHOP}-{told.order_id}", announced(evidence.vendors.warehouse, str(told.id))
        standing = [one for one in expected if one.status != CANCELLED]
        if key not in resting:
            continue
        if told.status == "OPEN" and not standing:
            found.append((key, f"return {told.id} is under way, and the warehouse does not know"))
        pending = any(one.status == PENDING for one in standing)
        if told.status == "CANCELED" and pending and not evidence.lived_in_lost_time(key):
            found.append((key, f"return {told.id} was called off, and the warehouse still expects it"))
    return found


def _resting(evidence: "Evidence") -> Iterator[str]:
    problems = {whole_of(key) for key, codes in evidence.open_problems().items() if codes}
    for key, state in evidence.states().items():
        if state.ended == "done" and whole_of(key) not in problems:
            yield key


def _told_otherwise(evidence: "Evidence", resting: set[str]) -> Iterator[tuple[str, str]]:
    """Of returns that came whole: what the shop has of them."""
    for told in evidence.vendors.shop.books_.returns.values():
        key = f"{SHOP}-{told.order_id}"
        came = [one for one in announced(evidence.vendors.warehouse, str(told.id)) if one.status == COMPLETE]
        if key not in resting or not came:
            continue
        theirs: Counter[str] = Counter()
        for _, how, units in told.disposed:
            theirs[how] += units
        good = sum(item.restocked for one in came for item in one.items)
        bad = sum(item.received for one in came for item in one.items) - good
        ours = +Counter({"RESTOCKED": good, "NOT_RESTOCKED": bad})
        if theirs != ours:
            yield key, f"return {told.id}: the warehouse says {dict(ours)}, the shop was told {dict(theirs)}"


def _counted(evidence: "Evidence") -> tuple[Units, Units]:
    """By the warehouse: what came, and what of it is on the shelves again."""
    items, received, restocked = evidence.vendors.shelves.skus, Units(), Units()
    for one in evidence.vendors.warehouse.returns.returns.values():
        for item in one.items:
            at = str(one.order.partner), items[item.sku]
            received[at] += item.received
            restocked[at] += item.restocked
    return received, restocked


def _refunded(evidence: "Evidence") -> Units:
    """Units of which a refund says that they are put back."""
    items, sums = evidence.vendors.shelves.skus, Units()
    for order_id, order in evidence.vendors.shop.books_.orders.items():
        skus = {line["id"]: line["sku"] for line in order["line_items"]}
        for row in (row for refund in order["refunds"] for row in refund["refund_line_items"]):
            if row["restock_type"] == "return":
                sums[f"{SHOP}-{order_id}", items[skus[row["line_item_id"]]]] += int(row["quantity"])
    return sums


def _posted(evidence: "Evidence", *, restock: bool) -> Units:
    """By the ERP's receipts: put into stock, or written off."""
    sums = Units()
    for document in evidence.vendors.erp.ledger.of("itemReceipt"):
        for line in document.lines:
            if line.custom.get("restock", True) is restock:
                sums[whole_of(str(document.external_id)), line.item] += int(line.quantity)
    return sums


def _credited(evidence: "Evidence") -> Units:
    """By credit memos: put into stock."""
    sums = Units()
    for document in evidence.vendors.erp.ledger.of("creditMemo"):
        order = str(document.header.get("memo")).partition(" refund ")[0]
        for line in document.lines:
            if line.stocked and line.custom.get("restock", True):
                sums[order, line.item] += int(line.quantity)
    return sums
