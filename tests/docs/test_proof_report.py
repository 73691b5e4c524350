"""The campaign that is quoted is the campaign that is kept."""

import json
from pathlib import Path

import pytest
from scripts import proof_report

from crossdock.proof.exercised import SUBJECTS
from crossdock.proof.telling import store
from tests.console import reports

README = "before\n<!-- proof -->\nold\n<!-- /proof -->\nafter\n"


@pytest.fixture
def green(tmp_path: Path) -> proof_report.Report:
    report = proof_report.load(reports.held(tmp_path / "report.json"))
    assert report is not None
    return report


@pytest.mark.parametrize("of", proof_report.CAMPAIGNS, ids=lambda of: of.name)
def test_page_and_readme_say_what_the_kept_report_says(of: proof_report.Campaign) -> None:
    report = proof_report.load(of.kept)
    text = proof_report.README.read_text("utf-8")
    assert proof_report.filled(text, report, of) == text, "run: python scripts/proof_report.py"
    assert of.page.exists() == (report is not None)
    if report is not None:
        assert of.page.read_text("utf-8") == proof_report.page(report), "run: python scripts/proof_report.py"
        assert proof_report.campaign_of(report) == of


@pytest.mark.parametrize("of", proof_report.CAMPAIGNS, ids=lambda of: of.name)
def test_every_broken_seed_of_the_kept_report_is_explained(of: proof_report.Campaign) -> None:
    report = proof_report.load(of.kept)
    told = of.kept.with_name("broken-seeds.md").read_text("utf-8")
    assert of is not proof_report.MIXTURE or report is not None
    assert (
        report is None
        or [one for one in report["broken"] if f"`{report['commit'][:12]}` | {one['seed']} |" not in told] == []
    )


def test_the_sentence_quotes_the_report(green: proof_report.Report) -> None:
    made = proof_report.filled(README, green)
    for told in (
        "100,000 seeds",
        f"{sum(green['faults'].values()):,} faults",
        "no violation",
        "4 h 50 min",
        "`33f2992a`",
    ):
        assert told in made
    assert "old" not in made
    assert "No campaign was kept" in proof_report.filled(README, None)


def test_violations_and_what_never_came_up_are_not_passed_over(tmp_path: Path) -> None:
    broken, void = reports.broken(tmp_path / "broken.json"), reports.void(tmp_path / "void.json")
    for file, words in ((broken, ("**2 violations**", "I10")), (void, ("sigterm never came up", "Void"))):
        report = proof_report.load(file)
        assert report is not None
        told = proof_report.sentence(report) + proof_report.page(report)
        assert all(word in told for word in words)


def test_every_count_is_on_the_page(green: proof_report.Report) -> None:
    page = proof_report.page(green)
    for counts in ("faults", "recoveries", "profiles", "exercised", "reasons"):
        for name, times in green[counts].items():
            assert f"| `{name}` | {times:,} |" in page


def test_what_promises_had_nothing_to_look_at_is_named(tmp_path: Path) -> None:
    seen = {name: 5 for name in SUBJECTS if name != "payouts"}
    store(reports.report(exercised=seen), tmp_path / "some.json", None)
    report = proof_report.load(tmp_path / "some.json")
    assert report is not None
    assert "**Not exercised**, so nothing is shown of it: payouts (I1b, I2, I9)." in proof_report.page(report)
    assert "payment.reversed" in proof_report.page(report)
    older = {name: value for name, value in report.items() if name not in ("exercised", "reasons")}
    assert "was not counted" in proof_report.page(older)


def test_a_campaign_of_one_profile_is_not_taken_for_another(green: proof_report.Report) -> None:
    with pytest.raises(proof_report.NoReport, match="returns"):
        proof_report.sentence({**green, "profile": "returns"})
    assert "after an order" in proof_report.sentence({**green, "profile": "afterwards"})


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"seeds": 1}))
    with pytest.raises(proof_report.NoReport, match="violations"):
        proof_report.load(tmp_path / "other.json")
    with pytest.raises(ValueError, match="0 places"):
        proof_report.filled("no marks", None)
