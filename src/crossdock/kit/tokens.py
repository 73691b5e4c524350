"""Access tokens of one process: refreshed once however many calls wait, and a little before they end."""

import asyncio
from collections.abc import Awaitable, Callable

EARLY_S = 60.0
EARLY_SHARE = 0.1  # of the token's life, for short-lived ones

Refresh = Callable[[], Awaitable[tuple[str, float]]]


class InProcessTokens:
    """``kit.http.TokenStore`` for the calls of one event loop. ``stopwatch`` is monotonic, in seconds; ``told`` hears
    how each refresh ended: done, failed.

    All who ask while a refresh runs wait for that one and share its result, its failure too. A caller that is
    cancelled does not take the refresh with it.
    """

    def __init__(self, stopwatch: Callable[[], float], told: Callable[[str], None] = lambda _result: None) -> None:
        self._stopwatch, self._told = stopwatch, told
        self._tokens: dict[str, tuple[str, float]] = {}
        self._refreshing: dict[str, asyncio.Task[str]] = {}

    async def get(self, name: str, refresh: Refresh) -> str:
        """The token called ``name``; awaits ``refresh() -> (token, seconds it lives)`` if needed, raises as it does."""
        token, ends = self._tokens.get(name, ("", 0.0))
        if token and self._stopwatch() < ends:
            return token
        task = self._refreshing.get(name)
        if task is None:
            task = asyncio.ensure_future(self._refresh(name, refresh))
            self._refreshing[name] = task
            task.add_done_callback(lambda done: self._refreshed(name, done))
        return await asyncio.shield(task)

    def forget(self, name: str) -> None:
        """The vendor refused it: the next ``get`` refreshes."""
        self._tokens.pop(name, None)

    async def _refresh(self, name: str, refresh: Refresh) -> str:
        started = self._stopwatch()  # before the call, so that the token seems older, never younger
        try:
            token, lives_s = await refresh()
        except Exception:
            self._told("failed")
            raise
        self._told("done")
        self._tokens[name] = (token, started + lives_s - min(EARLY_S, lives_s * EARLY_SHARE))
        return token

    def _refreshed(self, name: str, task: asyncio.Task[str]) -> None:
        del self._refreshing[name]
        if not task.cancelled():
            task.exception()  # told to those who wait; with nobody left it would be logged as never retrieved
