"""Whatever ``make browser`` takes for a Chromium the browser tests take too."""

import subprocess
from pathlib import Path

import pytest

from tests.console.chromium import FINDER, chromium


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_each_name_is_found_and_nothing_is_installed_then(tmp_path: Path, name: str) -> None:
    found = tmp_path / name
    found.write_text("#!/bin/sh\n")
    found.chmod(0o755)
    env = {"PATH": str(tmp_path)}
    assert chromium(env) == str(found)
    done = subprocess.run(
        [FINDER.with_name("install-browser.sh")], env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_named_one_counts_and_none_is_none(tmp_path: Path) -> None:
    assert chromium({"PATH": str(tmp_path), "CROSSDOCK_CHROMIUM": "/opt/chrome"}) == "/opt/chrome"
    assert chromium({"PATH": str(tmp_path)}) == ""


def test_make_asks_nobody_else() -> None:
    text = (FINDER.parents[1] / "Makefile").read_text("utf-8")
    assert "scripts/install-browser.sh" in text
    assert "command -v chromium" not in text
