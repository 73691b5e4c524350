"""What is installed is what was locked: every dependency, with hashes, from whatever index the installer uses."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def asked(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[; ]", each)[0].lower() for each in requirements}


@pytest.mark.parametrize("lock", ["runtime", "dev"])
def test_every_dependency_is_locked_with_hashes_and_no_index_is_named(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text("utf-8")
    pins = dict(re.findall(r"^([a-z0-9._-]+)==(.*)", text, re.MULTILINE))
    wanted = asked(PROJECT["dependencies"])
    if lock == "dev":
        wanted |= asked(PROJECT["optional-dependencies"]["dev"])
    assert wanted <= {name.replace("_", "-") for name in pins}
    assert not re.search(r"--(extra-)?index-url|--find-links|https?://", text)
    for pin in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in pin, pin
    assert "sys_platform" not in pins["tzdata"], "slim systems have no time zones of their own"
