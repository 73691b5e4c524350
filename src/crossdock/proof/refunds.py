"""What the ERP credited against what the shop gave back, from the vendors' own books."""

from collections import Counter
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from crossdock.proof.exchanges import kept, set_off, together, whole_of
from crossdock.proof.plan import SHOP

if TYPE_CHECKING:
    from crossdock.proof.evidence import Evidence

ZERO = Decimal(0)


def credited_twice(evidence: "Evidence") -> list[tuple[str, str]]:
    """A refund with two credit memos, or more credited than was given back."""
    counted = Counter(str(one["memo"]) for one in evidence.vendors.erp.books()["credit_memos"])
    found = [(_order(memo), f"{times} credit memos of {memo}") for memo, times in counted.items() if times > 1]
    given = _given(evidence)
    return found + [
        (key, f"credited {sum_}, given back {given.get(key, ZERO)}")
        for key, sum_ in _credits(evidence).items()
        if sum_ > given.get(key, ZERO)
    ]


def kept_otherwise(evidence: "Evidence") -> list[tuple[str, str]]:
    """Orders that are done without an exception, and the ERP kept another amount than the shop."""
    credits_, problems = _credits(evidence), together_open(evidence)
    invoices = evidence.vendors.erp.books()["invoices"]
    billed = together((one["order_external_id"], Decimal(one["total"])) for one in invoices)
    states, found = evidence.states(), []
    for one in evidence.vendors.shop.books()["orders"]:
        key = f"{SHOP}-{one['id']}"
        state = states.get(key)
        if state is None or state.ended != "done" or key in problems or one["cancelled"]:
            continue
        theirs, ours = kept(one), billed.get(key, ZERO) - credits_.get(key, ZERO)
        if theirs != ours:
            found.append((key, f"the shop kept {theirs}, the ERP {ours}"))
    return found


def together_open(evidence: "Evidence") -> set[str]:
    """Orders of the shop's of which a person is told something."""
    return {whole_of(key) for key, codes in evidence.open_problems().items() if codes}


def may_be_booked(order: Any, whole: Decimal) -> set[Decimal]:
    """What the sales order may come to: as placed, or less what was refunded before it left, refund by refund."""
    off = [
        sum((_gross(order, row) for row in refund["refund_line_items"] if row["restock_type"] != "return"), ZERO)
        for refund in order["refunds"]
    ]
    return {whole, *(whole - sum_ for sum_ in accumulate(off))}


def _gross(order: Any, row: Any) -> Decimal:
    subtotal, tax = (Decimal(row[name]["shop_money"]["amount"]) for name in ("subtotal_set", "total_tax_set"))
    return subtotal if order["taxes_included"] else subtotal + tax


def _order(memo: str) -> str:
    """Our memo names order and refund; the external id may be what is missing."""
    return memo.partition(" refund ")[0]


def _credits(evidence: "Evidence") -> dict[str, Decimal]:
    memos = evidence.vendors.erp.books()["credit_memos"]
    return together((_order(str(one["memo"])), Decimal(one["total"])) for one in memos)


def _given(evidence: "Evidence") -> dict[str, Decimal]:
    """In money, or by paying for something else."""
    return {
        f"{SHOP}-{one['id']}": Decimal(one["refunded"]) + set_off(evidence, one["id"])
        for one in evidence.vendors.shop.books()["orders"]
    }
