"""What a campaign finds is made small, told, and can be run again from its file."""

import msgspec
import pytest

from crossdock.kit.manifest import Connector
from crossdock.proof import house, story
from crossdock.proof.plan import ON_REQUEST, PROFILES, Scenario, scenario
from crossdock.proof.run import Ran, run
from crossdock.proof.shrink import Shrunk, shrink, size

TRIED = range(92, 160)  # below, it takes two orders to show, or there is little to make smaller


def _hasty(system: str) -> Connector:
    """A bug: the warehouse is searched at once after an unknown outcome, before its search can show the order."""
    found = house.connector(system)
    hasty = {
        purpose: msgspec.structs.replace(operation, settle_s=0.0)
        for purpose, operation in found.operations.items()
        if system == "shiphero"
    }
    return msgspec.structs.replace(found, operations={**found.operations, **hasty})


def _hastily(planned: Scenario) -> Ran:
    return run(planned, connectors=_hasty)


@pytest.fixture(scope="module")
def shrunk() -> Shrunk:
    for seed in TRIED:
        planned = scenario(seed, "late")
        if any(one.invariant == "I1b" for one in _hastily(planned).violations):
            return shrink(planned, "I1b", runs=_hastily, most=120)
    raise AssertionError("the planted bug was never noticed")


def test_a_shrunk_scenario_is_smaller_and_breaks_the_same_promise(shrunk: Shrunk) -> None:
    assert size(shrunk.scenario) < size(shrunk.before) / 2
    assert len(shrunk.scenario.orders) == 1
    assert "I1b" in {one.invariant for one in _hastily(shrunk.scenario).violations}
    assert not run(shrunk.scenario).violations, "without the bug it must hold"


def test_its_story_is_told(shrunk: Shrunk) -> None:
    told = "\n".join(story.lines(shrunk))
    broken = next(one for one in shrunk.ran.violations if one.invariant == "I1b")
    assert broken.detail in told
    assert "FAULT late_commit" in told
    assert f"order.release {broken.order}/warehouse/order.release -> 200" in told
    assert "what struck" in told
    assert "its journal" in told
    assert "the last steps" in told
    assert 0 < len(shrunk.ran.steps) <= 50


def test_a_scenario_survives_its_file(shrunk: Shrunk) -> None:
    again = story.decode(story.encode(shrunk.scenario).encode())
    assert again == shrunk.scenario
    assert _hastily(again).digest == shrunk.ran.digest


@pytest.mark.parametrize("profile", [*PROFILES, *ON_REQUEST])
def test_what_any_profile_draws_can_be_run_from_its_file(profile: str) -> None:
    for seed in range(1, 21):
        planned = scenario(seed, profile)
        assert story.decode(story.encode(planned).encode()) == planned


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a scenario"),
        ("[]", "not a scenario"),
        ('{"seed": 1}', "not a scenario"),
        ('{"seed":1,"profile":"x","orders":[],"workers":0}', "at least one worker"),
        ('{"seed":1,"profile":"x","orders":[],"blows":[{"at":1,"kind":"meteor"}]}', "no such faults: meteor"),
        ('{"seed":1,"profile":"x","orders":[],"rates":{"meteors":1}}', "no such faults: meteors"),
        ('{"seed":1,"profile":"x","orders":[],"blows":[{"at":1,"kind":"crash","who":"w2"}]}', "nobody called w2"),
    ],
)
def test_a_file_that_is_no_scenario_is_named(text: str, why: str) -> None:
    with pytest.raises(story.BadScenario, match=why):
        story.decode(text.encode())


def test_what_does_not_break_cannot_be_shrunk() -> None:
    with pytest.raises(ValueError, match="does not break I1a"):
        shrink(scenario(1, "calm"), "I1a")
