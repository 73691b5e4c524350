"""Where the browser of these tests is: one list of names for them, for ``make browser`` and for ``make pictures``."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

FINDER = Path(__file__).parents[2] / "scripts" / "find-browser.sh"


def chromium(env: Mapping[str, str] | None = None) -> str:
    """The path of a Chromium; empty where there is none. ``env``: another environment than this process's."""
    return subprocess.run([FINDER], env=env, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
