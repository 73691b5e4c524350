"""How each connection is doing, as all workers share it: pause, breaker, failures."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from crossdock.domain.outcome import Outcome
from crossdock.engine import breaker
from crossdock.engine.contacts import Heard, Noted
from crossdock.engine.world import World
from crossdock.store.protocol import ConnectionRow, StoreUnavailable

REFRESH_S = 1.0


class Health:
    """Reads the shared rows at most once a second and writes what this process learns.

    ``noted`` keeps a connection's last contact or error where people see it.
    """

    def __init__(self, world: World, noted: Noted | None = None) -> None:
        self._world = world
        self._noted = noted
        self._heard = Heard()
        self._rows: dict[str, ConnectionRow] = {}
        self._read = float("-inf")
        self._writing: set[asyncio.Task[None]] = set()

    async def refresh(self) -> None:
        """Read what the other workers learnt."""
        if self._world.stopwatch() - self._read >= REFRESH_S and not self._writing:
            self._rows = await self._world.store.connections()
            self._read = self._world.stopwatch()
            self._share_contacts()

    def row(self, name: str) -> ConnectionRow | None:
        return self._rows.get(name)

    def note(self, name: str, outcome: Outcome) -> None:
        """One call's outcome: feeds the breaker and the contacts."""
        self._heard.note(name, outcome)
        row = self._rows.get(name)
        if row is None:
            return
        works = breaker.healthy(outcome, getattr(outcome, "code", ""))
        trip = breaker.after_success(row) if works else breaker.after_failure(row)
        if trip is None:
            return
        self._rows[name] = msgspec.structs.replace(row, failures=trip.failures, breaker=trip.breaker)
        if trip.breaker != row.breaker:
            self._world.signals.log.warning("breaker.changed", connection=name, state=trip.breaker)
        shared = partial(self._world.store.trip, name, failures=trip.failures, breaker=trip.breaker, for_s=trip.for_s)
        self._share(shared, name)

    def pause(self, name: str, reason: str) -> None:
        """The connection itself is wrong (credentials, permissions): stop it everywhere until a person resumes it."""
        row = self._rows.get(name)
        if row is not None:
            self._rows[name] = msgspec.structs.replace(row, paused=True, paused_reason=reason)
        self._world.signals.log.error("connection.paused", connection=name, reason=reason)
        self._share(partial(self._world.store.pause, name, reason), name)

    def _share_contacts(self) -> None:
        taken = self._heard.take()
        if self._noted is not None:
            for name, error in taken:
                self._share(partial(self._noted, name, error), name)

    def _share(self, write: Callable[[], Awaitable[None]], name: str) -> None:
        task = asyncio.create_task(self._written(write, name))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _written(self, write: Callable[[], Awaitable[None]], name: str) -> None:
        try:
            await write()
        except StoreUnavailable as error:
            # the other workers learn it from their own calls; the next refresh may undo it here
            self._world.signals.log.warning("store.unavailable", doing=f"share health of {name}", error=str(error))

    async def settled(self) -> None:
        """Share what is left and wait until everything is."""
        self._share_contacts()
        if self._writing:
            await asyncio.wait(self._writing)
