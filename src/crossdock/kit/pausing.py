"""How a loop rests between two rounds: for a while, and no longer than until it is told to stop."""

import asyncio


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait that long, or until ``stop`` is set, whichever comes first."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
