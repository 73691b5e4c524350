"""The parent keeps its children alive, also where the machine will not start a process just now."""

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Sequence

from crossdock.supervise import Child, ChildSpec
from tests.process.house import DEADLINE_S


class Reluctant(Child):
    """The first start finds no memory for another process."""

    starts = 0

    async def _start(self, lifeline: int, held: Sequence[int]) -> asyncio.subprocess.Process:
        self.starts += 1
        if self.starts == 1:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        return await asyncio.create_subprocess_exec(sys.executable, "-c", "")


async def test_a_child_that_could_not_be_started_is_started_later() -> None:
    said: list[str] = []
    child, stop = Reluctant(ChildSpec("deliver", 0, "", ""), said.append), asyncio.Event()
    keeping = asyncio.create_task(child.keep(stop, 0, ()))
    async with asyncio.timeout(DEADLINE_S):
        while child.starts < 2 and not keeping.done():
            await asyncio.sleep(0.01)
    stop.set()
    await keeping
    assert child.starts >= 2
    assert "Cannot allocate memory" in said[0]


class StartedTooLate(Child):
    """Everybody is told to stop while it is being started."""

    def __init__(self, stop: asyncio.Event) -> None:
        super().__init__(ChildSpec("deliver", 0, "", ""), print)
        self._stop = stop

    async def _start(self, lifeline: int, held: Sequence[int]) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
        self._stop.set()
        self.signal(signal.SIGTERM)  # as the supervisor does
        return process


async def test_a_child_that_was_being_started_when_all_were_told_to_stop_is_told_too() -> None:
    stop = asyncio.Event()
    child = StartedTooLate(stop)
    keeping = asyncio.create_task(child.keep(stop, 0, ()))
    _, late = await asyncio.wait([keeping], timeout=DEADLINE_S)
    child.signal(signal.SIGKILL)
    await keeping
    assert not late
