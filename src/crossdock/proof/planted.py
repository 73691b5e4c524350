"""Planted bugs: a simulation that lets one of them through would let the same bug through when it is not planted.

The bugs themselves are test code, beside the tests; here is how they are found and hunted.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec

from crossdock.proof import house
from crossdock.proof.plan import scenario
from crossdock.proof.run import run

PACKAGE = "crossdock_planted_bugs"
PATIENCE_S = (
    240.0  # less than a campaign has: bugs that let nothing come to rest are many, and each run of them is long
)


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """A bug and how soon it must be noticed.

    ``plant`` puts it into the product for as long as the context lasts, and may yield connectors to run with.
    ``within``: seeds, counted from 1. ``caught_by``: the invariants that notice it for the right reason.
    """

    name: str
    what: str
    plant: Callable[[], AbstractContextManager[Any]]
    within: int
    caught_by: tuple[str, ...]
    profile: str | None = None  # None: the campaign's own mixture
    patience_s: float = PATIENCE_S  # where the product itself needs longer to come to rest: the campaign's


class Hunt(msgspec.Struct, frozen=True):
    """What came of one. ``seeds``: how many were run until it was caught; None: it was not."""

    name: str
    run: int
    seeds: int | None = None
    invariant: str = ""  # that noticed it for the right reason
    detail: str = ""
    invariants: tuple[str, ...] = ()  # all that the catching seed broke
    faults: dict[str, int] = {}  # over all of its runs
    recoveries: dict[str, int] = {}


def hunt(mutant: Mutant) -> Hunt:
    """Run seeds with the bug planted until one breaks an invariant that should notice it."""
    faults, recoveries = Counter[str](), Counter[str]()
    for seed in range(1, mutant.within + 1):
        with mutant.plant() as given:
            ran = run(scenario(seed, mutant.profile), connectors=given or house.connector, patience_s=mutant.patience_s)
        faults.update(ran.faults)
        recoveries.update(ran.recoveries)
        right = next((one for one in ran.violations if one.invariant in mutant.caught_by), None)
        if right is not None and not ran.ended:  # a simulation that falls over has noticed nothing
            broken = tuple(dict.fromkeys(one.invariant for one in ran.violations))
            detail = f"{right.order}: {right.detail}"
            return Hunt(mutant.name, seed, seed, right.invariant, detail, broken, dict(faults), dict(recoveries))
    return Hunt(mutant.name, mutant.within, faults=dict(faults), recoveries=dict(recoveries))


def load(folder: Path) -> tuple[Mutant, ...]:
    """The ``MUTANTS`` of a package somewhere on disk. Raises ``FileNotFoundError``."""
    start = folder / "__init__.py"
    if not start.is_file():
        raise FileNotFoundError(f"there is no {start}")
    spec = spec_from_file_location(PACKAGE, start, submodule_search_locations=[str(folder)])
    assert spec is not None
    assert spec.loader is not None
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]  # of another folder
    package = sys.modules[PACKAGE] = module_from_spec(spec)
    spec.loader.exec_module(package)
    mutants: tuple[Mutant, ...] = package.MUTANTS
    return mutants


def not_planted(folder: Path) -> Mapping[str, str]:
    """Of the same package: the bugs of the release list that cannot be planted yet, each with its reason."""
    load(folder)
    known: Mapping[str, str] = getattr(sys.modules[PACKAGE], "NOT_PLANTED", {})
    return known


def hunt_all(folder: Path, count: int, jobs: int) -> Iterator[Hunt]:
    """What comes of each of the package's ``count`` mutants, in their order, hunted in ``jobs`` processes."""
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from pool.map(partial(_errand, folder), range(count))


def _errand(folder: Path, position: int) -> Hunt:
    return hunt(load(folder)[position])


def lines(mutant: Mutant, hunt: Hunt) -> list[str]:
    """One hunt as text."""
    place = f"profile {mutant.profile}" if mutant.profile else "the mixture"
    if hunt.seeds is None:
        verdict = f"NOT CAUGHT within {mutant.within} seeds of {place}; it should break {' or '.join(mutant.caught_by)}"
    else:
        also = [name for name in hunt.invariants if name != hunt.invariant]
        more = f" (and {', '.join(also)})" if also else ""
        after = "the first seed" if hunt.seeds == 1 else f"{hunt.seeds} seeds"
        verdict = f"caught by {hunt.invariant}{more} after {after} of {place}; allowed: {mutant.within}"
    return [mutant.name, f"  {mutant.what}", f"  {verdict}"]


def sentence(hunts: Sequence[Hunt]) -> str:
    """All hunts in one line."""
    free = [hunt.name for hunt in hunts if hunt.seeds is None]
    if free:
        return f"{len(free)} of {len(hunts)} planted bugs were not caught: {', '.join(free)}."
    return f"All {len(hunts)} planted bugs were caught."


def plain(hunts: Sequence[Hunt], seconds: float) -> dict[str, Any]:
    """All hunts, which took so long, as JSON-ready data."""
    seeds = sum(hunt.run for hunt in hunts)
    return {
        "mutants": {hunt.name: hunt.seeds for hunt in hunts},
        "seeds": seeds,
        "seeds_per_s": round(seeds / seconds, 2),
        "faults": _sum(hunt.faults for hunt in hunts),
        "recoveries": _sum(hunt.recoveries for hunt in hunts),
        "violations": sum(hunt.seeds is None for hunt in hunts),
        "caught_by": {hunt.name: list(hunt.invariants) for hunt in hunts},
    }


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found = Counter[str]()
    for one in counts:
        found.update(one)
    return dict(sorted(found.items()))
