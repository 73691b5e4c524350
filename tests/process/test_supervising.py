"""The parent keeps its children alive, also where the machine will not start a process just now."""

import asyncio
import errno
import os
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
