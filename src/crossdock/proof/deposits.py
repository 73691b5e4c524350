"""What the ERP says that customers paid and got back, against the shop, where each capture is posted there."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crossdock.domain.account import ADVANCE
from crossdock.proof.exchanges import together, whole_of
from crossdock.proof.plan import SHOP

if TYPE_CHECKING:
    from crossdock.proof.evidence import Evidence

ZERO = Decimal(0)
_TAKEN = ("customer_deposits", "customer_payments")
Found = list[tuple[str, str]]


def taken_too_often(evidence: "Evidence") -> Found:
    """I1b: a capture that the ERP has more than once, or more money than ever came."""
    books = evidence.vendors.erp.books()
    counted = Counter(str(one["external_id"]) for name in _TAKEN for one in books[name] if one["external_id"])
    found = [(whole_of(name), f"{times} receipts of {name}") for name, times in counted.items() if times > 1]
    taken = _taken(books)
    for key, one in _sold(evidence):
        if taken.get(key, ZERO) > Decimal(one["received"]):
            found.append((key, f"the ERP took {taken[key]}, the shop {one['received']}"))
    return found


def kept_apart(evidence: "Evidence") -> Found:
    """I2: orders that are done without an exception, of which the ERP took or gave back other sums than the shop."""
    if evidence.scenario.payments != ADVANCE:
        return []
    books, states, problems = evidence.vendors.erp.books(), evidence.states(), evidence.open_problems()
    taken, given, found = _taken(books), together(_given(books["customer_refunds"])), []
    for key, one in _sold(evidence):
        state = states.get(key)
        if state is None or state.ended != "done" or problems.get(key) or one["cancelled"]:
            continue
        ours = taken.get(key, ZERO), given.get(key, ZERO)
        theirs = Decimal(one["received"]), Decimal(one["refunded"])
        if ours != theirs:
            found.append((key, f"the ERP took {ours[0]} and gave {ours[1]} back, the shop {theirs[0]} and {theirs[1]}"))
    return found


def _sold(evidence: "Evidence") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in evidence.vendors.shop.books()["orders"]:
        yield f"{SHOP}-{one['id']}", one


def _taken(books: Mapping[str, Any]) -> dict[str, Decimal]:
    return together((_order(one), Decimal(one["amount"])) for name in _TAKEN for one in books[name])


def _order(receipt: Mapping[str, Any]) -> str:
    """A deposit is on its sales order, whatever it is called."""
    return str(receipt.get("order_external_id") or receipt["external_id"])


def _given(refunds: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Decimal]]:
    for one in refunds:
        yield str(one["external_id"]), sum(map(Decimal, one["paid"].values()), ZERO)
