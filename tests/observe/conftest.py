"""A collector for whoever sends to one."""

from collections.abc import Iterator

import pytest

from tests.observe.collector import Collector, running


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running() as made:
        yield made
