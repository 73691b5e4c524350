"""Links lead somewhere, commands exist, words are the code's."""

import re
from pathlib import Path

import pytest
import typer
from scripts import reference
from scripts.reference_pages import interfaces

from crossdock.cli.program import build
from crossdock.observe.catalogue import METRICS
from crossdock.store.migrate import shipped

ROOT = reference.ROOT
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
TEMPLATES = sorted((ROOT / "src/crossdock/console/templates").glob("*.html"))
BLOCK = re.compile(r"^ *```[a-z]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"^\s*(?:\$ )?(?:sudo -u \S+ )?crossdock ([a-z-]+)(?: ([a-z-]+))?", re.MULTILINE)
INLINE = re.compile(r"`crossdock ([a-z-]+)(?: ([a-z-]+))?")
SHOWN = re.compile(r"crossdock ([a-z-]+)(?: ([a-z-]+))?[^<]*</code>")
GROUPS = ("user", "partner-key")
# Words of the glossary that are tables, plural there.
TABLE_WORDS = {
    "agenda": "agenda", "attempt": "attempts", "command": "commands", "connection": "connections",
    "dispatch": "dispatch", "exception": "exceptions", "journal": "journal", "masters": "masters",
    "message": "messages", "parked": "parked", "reference": "references", "stream": "streams",
}  # fmt: skip


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def commands() -> set[str]:
    program = typer.main.get_command(build())
    names = {name.removeprefix("crossdock ") for name, _ in interfaces.commands(program)}
    return names | {name.split()[0] for name in names}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_resolve(page: Path) -> None:
    broken = []
    for found in LINK.finditer(FENCED.sub("", page.read_text("utf-8"))):
        target = found[1] or found[2]
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        there = (page.parent / place) if place else page
        if not there.exists() or (anchor and anchor not in anchors(there.read_text("utf-8"))):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_exist(page: Path, commands: set[str]) -> None:
    text = page.read_text("utf-8")
    calls = [call for block in BLOCK.findall(text) for call in CALL.findall(block)] + INLINE.findall(text)
    assert not _unknown(calls, commands)


@pytest.mark.parametrize("page", TEMPLATES, ids=lambda page: page.name)
def test_commands_that_the_console_names_exist(page: Path, commands: set[str]) -> None:
    assert not _unknown(SHOWN.findall(page.read_text("utf-8")), commands)


def _unknown(calls: list[tuple[str, str]], commands: set[str]) -> set[str]:
    unknown = {first for first, _ in calls if first not in commands}
    pairs = {f"{first} {second}" for first, second in calls if first in GROUPS and second}
    return unknown | (pairs - commands)


def test_every_page_is_reached_from_the_index() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop().resolve()
        if page in reached:
            continue
        reached.add(page)
        links = [found[1] for found in LINK.finditer(page.read_text("utf-8")) if found[1]]
        ahead += [page.parent / link.partition("#")[0] for link in links if link.partition("#")[0].endswith(".md")
                  and not re.match(r"[a-z]+:", link)]  # fmt: skip
    missing = [named(page) for page in PAGES if page.resolve() not in reached and page.parent != ROOT]
    assert not missing


def test_every_decision_is_listed_and_short() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text("utf-8")
    for page in folder.glob("[0-9]*.md"):
        assert f"({page.name})" in index
        assert len(page.read_text("utf-8").splitlines()) <= 40, page.name


def test_words_that_name_tables_are_tables() -> None:
    words = set(re.findall(r"^\| ([a-z ]+) \|", (ROOT / "docs/reference/glossary.md").read_text("utf-8"), re.MULTILINE))
    tables = {name.strip('"') for step in shipped() for name in re.findall(r"create table (\S+) \(", step.sql)}
    assert words >= TABLE_WORDS.keys()
    assert tables >= set(TABLE_WORDS.values())


def test_code_that_pages_name_exists() -> None:
    """``engine/courier.py`` in a text means ``src/crossdock/engine/courier.py``."""
    missing = set()
    for page in PAGES:
        for name in re.findall(r"`([a-z_]+/[a-z_/]+\.(?:py|sql))`", page.read_text("utf-8")):
            places = (ROOT / "src" / "crossdock" / name, ROOT / name)
            if not any(place.exists() for place in places):
                missing.add(f"{named(page)}: {name}")
    assert not missing


def test_metrics_that_pages_name_are_exposed() -> None:
    exposed = {name for metric in METRICS.values() for name in metric.series}
    text = (ROOT / "docs" / "howto" / "watch-it.md").read_text("utf-8")
    named_there = set(re.findall(r"\bcrossdock_[a-z_]+", text))
    assert len(named_there) >= 10
    assert named_there <= exposed
