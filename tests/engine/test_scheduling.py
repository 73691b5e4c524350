"""Timers are moved whatever becomes of the housekeeping."""

import msgspec
import pytest

from crossdock.engine.scheduling import TEND_EVERY_S, ScheduleLoop
from crossdock.kit.manifest import Repeat
from crossdock.observe.signals import Silence
from crossdock.store.protocol import StoreUnavailable
from tests.engine.toy import ToySystem, connector, world


class Bloated:
    """A store whose vacuum takes longer than it may, or whose housekeeping fails otherwise."""

    def __init__(self, error: Exception | None) -> None:
        self.clock = 0.0
        self.moved = 0
        self.error = error

    async def tend(self) -> dict[str, float]:
        self.clock += 4 * TEND_EVERY_S
        if self.error is not None:
            raise self.error
        return {}

    async def move_timers(self, limit: int) -> int:
        self.moved += 1
        return 0


class Said(Silence):
    """Keeps the names of warnings."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self.log = self
        self.warning = lambda event, **_: said.append(event)
        self.error = self.warning


def loop_over(store: Bloated, said: list[str] | None = None) -> ScheduleLoop:
    there = msgspec.structs.replace(
        world(store, connector(ToySystem(), Repeat.UNIQUE)),  # type: ignore[arg-type]
        stopwatch=lambda: store.clock,
        signals=Said([] if said is None else said),
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
    said: list[str] = []
    store = Bloated(RuntimeError("partition messages_2027_03 would overlap partition messages_2027_02"))
    await loop_over(store, said).round()
    assert (store.moved, said) == (1, ["store.untended"])


async def test_what_nobody_can_see_is_said_once() -> None:
    said: list[str] = []
    store = Bloated(None)
    loop = loop_over(store, said)
    for _ in range(3):
        await loop.round()
        store.clock += TEND_EVERY_S
    assert said == ["store.sessions_unseen"]
