"""A campaign that saw too little is void, with an exit code of its own; a small one says that it is too small."""

import msgspec
import pytest

from crossdock.cli import failures
from crossdock.proof.campaign import REASONS, RECOVERIES, Broken, Report
from crossdock.proof.invariants import INVARIANTS
from crossdock.proof.plan import KINDS, ON_REQUEST, PROFILES, REQUESTED, kinds_drawn, scenario
from crossdock.proof.telling import BROKEN, PASSED, STOPPED, VOID, WHOLE, lines, plain, verdict
from tests.proof.in_process import prove


def _report(seeds: int = WHOLE, **but: object) -> Report:
    """Of a campaign that has seen everything."""
    whole = Report(
        1, seeds=seeds, seconds=10.0, invariants=dict.fromkeys(INVARIANTS, 0), faults=dict.fromkeys(KINDS, 1),
        recoveries=dict.fromkeys(RECOVERIES, 1), reasons=dict.fromkeys(REASONS, 1),
    )  # fmt: skip
    return msgspec.structs.replace(whole, **but)


def _but(seen: dict[str, int], *names: str) -> dict[str, int]:
    return {name: times for name, times in seen.items() if name not in names}


def test_a_campaign_that_saw_everything_passes() -> None:
    whole = _report()
    assert verdict(whole, None, WHOLE) == PASSED
    assert lines(whole, None)[-1].startswith("\nNo violation. At 95 % confidence, fewer than one run in 333 ")
    assert (plain(whole, None)["void"], plain(whole, None)["unseen"]) == ([], [])


@pytest.mark.parametrize(
    "but",
    [
        {"faults": _but(_report().faults, "answer_lost")},
        {"recoveries": _but(_report().recoveries, "number_replaced")},
        {"reasons": _but(_report().reasons, "product.no_sku")},
    ],
    ids=["a fault", "a recovery", "a reason"],
)
def test_a_campaign_that_never_saw_something_is_void(but: dict[str, dict[str, int]]) -> None:
    ((kind, seen),) = but.items()
    (name,) = getattr(_report(), kind).keys() - seen.keys()
    void = _report(**but)
    assert verdict(void, None, WHOLE) == VOID
    told = "\n".join(lines(void, None))
    assert f"VOID: these never came up, so nothing is proven about them: {name}\n" in told
    assert told.endswith("No violation, but the campaign is void.")
    assert (plain(void, None)["void"], plain(void, None)["unseen"]) == ([name], [name])


def test_what_is_broken_or_stopped_is_that_first() -> None:
    void = _report(faults={})
    broken = Broken(7, "calm", "I1a", "shop-1", "it is nowhere")
    assert verdict(msgspec.structs.replace(void, violations=1, broken=[broken]), None, WHOLE) == BROKEN
    assert verdict(msgspec.structs.replace(void, interrupted=True), None, 2 * WHOLE) == STOPPED
    assert verdict(_report(WHOLE), None, 2 * WHOLE) == BROKEN  # it ended early, and nobody stopped it


def test_its_exit_code_is_nothing_elses() -> None:
    others = (failures.FAILED, failures.USAGE, failures.CONFIGURATION, failures.UNAVAILABLE, failures.REFUSED, STOPPED)
    assert VOID not in (PASSED, BROKEN, *others)


def test_a_small_run_says_how_much_it_has_not_seen() -> None:
    small = _report(WHOLE - 1, faults=_but(_report().faults, "crash", "pause"))
    assert verdict(small, None, WHOLE - 1) == PASSED
    told = "\n".join(lines(small, None))
    assert "too small to be void or green: 2 kinds unseen." in told
    assert "VOID" not in told
    assert (plain(small, None)["void"], plain(small, None)["unseen"]) == ([], ["crash", "pause"])
    assert "too small" not in "\n".join(lines(_report(WHOLE - 1), None))


@pytest.mark.parametrize("profile", [*PROFILES, *ON_REQUEST])
def test_a_profile_must_have_shown_the_kinds_that_it_draws(profile: str) -> None:
    kinds = kinds_drawn(profile, 1, 50)
    assert kinds <= {*KINDS, *REQUESTED}
    assert (not kinds) == (profile == "calm")
    seen = _report(50, faults=dict.fromkeys(kinds, 1), recoveries={}, reasons={}, profile=profile)
    assert seen.missing(profile) == []
    for kind in kinds:
        assert msgspec.structs.replace(seen, faults=_but(seen.faults, kind)).missing(profile) == [kind]


def test_a_profile_without_what_it_is_about_is_void() -> None:
    void = _report(faults=_but(_report().faults, "late_commit"), profile="late")
    assert verdict(void, "late", WHOLE) == VOID
    assert verdict(void, "webhooks", WHOLE) == PASSED
    assert kinds_drawn("late", 1, 20) == {"late_commit", "crash", "search_lag"}


def test_what_a_scenario_may_be_struck_by() -> None:
    assert scenario(1, "calm").kinds() == set()
    assert scenario(1, "restored").kinds() >= {"restored"}
    assert scenario(1, "clocks").kinds() == {"answer_lost", "late_commit", "clock_jump", "crash", "clock_skew"}


def test_the_command_ends_with_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("crossdock.proof.telling.WHOLE", 2)
    assert prove("--seeds", "2", "--seed", "5000") == VOID
    assert "No violation, but the campaign is void." in capsys.readouterr().out
    monkeypatch.setattr("crossdock.proof.telling.WHOLE", 3)
    assert prove("--seeds", "2", "--seed", "5000") == PASSED
    assert "too small to be void or green: " in capsys.readouterr().out
