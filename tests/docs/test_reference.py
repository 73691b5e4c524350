"""The generated pages say what the code says."""

from pathlib import Path

import pytest
import typer
from scripts import reference
from scripts.reference_pages import interfaces, markdown

from crossdock.cli.program import build
from crossdock.domain.problems import CATALOGUE, FAILURES

DOCS = reference.ROOT / "docs"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return reference.pages()


def test_generated_pages_are_current() -> None:
    assert reference.stale(DOCS) == [], "run: make docs"


def test_a_changed_page_is_noticed(tmp_path: Path, made: dict[str, str]) -> None:
    for name, text in made.items():
        page = tmp_path / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, "utf-8")
    assert reference.stale(tmp_path) == []
    page.write_text(text + "\nsomething else\n", "utf-8")
    (tmp_path / "reference/cli.md").unlink()
    assert sorted(reference.stale(tmp_path)) == sorted(["reference/cli.md", name])


def test_every_command_and_option_is_described(made: dict[str, str]) -> None:
    program = typer.main.get_command(build())
    commands = interfaces.commands(program)
    assert len(commands) >= 20
    text = made["reference/cli.md"]
    for name, command in commands:
        assert f"\n## {name}\n" in text
        for param in command.params:  # type: ignore[attr-defined]
            assert param.help, f"{name} {param.name} has no help"


def test_every_problem_has_its_line(made: dict[str, str]) -> None:
    text = made["reference/problems.md"]
    for code, kind in CATALOGUE.items():
        assert f"| `{code}` | {kind.klass} | {kind.owner} | {kind.hint} |" in text
    for name in FAILURES:
        assert f"`<purpose>.{name}`" in text


def test_every_setting_has_its_line(made: dict[str, str]) -> None:
    from crossdock.app import Manifests

    text = made["reference/configuration.md"]
    for manifest in Manifests().values():
        section = text.partition(f"(`system: {manifest.system}`)")[2].partition("\n## ")[0]
        for setting in manifest.settings:
            assert f"| `{setting.name}`" in section


def test_a_table_survives_what_its_cells_hold() -> None:
    text = markdown.table(("a", "b"), [("x | y", "two\nlines"), (None, 0)])
    assert text.splitlines()[2:] == ["| x \\| y | two lines |", "|  | 0 |"]
