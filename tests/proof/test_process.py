"""What dies with a simulated process, and what is said of it."""

import asyncio
import gc
from typing import Any

import pytest

from crossdock.proof.process import Process, task_factory


async def _fails() -> None:
    raise RuntimeError("failed before the others came back")


@pytest.mark.parametrize("killed", [True, False])
async def test_what_failed_is_not_told_by_a_process_that_was_killed(killed: bool) -> None:
    """Who would have looked at it was killed with it; of one that goes on it is a bug that somebody ought to see."""
    loop, told = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: told.append(context))
    loop.set_task_factory(task_factory)  # type: ignore[arg-type]
    process = Process("w1")

    async def works() -> None:
        waiting = loop.create_future()
        await asyncio.gather(_fails(), asyncio.wait_for(waiting, None), return_exceptions=True)

    process.spawn(works())
    await asyncio.sleep(0.01)
    if killed:
        process.crash()
    process.bury()
    del process
    loop.set_task_factory(None)
    await asyncio.sleep(0)
    gc.collect()
    assert [str(one.get("exception")) for one in told] == ([] if killed else ["failed before the others came back"])
