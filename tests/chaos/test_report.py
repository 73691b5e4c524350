"""The kept report: its page is made from it, and says VOID and BROKEN as loudly as HELD."""

import json

import msgspec
import pytest
from chaos.judge import Judgement
from chaos.rounds import Campaign, RoundReport
from chaos.watching import Measured, Settled

from chaos import report

FINE = Campaign(
    7,
    [RoundReport(1, ["kill-deliver x 1"], Settled(True, 4.0, 2.5), Judgement(5, 5, 5, [], [], [], {}), 9.0)],
    {"kill-deliver": 1},
    {"erp": {}},
    [Measured("kill-deliver", "deliver-0 of one", 3.0)],
    [],
    0,
    [],
    [],
    9.0,
)


def test_the_page_is_made_from_what_was_kept() -> None:
    kept = json.loads(report.KEPT.read_text("utf-8"))
    assert report.page(kept) == report.PAGE.read_text("utf-8")


def test_a_campaign_that_held() -> None:
    said = report.told(FINE)
    assert (said["verdict"], said["lost"], said["doubled"], said["with_a_person"]) == ("HELD", 0, 0, {})
    assert said["recovery_s"] == {"n": 1, "median": 3.0, "max": 3.0}
    assert said["resume_s"] == {"n": 0}


def test_what_was_measured_while_lines_were_broken_is_told_apart() -> None:
    slow = Measured("kill-deliver", "deliver-0 of one", 31.0, troubled=True)
    said = report.told(msgspec.structs.replace(FINE, recoveries=[*FINE.recoveries, slow]))
    assert (said["verdict"], said["recovery_s"]["n"]) == ("HELD", 1)
    assert said["recovery_with_broken_lines_s"] == {"n": 1, "median": 31.0, "max": 31.0}


@pytest.mark.parametrize(
    ("change", "verdict", "bar"),
    [
        ({"never": ["net-eat"]}, "VOID", None),
        ({"recoveries": [Measured("kill-deliver", "deliver-0 of one", 30.0)]}, "BROKEN", "30.0 s (bar 30 s)"),
        ({"resumes": [Measured("kill-postmaster", "work resumed", 10.0)]}, "BROKEN", "10.0 s (bar 10 s)"),
        (
            {"recoveries": [Measured("kill-deliver", "deliver-0 of one", 90.04, troubled=True)]},
            "BROKEN",
            "90.0 s (bar 90 s)",
        ),
        (
            {"resumes": [Measured("kill-backend", "work resumed", 90.0, troubled=True)]},
            "BROKEN",
            "90.0 s (bar 90 s)",
        ),
        (
            {"rounds": [("settled", Settled(True, 40.0, 35.5, "order 3, 0"))]},
            "BROKEN",
            "order 3, 0 stood still for 35.5",
        ),
        ({"rounds": [("settled", Settled(False, 180.0, 1.0, "", "1 under way"))]}, "BROKEN", "1 under way"),
        ({"rounds": [("judgement", Judgement(5, 5, 4, ["shop-1"], [], [], {}))]}, "BROKEN", "lost: shop-1"),
        ({"rounds": [("judgement", Judgement(5, 5, 4, [], ["shop-1: 2"], [], {}))]}, "BROKEN", "doubled: shop-1: 2"),
        ({"rounds": [("judgement", Judgement(5, 5, 4, [], [], ["a cent"], {}))]}, "BROKEN", "wrong: a cent"),
        ({"rounds": [("judgement", Judgement(5, 5, 0, [], [], [], {"gave up": 5}))]}, "BROKEN", "5 x gave up"),
        (
            {"never": ["net-eat"], "resumes": [Measured("kill-postmaster", "work resumed", 10.0)]},
            "BROKEN",
            "10.0 s (bar 10 s)",
        ),
    ],
)
def test_what_does_not_hold_is_said(change: dict[str, list[object]], verdict: str, bar: str | None) -> None:
    if "rounds" in change:
        ((name, value),) = change["rounds"]  # type: ignore[misc]
        change = {"rounds": [msgspec.structs.replace(FINE.rounds[0], **{name: value})]}
    said = report.told(msgspec.structs.replace(FINE, **change))
    assert said["verdict"] == verdict
    assert [bar] == [bar for found in said["broken_bars"] if bar in found] if bar else said["broken_bars"] == []
