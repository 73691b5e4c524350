"""What goes for every test, the connectors' own included: how hypothesis behaves, and which tests begin first.

``steady`` (the default)  the same examples on every machine and every run: a red test is red for everybody
``explore``               others every time; ``pytest --hypothesis-profile=explore`` prints what repeats a failure
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import configuration, settings

settings.register_profile("steady", derandomize=True, database=None, deadline=None, print_blob=True)
settings.register_profile("explore", derandomize=False, database=None, deadline=None, print_blob=True)
settings.load_profile("steady")
# What hypothesis keeps for its own speed stays out of the working tree.
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / f"crossdock-hypothesis-{os.getuid()}")

LONG_S = 600.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that may take many minutes begin first: begun last, one process works on them and the others stand idle."""
    items.sort(key=lambda item: -_may_take(item))


def _may_take(item: pytest.Item) -> float:
    """Seconds, of tests that may take long; the others keep their order."""
    mark = item.get_closest_marker("timeout")
    allowed = float(mark.args[0]) if mark and mark.args else 0.0
    return allowed if allowed >= LONG_S else 0.0
