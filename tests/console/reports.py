"""Reports of ``crossdock prove`` as it writes them, for the page that shows them."""

from pathlib import Path

from crossdock.proof.campaign import REASONS, RECOVERIES, Broken, Report
from crossdock.proof.exercised import SUBJECTS
from crossdock.proof.invariants import INVARIANTS
from crossdock.proof.plan import KINDS, PROFILES
from crossdock.proof.telling import store

HOSTILE = "<script>alert(1)</script>"


def report(**changes: object) -> Report:
    """A large campaign in which everything came up and everything held."""
    made = Report(
        1, seeds=100_000, seconds=17_415.0, simulated_hours=1_103.6, invariants=dict.fromkeys(INVARIANTS, 0),
        profiles={name: 5_000 + 97 * n for n, name in enumerate(PROFILES)},
        faults={name: 800 + 431 * n for n, name in enumerate(KINDS)},
        recoveries={name: 90 + 613 * n for n, name in enumerate(RECOVERIES)},
        exercised={name: 40 + 7 * n for n, name in enumerate(SUBJECTS)},
        reasons={name: 30 + 11 * n for n, name in enumerate(REASONS)},
        digest="6b1f" * 16, python="3.11.7", machine="x86_64, 2 cores", jobs=2, at="2026-11-23T02:10:00+00:00",
        commit="33f2992a",
    )  # fmt: skip
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def held(file: Path) -> Path:
    """A green one."""
    store(report(), file, None)
    return file


def broken(file: Path) -> Path:
    """One with two seeds that broke promises, by a campaign of one profile on PostgreSQL."""
    found = [
        Broken(4711, "torn", "I1b", "shop-6000001010009", f"2 sales_orders in the ERP {HOSTILE}"),
        Broken(90210, "torn", "I10", "shop-6000001012027", "still open at order.book: waits for the ERP"),
    ]
    counts = {**dict.fromkeys(INVARIANTS, 0), "I1b": 1, "I10": 1}
    store(report(violations=2, invariants=counts, broken=found, store="postgres"), file, "torn")
    return file


def void(file: Path) -> Path:
    """One in which a kind of fault never came up."""
    seen = {kind: 5 for kind in KINDS if kind != "sigterm"}
    store(report(seeds=2_000, faults=seen), file, None)
    return file


def small(file: Path) -> Path:
    """One of 500 seeds, in which two kinds of faults never came up."""
    seen = {kind: 5 for kind in KINDS if kind not in ("sigterm", "outage")}
    store(report(seeds=500, faults=seen), file, None)
    return file
