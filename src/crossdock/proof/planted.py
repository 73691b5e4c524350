"""Planted bugs: a simulation that lets one of them through would let the same bug through when it is not planted.

The bugs themselves are test code, beside the tests; here is how they are found and hunted.
"""

import sys
from collections.abc import Callable, Iterator
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


class Hunt(msgspec.Struct, frozen=True):
    """What came of one. ``seeds``: how many were run until it was caught; None: it was not."""

    name: str
    seeds: int | None
    invariants: tuple[str, ...] = ()  # all that were broken by the seed that caught it
    detail: str = ""
    boundaries: int = 0


def hunt(mutant: Mutant) -> Hunt:
    """Run seeds with the bug planted until one breaks an invariant that should notice it."""
    for seed in range(1, mutant.within + 1):
        with mutant.plant() as given:
            ran = run(scenario(seed, mutant.profile), connectors=given or house.connector)
        right = [one for one in ran.violations if one.invariant in mutant.caught_by]
        if right:
            broken = tuple(dict.fromkeys(one.invariant for one in ran.violations))
            return Hunt(mutant.name, seed, broken, f"{right[0].order}: {right[0].detail}", ran.boundaries)
    return Hunt(mutant.name, None)


def load(folder: Path) -> tuple[Mutant, ...]:
    """The ``MUTANTS`` of a package somewhere on disk. Raises ``FileNotFoundError``."""
    start = folder / "__init__.py"
    if not start.is_file():
        raise FileNotFoundError(f"there is no {start}")
    spec = spec_from_file_location(PACKAGE, start, submodule_search_locations=[str(folder)])
    assert spec is not None and spec.loader is not None
    package = sys.modules[PACKAGE] = module_from_spec(spec)
    spec.loader.exec_module(package)
    mutants: tuple[Mutant, ...] = package.MUTANTS
    return mutants


def hunt_all(folder: Path, jobs: int) -> Iterator[tuple[Mutant, Hunt]]:
    """Every mutant of a package in ``jobs`` processes, in its order."""
    mutants = load(folder)
    if jobs == 1:
        yield from ((mutant, hunt(mutant)) for mutant in mutants)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from zip(mutants, pool.map(partial(_errand, folder), range(len(mutants))), strict=True)


def _errand(folder: Path, position: int) -> Hunt:
    return hunt(load(folder)[position])
