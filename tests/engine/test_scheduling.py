"""Timers are moved whatever becomes of the housekeeping."""

import msgspec
import pytest

from crossdock.engine.scheduling import TEND_EVERY_S, ScheduleLoop
from crossdock.kit.manifest import Repeat
from crossdock.store.protocol import StoreUnavailable
from tests.engine.toy import ToySystem, connector, world


class Bloated:
    """A store whose vacuum takes longer than it may, or whose housekeeping fails otherwise."""

    def __init__(self, error: Exception) -> None:
        self.clock = 0.0
        self.moved = 0
        self.error = error

    async def tend(self) -> dict[str, float]:
        self.clock += 4 * TEND_EVERY_S
        raise self.error

    async def move_timers(self, limit: int) -> int:
        self.moved += 1
        return 0


def loop_over(store: Bloated) -> ScheduleLoop:
    there = msgspec.structs.replace(
        world(store, connector(ToySystem(), Repeat.UNIQUE)),  # type: ignore[arg-type]
        stopwatch=lambda: store.clock,
    )
    return ScheduleLoop(there)


async def test_timers_are_moved_between_vacuums_that_never_come_to_an_end() -> None:
    store = Bloated(StoreUnavailable("could not keep house: TimeoutError"))
    loop = loop_over(store)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await loop.round()
        await loop.round()
        store.clock += TEND_EVERY_S
    assert store.moved == 2


async def test_timers_are_moved_though_housekeeping_has_a_fault_of_ours() -> None:
    """What it raises would end the process, and with it polls and reconciliation, again and again."""
    store = Bloated(RuntimeError("partition messages_2027_03 would overlap partition messages_2027_02"))
    await loop_over(store).round()
    assert store.moved == 1
