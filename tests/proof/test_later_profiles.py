"""Profiles that no seed draws by itself: a kind of story more would make every seed another run."""

import pytest

from crossdock.proof.catalogue import REQUESTED
from crossdock.proof.plan import AFTERWARDS, ON_REQUEST, scenario
from crossdock.proof.run import run

SEEDS = 40


@pytest.mark.parametrize("profile", ON_REQUEST)
def test_they_hold(profile: str) -> None:
    broken = [(seed, one) for seed in range(1, SEEDS + 1) for one in run(scenario(seed, profile)).violations]
    assert broken == []


def test_what_comes_afterwards_is_each_of_them() -> None:
    drawn = {(planned := scenario(seed, AFTERWARDS)).profile: (seed, planned) for seed in range(60)}
    assert drawn.keys() == ON_REQUEST.keys()
    assert all(planned == scenario(seed, name) for name, (seed, planned) in drawn.items()), "as if asked for by name"


def test_each_is_described() -> None:
    assert REQUESTED.keys() == ON_REQUEST.keys()
