"""The page that shows what ``crossdock prove --keep`` found."""

import json
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossdock.api.desk import Desk
from crossdock.console.words import spoken
from crossdock.proof.campaign import REASONS
from crossdock.proof.exercised import SUBJECTS
from crossdock.proof.invariants import INVARIANTS, NOT_CHECKED
from crossdock.proof.telling import store
from tests.console import reports
from tests.console.desks import visitor


def _with(desk: Desk, file: Path | None) -> Desk:
    return msgspec.structs.replace(desk, proof=file)


async def _page(desk: Desk, *, unescaped: bool = False) -> str:
    async with visitor(desk, "viewer") as who:
        answer = await who.page("/proof")
        assert answer.status_code == 200, answer.text[:500]
        return unescape(answer.text) if unescaped else answer.text


async def test_a_green_report_names_every_promise_and_what_was_injected(desk: Desk, tmp_path: Path) -> None:
    text = await _page(_with(desk, reports.held(tmp_path / "proof" / "report.json")), unescaped=True)
    for name, (promise, _) in INVARIANTS.items():
        assert name in text
        assert promise in text
    assert text.partition("<main")[2].count(">Holds<") == len(INVARIANTS)
    assert text.count(">Not checked<") == len(NOT_CHECKED)
    for shown in ("100,000", "All promises held", "Answer lost", "Lease taken over", "3.11.7", "33f2992a", "6b1f" * 16):
        assert shown in text
    assert 'role="alert"' not in text.replace('role="alert" hidden', ""), "but the note of a page that is not answered"


async def test_it_says_what_the_promises_had_to_look_at_and_what_they_had_not(desk: Desk, tmp_path: Path) -> None:
    seen = {name: 40 + n for n, name in enumerate(SUBJECTS) if name != "payouts"}
    file = tmp_path / "report.json"
    store(reports.report(exercised=seen, reasons={REASONS[0]: 12_345}), file, None)
    text = await _page(_with(desk, file), unescaped=True)
    for name in seen:
        assert spoken(name) in text
    assert "12,345" in text
    assert 'Not exercised:</strong> <span class="quiet">payouts (I1b, I2, I9)<' in text
    assert "reasons to tell a person" in text


async def test_a_report_of_before_does_not_count_what_was_looked_at(desk: Desk, tmp_path: Path) -> None:
    file = reports.held(tmp_path / "report.json")
    told = json.loads(file.read_bytes())
    for name in ("exercised", "not_exercised", "reasons", "never_told"):
        del told[name]
    file.write_text(json.dumps(told))
    text = await _page(_with(desk, file))
    assert "This report does not count it." in text
    assert "Not exercised" not in text


async def test_a_broken_seed_comes_with_the_command_that_repeats_it(desk: Desk, tmp_path: Path) -> None:
    text = await _page(_with(desk, reports.broken(tmp_path / "report.json")))
    assert "2 violations" in text
    assert "crossdock prove --seed 4711 --seeds 1 --profile torn --store postgres" in text
    assert "Broken once" in text
    assert reports.HOSTILE not in text
    assert "&lt;script&gt;" in text


async def test_a_campaign_that_saw_too_little_is_called_void(desk: Desk, tmp_path: Path) -> None:
    text = await _page(_with(desk, reports.void(tmp_path / "report.json")))
    assert "Void: nothing is proven about 1 thing " in text
    assert "Sigterm" in text
    assert "All promises held" not in text


async def test_a_small_campaign_is_neither_void_nor_all_there_is(desk: Desk, tmp_path: Path) -> None:
    text = await _page(_with(desk, reports.small(tmp_path / "report.json")))
    assert "Too small to be void or green: 2 kinds unseen." in text
    assert "No violation" in text
    assert "All promises held" not in text
    assert "Void" not in text


@pytest.mark.parametrize("somewhere", [False, True])
async def test_without_a_report_the_page_says_how_to_make_one(desk: Desk, tmp_path: Path, somewhere: bool) -> None:
    text = await _page(_with(desk, tmp_path / "report.json" if somewhere else None))
    assert "crossdock prove --keep" in text


async def test_the_api_tells_the_same(desk: Desk, tmp_path: Path) -> None:
    async with visitor(_with(desk, reports.broken(tmp_path / "report.json")), "viewer") as who:
        told: dict[str, Any] = (await who.get("/api/v1/proof")).json()
    assert (told["seeds"], told["violations"], told["store"]) == (100_000, 2, "postgres")
    assert {one["name"]: one["broken"] for one in told["promises"] if one["broken"]} == {"I1b": 1, "I10": 1}
    async with visitor(_with(desk, tmp_path / "nowhere.json"), "operator") as who:
        assert (await who.get("/api/v1/proof")).status_code == 404
    async with visitor(_with(desk, tmp_path / "report.json"), "") as who:
        assert (await who.get("/api/v1/proof")).status_code == 401


async def test_a_file_that_is_no_report_is_named(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"seeds": "many"}')
    async with visitor(_with(desk, tmp_path / "report.json")) as who:
        answer = await who.page("/proof")
    assert answer.status_code == 503
    assert "is no report of crossdock prove" in answer.text
