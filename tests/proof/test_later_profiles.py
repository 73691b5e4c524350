"""Profiles that no seed draws by itself: a kind of story more would make every seed another run."""

import pytest

from crossdock.proof.catalogue import REQUESTED
from crossdock.proof.plan import ON_REQUEST, scenario
from crossdock.proof.run import run

SEEDS = 40


@pytest.mark.parametrize("profile", ON_REQUEST)
def test_they_hold(profile: str) -> None:
    broken = [(seed, one) for seed in range(1, SEEDS + 1) for one in run(scenario(seed, profile)).violations]
    assert broken == []


def test_each_is_described() -> None:
    assert REQUESTED.keys() == ON_REQUEST.keys()
