"""Waiting for work: a wake-up that may get lost, and a poll that makes losing it harmless."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from crossdock.store.protocol import Store, StoreUnavailable

POLL_S = 1.0


class Wake:
    """Listens on one channel. ``wait`` returns at a wake-up, at ``nudge``, or after the poll interval."""

    def __init__(self, store: Store, channel: str, poll_s: float = POLL_S) -> None:
        self._store = store
        self._channel = channel
        self._poll_s = poll_s
        self._event = asyncio.Event()
        self._unlisten: Callable[[], Awaitable[None]] | None = None
        self._stopping: asyncio.Task[bool] | None = None

    def attend(self, stop: asyncio.Event) -> "Wake":
        """Wake up at once when the loop is told to stop."""
        self._stopping = asyncio.create_task(stop.wait())
        self._stopping.add_done_callback(lambda _: self._event.set())
        return self

    async def __aenter__(self) -> "Wake":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stopping is not None:
            self._stopping.cancel()
        if self._unlisten is not None:
            await self._unlisten()

    def nudge(self) -> None:
        """There is work, this process itself says so."""
        self._event.set()

    async def wait(self, at_most_s: float | None = None) -> None:
        """Sleep until there may be work. Listens again by itself after the store was away."""
        await self._listen()
        try:
            async with asyncio.timeout(self._poll_s if at_most_s is None else min(at_most_s, self._poll_s)):
                await self._event.wait()
        except TimeoutError:
            return
        finally:
            self._event.clear()

    async def _listen(self) -> None:
        if self._unlisten is None:
            try:
                self._unlisten = await self._store.listen(self._channel, self._event.set)
            except StoreUnavailable:
                return  # the poll carries on; the next wait tries again
