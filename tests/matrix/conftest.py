"""A house on the database of the test; see ``tests/process/house.py``."""

from functools import partial
from pathlib import Path

import pytest

from tests.process import house as houses
from tests.process.conftest import MakeHouse


@pytest.fixture
def make_house(tmp_path: Path, database_url: str) -> MakeHouse:
    return partial(houses.house, tmp_path, database_url)
