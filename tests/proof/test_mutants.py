"""Every planted bug is caught within its stated seeds and for the right reason; without it, the same seeds pass."""

from functools import cache
from pathlib import Path

import pytest

from crossdock.proof.invariants import INVARIANTS
from crossdock.proof.plan import PROFILES, scenario
from crossdock.proof.planted import Mutant, hunt, load
from crossdock.proof.run import run
from tests.proof.mutants import MUTANTS, NOT_PLANTED

HERE = Path(__file__).parent / "mutants"
WANTED = [f"M{number}" for number in (1, 2, 3, "3b", 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)]


@cache
def sound(seed: int, profile: str | None) -> bool:
    """Whether the product as it is passes the seed. Several mutants ask for the same."""
    return not run(scenario(seed, profile)).violations


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_is_caught(mutant: Mutant) -> None:
    caught = hunt(mutant)
    assert caught.seeds is not None, f"not caught within {mutant.within} seeds: {mutant.what}"
    assert sound(caught.seeds, mutant.profile), "the seed fails without the planted bug too"


def test_every_bug_of_the_release_list_is_planted_or_named_with_its_reason() -> None:
    names = {mutant.name.split()[0] for mutant in MUTANTS} | {name.split()[0] for name in NOT_PLANTED}
    assert [name for name in WANTED if name not in names] == []
    assert len(MUTANTS) >= 20
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_what_should_notice_it_exists() -> None:
    for mutant in MUTANTS:
        assert set(mutant.caught_by) <= INVARIANTS.keys()
        assert mutant.profile is None or mutant.profile in PROFILES


def test_nothing_stays_planted() -> None:
    before = run(scenario(3, "torn")).digest
    for mutant in MUTANTS:
        with mutant.plant():
            pass
    assert run(scenario(3, "torn")).digest == before


def test_the_package_is_found_by_its_folder() -> None:
    assert [one.name for one in load(HERE)] == [one.name for one in MUTANTS]
    with pytest.raises(FileNotFoundError, match="mutants"):
        load(HERE.parent)


_TWO = '''
from contextlib import nullcontext
from crossdock.domain import evolve
from crossdock.proof.planted import Mutant
from .planting import instead

MUTANTS = (
    Mutant(name="forgetful", what="Entries are not folded.", within=2, profile="calm", caught_by=("I3", "I10"),
           plant=lambda: instead(evolve, _climb=lambda state, axis, status: None)),
    Mutant(name="harmless", what="Nothing is planted.", within=1, profile="calm", caught_by=("I1a",),
           plant=nullcontext),
)
'''


@pytest.fixture
def two(tmp_path: Path) -> Path:
    (tmp_path / "__init__.py").write_text(_TWO)
    (tmp_path / "planting.py").write_text((HERE / "planting.py").read_text())
    return tmp_path
