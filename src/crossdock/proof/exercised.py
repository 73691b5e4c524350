"""What runs gave the promises to look at: a check that had nothing to look at has shown nothing."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from crossdock.domain.account import ADVANCE
from crossdock.domain.problems import CATALOGUE

if TYPE_CHECKING:
    from crossdock.proof.evidence import Evidence

Count = Callable[["Evidence"], int]


def _acts(*verbs: str) -> Count:
    return lambda evidence: sum(verb in verbs for plan in evidence.plans.values() for _, verb in plan.acts)


def _posted(evidence: "Evidence") -> int:
    books = evidence.vendors.erp.books()
    return len(books["customer_deposits"]) + len(books["customer_payments"])


# What -> the promises that are about it, and how much of it a run had.
SUBJECTS: Mapping[str, tuple[str, Count]] = {
    "orders": ("all", lambda evidence: len(evidence.vendors.shop.books_.orders)),
    "edits of addresses": ("I2 I11", _acts("edit_address")),
    "cancellations": (
        "I17",
        lambda evidence: sum(one["cancelled_at"] is not None for one in evidence.vendors.shop.books_.orders.values()),
    ),
    "shipments": ("I4 I18 I24", lambda evidence: len(evidence.vendors.shop.books_.fulfilments)),
    "webhooks": ("I8", lambda evidence: len(evidence.vendors.post.acknowledged)),
    "unreadable statuses": ("I19", lambda evidence: len(evidence.vendors.post.drifted)),
    "numbers of stock": ("I5", lambda evidence: sum(key.startswith("stock:") for key in evidence.books.commands)),
    "refunds": (
        "I1b I2",
        lambda evidence: sum(len(one["refunds"]) for one in evidence.vendors.shop.books_.orders.values()),
    ),
    "exchanges": ("I1a I2", lambda evidence: sum(map(len, evidence.vendors.exchanging.added.values()))),
    "returns": (
        "I1b I4 I9",
        lambda evidence: len(evidence.vendors.shop.books_.returns) if evidence.scenario.returns else 0,
    ),
    "payouts": ("I1b I2 I9", lambda evidence: len(evidence.vendors.shop.payments.payouts)),
    "captures posted": ("I1b I2", lambda evidence: _posted(evidence) if evidence.scenario.payments == ADVANCE else 0),
}


def exercised(evidence: "Evidence") -> dict[str, int]:
    """Subject -> how much of it there was, where there was any."""
    return {name: found for name, (_, count) in SUBJECTS.items() if (found := count(evidence))}


def reasons(evidence: "Evidence") -> dict[str, int]:
    """Why a person was told, settled or not: code -> how often."""
    return dict(Counter(found.problem.code for found in evidence.books.exceptions))


def untouched(seen: Mapping[str, int]) -> list[str]:
    """Subjects that never came up, each with the promises that nothing is shown of where they are about it."""
    return [f"{name} ({promises.replace(' ', ', ')})" for name, (promises, _) in SUBJECTS.items() if not seen.get(name)]


def never_told(seen: Mapping[str, int]) -> list[str]:
    """Reasons of the catalogue that no person was ever told."""
    return [code for code in CATALOGUE if not any(told == code or told.endswith(f".{code}") for told in seen)]
