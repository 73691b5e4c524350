"""Timers are moved whatever becomes of the housekeeping."""

import msgspec
import pytest

from crossdock.engine.scheduling import TEND_EVERY_S, ScheduleLoop
from crossdock.kit.manifest import Repeat
from crossdock.store.protocol import StoreUnavailable
from tests.engine.toy import ToySystem, connector, world


class Bloated:
    """A store whose vacuum takes longer than it may."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.moved = 0

    async def tend(self) -> dict[str, float]:
        self.clock += 4 * TEND_EVERY_S
        raise StoreUnavailable("could not keep house: TimeoutError")

    async def move_timers(self, limit: int) -> int:
        self.moved += 1
        return 0


async def test_timers_are_moved_between_vacuums_that_never_come_to_an_end() -> None:
    store = Bloated()
    there = msgspec.structs.replace(
        world(store, connector(ToySystem(), Repeat.UNIQUE)),  # type: ignore[arg-type]
        stopwatch=lambda: store.clock,
    )
    loop = ScheduleLoop(there)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await loop.round()
        await loop.round()
        store.clock += TEND_EVERY_S
    assert store.moved == 2
