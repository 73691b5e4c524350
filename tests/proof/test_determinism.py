"""Same seed, same run, byte for byte: in one process, after other runs, and whatever the hash seed."""

import os
import subprocess
import sys

import pytest

from crossdock.proof.plan import PROFILES, scenario
from crossdock.proof.run import run

SEED = 11
_FRESH = f"""
from crossdock.proof.plan import PROFILES, scenario
from crossdock.proof.run import run
for profile in PROFILES:
    print(profile, run(scenario({SEED}, profile)).digest)
"""


def _digests(profiles: list[str]) -> dict[str, str]:
    return {profile: run(scenario(SEED, profile)).digest for profile in profiles}


def _fresh(hash_seed: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", _FRESH], env=environment, stdout=subprocess.PIPE, text=True)


def _read(printed: str) -> dict[str, str]:
    lines = [line.split() for line in printed.splitlines()]
    return {line[0]: line[1] for line in lines}


@pytest.mark.timeout(900)  # three times every profile, two of them at once
def test_every_profile_repeats_itself_to_the_byte() -> None:
    fresh = [_fresh("0"), _fresh("4242")]
    here = _digests(list(PROFILES))
    again = _digests(list(PROFILES)[::-1])  # after other runs than the first time
    there = [_read(one.communicate(timeout=800)[0]) for one in fresh]
    assert here == again
    assert there == [here, here]
    assert len(set(here.values())) == len(PROFILES)


def test_a_single_boundary_more_is_another_digest() -> None:
    from crossdock.proof.witness import Witness

    one, other = Witness(lambda: 1.0), Witness(lambda: 1.0)
    one.step("w1", "before accept")
    assert one.digest() != other.digest()
    other.step("w1", "before accept")
    assert one.digest() == other.digest() != one.digest(b"another book")
