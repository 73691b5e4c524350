"""What ``crossdock prove`` tells of a broken promise, and of a run that an exception ends: the whole report, the
command that repeats the seed, and the story of the smallest scenario."""

import json
from functools import partial
from typing import Any

import pytest

from crossdock.proof import story
from crossdock.proof.plan import scenario
from crossdock.proof.planted import Mutant, hunt
from crossdock.proof.run import run
from crossdock.proof.shrink import shrink
from tests.proof.in_process import prove
from tests.proof.mutants import MUTANTS

PLANTED = next(one for one in MUTANTS if one.name.startswith("M4 "))
MOST_RUNS = 12  # of shrinking: how far it comes is not what is tested here


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossdock.proof.shrink.shrink", partial(shrink, most=MOST_RUNS))


@pytest.fixture(scope="module")
def seed() -> int:
    """Of the planted bug's profile, the first that notices it."""
    caught = hunt(PLANTED)
    assert caught.seeds is not None
    return caught.seeds


def test_a_broken_promise_is_told_with_its_seed_command_and_story(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with PLANTED.plant():
        code = prove("--seed", str(seed), "--seeds", "1", "--profile", "webhooks")
    told = capsys.readouterr().out
    assert code == 1
    broken = next(name for name in PLANTED.caught_by if f"  BROKEN  {name} " in told)
    assert f"seed {seed} (webhooks) broke {broken}: " in told
    assert f"again: crossdock prove --seed {seed} --seeds 1 --profile webhooks" in told
    assert f"{broken}: seed {seed} (webhooks), shrunk from " in told
    assert "as a file for crossdock prove --scenario: {" in told
    assert "what struck:" in told
    assert "the story of " in told
    assert "the last steps:" in told
    assert " violations." in told
    assert "No violation" not in told


def test_programs_are_told_of_it_too(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    with PLANTED.plant():
        code = prove("--seed", str(seed), "--seeds", "1", "--profile", "webhooks", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (code, told["seeds"]) == (1, 1)
    assert told["violations"] >= 1
    assert told["repeat"] == {str(seed): f"crossdock prove --seed {seed} --seeds 1 --profile webhooks"}
    shrunk = next(one for one in told["shrunk"] if one["invariant"] in PLANTED.caught_by)
    assert (shrunk["seed"], shrunk["profile"]) == (seed, "webhooks")
    assert shrunk["size"] <= shrunk["size_before"]
    assert shrunk["runs"] <= MOST_RUNS
    assert any("what struck" in line for line in shrunk["story"])
    again = story.decode(json.dumps(shrunk["scenario"]).encode())
    with PLANTED.plant():
        assert shrunk["invariant"] in {one.invariant for one in run(again).violations}


def _fails(_: Any) -> None:
    raise KeyError("ordered")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of an invariant that falls over."""
    monkeypatch.setattr("crossdock.proof.run.violations", _fails)


@pytest.mark.usefixtures("failing")
def test_a_run_that_an_exception_ends_is_told_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    code = prove("--seed", "4711", "--seeds", "2", "--profile", "calm")
    told = capsys.readouterr().out
    assert code == 1
    assert "2 seeds from 4711" in told
    assert "seed 4711 (calm) broke I10: : the run ended with KeyError('ordered')" in told
    assert "again: crossdock prove --seed 4711 --seeds 1 --profile calm" in told
    assert "I10: seed 4711 (calm), shrunk from " in told
    assert "where an exception ended it:" in told
    assert "in _fails" in told
    assert "the last steps:" in told


@pytest.mark.usefixtures("failing")
def test_programs_are_told_of_an_exception_too(capsys: pytest.CaptureFixture[str]) -> None:
    code = prove("--seed", "4711", "--seeds", "1", "--profile", "calm", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (code, told["violations"], told["invariants"]["I10"]) == (1, 1, 1)
    assert told["broken"][0]["detail"] == "the run ended with KeyError('ordered')"
    assert told["repeat"] == {"4711": "crossdock prove --seed 4711 --seeds 1 --profile calm"}
    (shrunk,) = told["shrunk"]
    assert any("KeyError: 'ordered'" in line for line in shrunk["story"])
    assert len(shrunk["scenario"]["orders"]) == 1


def test_a_report_is_told_whatever_becomes_of_shrinking(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cannot(*_: Any, **__: Any) -> None:
        raise OSError("the server is gone")

    monkeypatch.setattr("crossdock.proof.run.violations", _fails)
    monkeypatch.setattr("crossdock.proof.shrink.shrink", cannot)
    code = prove("--seed", "4711", "--seeds", "1", "--profile", "calm")
    told = capsys.readouterr()
    assert code == 1
    assert "Seed 4711 could not be shrunk: OSError('the server is gone')." in told.err
    assert "again: crossdock prove --seed 4711 --seeds 1 --profile calm" in told.out


@pytest.mark.usefixtures("failing")
def test_a_simulation_that_falls_over_has_caught_no_planted_bug() -> None:
    blind = Mutant(name="blind", what="", plant=PLANTED.plant, within=1, caught_by=("I10",), profile="calm")
    assert run(scenario(1, "calm")).violations[0].invariant == "I10"
    assert hunt(blind).seeds is None
