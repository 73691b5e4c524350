"""What pages say of the code, where no page is made from it: purposes, decisions, routes, alerts."""

import re
import typing
from collections import Counter

import pytest
from scripts import reference
from scripts.reference_pages import interfaces

from crossdock import app
from crossdock.api.policy import POLICY
from crossdock.domain.commands import Payload
from crossdock.store.invariants import INVARIANTS

ROOT = reference.ROOT
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
GLOSSARY = (ROOT / "docs/reference/glossary.md").read_text("utf-8")
WORDS = re.findall(r"^\| ([a-z ]+) \| (.*) \|$", GLOSSARY, re.MULTILINE)


def test_each_word_is_explained_once_and_found_by_the_alphabet() -> None:
    words = [word for word, _ in WORDS if word != "word"]
    assert [word for word, times in Counter(words).items() if times > 1] == []
    assert words == sorted(words)


def test_the_glossary_names_every_purpose() -> None:
    purposes = {kind.purpose for kind in typing.get_args(Payload) if kind.purpose != "read_back"}
    said = dict(WORDS)["purpose"]
    assert set(re.findall(r"`([a-z]+\.[a-z]+)`", said)) == purposes


def test_decisions_that_pages_name_exist() -> None:
    known = {page.name[:4] for page in (ROOT / "docs/adr").glob("[0-9]*.md")}
    places = [*PAGES, *(ROOT / "src").rglob("*.md"), *(ROOT / "src").rglob("*.py")]
    named = {
        (str(page.relative_to(ROOT)), number)
        for page in places
        for number in re.findall(r"(?:decisions?|ADRs?) (\d{4})\b", page.read_text("utf-8"))
    }
    assert {one for one in named if one[1] not in known} == set()


def test_the_page_of_the_api_lists_every_route_of_it() -> None:
    wanted = {route for route in POLICY if route.partition(" ")[2].startswith("/api/v1/")}
    wanted -= {"GET /api/v1/openapi.json", "GET /api/v1/{path}"}  # told in the page's introduction; the framework's own
    listed = set(re.findall(r"^\| `([A-Z]+ [^`]+)`", interfaces.api(), re.MULTILINE))
    assert wanted - listed == set()


def test_the_alert_for_polls_waits_for_the_slowest_that_it_means() -> None:
    shipped = (ROOT / "ops/alerts.yml").read_text("utf-8")
    rules = re.findall(r'crossdock_poll_last_success_seconds\{poll(=~|!~)"([^"]+)"\}\)\s+> (\d+)', shipped)
    every = [(poll, one.every_s) for poll, one in polls()]
    seen = set()
    for how, pattern, limit in rules:
        meant = [(n, s) for n, s in every if bool(re.fullmatch(pattern, n)) == (how == "=~")]
        assert meant, pattern
        assert all(every_s * 2 <= int(limit) for _, every_s in meant), (pattern, meant)
        seen |= {name for name, _ in meant}
    assert {name for name, _ in every} == seen


def test_the_page_of_what_to_watch_lists_every_invariant() -> None:
    page = (ROOT / "docs/howto/watch-it.md").read_text("utf-8")
    section = page.partition("\n## Invariants\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \| (.*) \| (\w+) \|$", section, re.MULTILINE)
    assert listed == [(one.name, one.must, one.of) for one in INVARIANTS]


def polls() -> list[tuple[str, typing.Any]]:
    return [(name, poll) for system in app.SYSTEMS for name, poll in app.connector(system).polls.items()]


@pytest.mark.parametrize("role", ["intake", "decide", "deliver", "schedule", "console", "partner"])
def test_every_role_is_in_the_table_of_roles(role: str) -> None:
    assert f"| `{role}` |" in (ROOT / "docs/howto/scale-out.md").read_text("utf-8")


def test_the_command_names_every_measurement() -> None:
    from benchmarks.run import FULL

    said = interfaces.cli().partition("\n## crossdock bench\n")[2].partition("\n## ")[0]
    assert ", ".join(FULL) in said
    assert "--quick" in said
