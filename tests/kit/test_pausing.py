"""A pause ends with its time, or at once when the loop is told to stop."""

import asyncio

from crossdock.kit.pausing import pause


async def test_it_lasts_as_long_as_it_is_told() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await pause(asyncio.Event(), 0.02)
    assert loop.time() - began >= 0.02


async def test_being_told_to_stop_ends_it() -> None:
    stop = asyncio.Event()
    resting = asyncio.ensure_future(pause(stop, 3600))
    await asyncio.sleep(0)
    stop.set()
    async with asyncio.timeout(5):
        await resting


async def test_nobody_rests_who_was_told_already() -> None:
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(5):
        await pause(stop, 3600)
