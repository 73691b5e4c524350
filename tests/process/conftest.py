"""``make_house`` gives a house with a database of its own rows; see ``house.py``."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.process import house as houses
from tests.process.house import Engine, House

MakeHouse = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture
def make_house(tmp_path: Path, database_url: str) -> MakeHouse:
    return partial(houses.house, tmp_path, database_url)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


@pytest.fixture
def running(make_house: MakeHouse, stack: AsyncExitStack) -> Callable[..., Any]:
    """A house with an engine in it, until the test ends."""

    async def start(**settings: Any) -> tuple[House, Engine]:
        house = await stack.enter_async_context(make_house(**settings))
        return house, await stack.enter_async_context(house.running())

    return start
