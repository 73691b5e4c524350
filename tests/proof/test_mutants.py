"""Every planted bug is caught within its stated seeds and for the right reason; without it, the same seeds pass."""

from functools import cache
from pathlib import Path

import msgspec
import pytest

from crossdock.proof.invariants import INVARIANTS
from crossdock.proof.plan import KINDS, ON_REQUEST, PROFILES, scenario
from crossdock.proof.planted import Mutant, hunt, load, not_planted
from crossdock.proof.run import run
from tests.cli.running import crossdock
from tests.proof.mutants import MUTANTS, NOT_PLANTED

HERE = Path(__file__).parent / "mutants"
WANTED = [f"M{number}" for number in (1, 2, 3, "3b", 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)]


@cache
def sound(seed: int, profile: str | None, patience_s: float) -> bool:
    """Whether the product as it is passes the seed. Several mutants ask for the same."""
    return not run(scenario(seed, profile), patience_s=patience_s).violations


@pytest.mark.timeout(600)  # some are caught after hundreds of seeds only
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_is_caught_for_what_it_breaks(mutant: Mutant) -> None:
    caught = hunt(mutant)
    assert caught.seeds is not None, f"not caught within {mutant.within} seeds: {mutant.what}"
    assert sound(caught.seeds, mutant.profile, mutant.patience_s), "the seed fails without the planted bug too"


def test_every_bug_of_the_release_list_is_planted_or_named_with_its_reason() -> None:
    names = {mutant.name.split()[0] for mutant in MUTANTS} | {name.split()[0] for name in NOT_PLANTED}
    assert [name for name in WANTED if name not in names] == []
    assert len(MUTANTS) >= 20
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_what_should_notice_it_exists() -> None:
    for mutant in MUTANTS:
        assert set(mutant.caught_by) <= INVARIANTS.keys()
        assert mutant.profile is None or mutant.profile in {**PROFILES, **ON_REQUEST}


def test_each_promise_is_broken_by_a_bug_that_only_it_need_notice() -> None:
    alone = {one.caught_by[0] for one in MUTANTS if len(one.caught_by) == 1}
    assert set(INVARIANTS) - alone == set()


def test_nothing_stays_planted() -> None:
    before = run(scenario(3, "torn")).digest
    for mutant in MUTANTS:
        with mutant.plant():
            pass
    assert run(scenario(3, "torn")).digest == before


def test_the_package_is_found_by_its_folder() -> None:
    assert [one.name for one in load(HERE)] == [one.name for one in MUTANTS]
    assert not_planted(HERE) == NOT_PLANTED
    with pytest.raises(FileNotFoundError, match="mutants"):
        load(HERE / "nowhere")


_TWO = """
from contextlib import nullcontext
from crossdock.proof.planted import Mutant
from crossdock.store.memory import MemoryStore
from crossdock.store.protocol import Receipt
from .planting import instead

MUTANTS = (
    Mutant(name="forgetful", what="Nothing is stored.", within=3, profile="webhooks", caught_by=("I8",),
           plant=lambda: instead(MemoryStore, _accept=lambda self, arrival: Receipt(1))),
    Mutant(name="harmless", what="Nothing is planted.", within=1, profile="calm", caught_by=("I1a",),
           plant=nullcontext),
)
NOT_PLANTED = {"ghost": "nobody has seen it"}
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    (tmp_path / "__init__.py").write_text(_TWO)
    (tmp_path / "planting.py").write_text((HERE / "planting.py").read_text())
    return tmp_path


async def test_the_command_says_which_seed_caught_which(two: Path) -> None:
    told = await crossdock("prove", "--mutants", str(two), "--jobs", "1", "--json")
    assert told.code == 1, told.said
    shown = msgspec.json.decode(told.out)
    assert shown["mutants"].keys() == {"forgetful", "harmless"}
    assert 1 <= shown["mutants"]["forgetful"] <= 3
    assert shown["mutants"]["harmless"] is None
    assert shown["violations"] == 1
    assert shown["seeds"] == shown["mutants"]["forgetful"] + 1
    assert shown["seeds_per_s"] > 0
    assert shown["faults"].keys() <= set(KINDS)
    assert shown["not_planted"] == {"ghost": "nobody has seen it"}
    assert shown["faults"]["webhook_late"] > 0
    assert shown["recoveries"]["found_by_poll"] > 0


async def test_the_command_tells_people_too(two: Path) -> None:
    told = await crossdock("prove", "--mutants", str(two), "--jobs", "1")
    assert "Nothing is stored." in told.out
    assert "caught by I8" in told.out
    assert "1 of 2 planted bugs were not caught: harmless." in told.out


async def test_the_command_needs_a_copy_of_the_source(tmp_path: Path) -> None:
    told = await crossdock("prove", "--mutants", str(tmp_path / "nowhere"))
    assert told.code == 2
    assert "copy of the source" in told.said
