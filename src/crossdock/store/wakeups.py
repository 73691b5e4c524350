"""LISTEN on a connection of its own that comes back when it is lost. Wake-ups are hints; callers also poll."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from crossdock.store.pool import listening_connection
from crossdock.store.protocol import StoreUnavailable

_AGAIN_S = 1.0


class Wakeups:
    """One listening connection for all channels of a process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._heard: dict[str, list[Callable[[], None]]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def listen(self, channel: str, on_wake: Callable[[], None]) -> Callable[[], Awaitable[None]]:
        """Returns at once; ``on_wake`` is also called when listening begins, for what was sent before."""
        self._heard.setdefault(channel, []).append(on_wake)
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="wake-ups")

        async def forget() -> None:
            self._heard[channel].remove(on_wake)

        return forget

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(StoreUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._serve()
            await asyncio.sleep(_AGAIN_S)

    async def _serve(self) -> None:
        """Listen until the connection is lost."""
        connection = await listening_connection(self._url)
        connection.add_termination_listener(lambda _connection: self._changed.set())
        listening: set[str] = set()
        try:
            while not connection.is_closed():
                self._changed.clear()
                for channel in self._heard.keys() - listening:
                    await connection.add_listener(channel, self._notified)
                    listening.add(channel)
                    # Whatever was sent before this moment was not heard.
                    self._notified(None, 0, channel, "")
                await self._changed.wait()
        finally:
            connection.terminate()

    def _notified(self, _connection: Any, _pid: int, channel: str, _payload: Any) -> None:
        for on_wake in self._heard.get(channel, ()):
            on_wake()
