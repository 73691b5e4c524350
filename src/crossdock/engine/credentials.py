"""The schedule role looks hourly at what of the connections ends, so that people hear before it does: credentials, and
the vendors' API versions."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from crossdock.engine.world import Linked, World
from crossdock.kit.manifest import ENDS_SOON_DAYS
from crossdock.kit.pausing import pause
from crossdock.kit.sunset import ending, sunset_at
from crossdock.store.protocol import StoreUnavailable

EVERY_S = 3600.0

Noted = Callable[[str, Mapping[str, datetime]], Awaitable[None]]  # connection, credential -> its end


class CredentialLoop:
    """A ``Loop``. ``noted`` keeps the ends where people see them; an unreadable credential is logged, not kept."""

    def __init__(self, world: World, noted: Noted) -> None:
        self._world, self._noted = world, noted

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.round()
            except StoreUnavailable as error:
                self._world.signals.log.warning("store.unavailable", doing="note credentials", error=str(error))
            await pause(stop, EVERY_S)

    async def round(self) -> None:
        """Look at every connection once. Raises ``StoreUnavailable``."""
        for link in self._world.links.values():
            self._version(link)
            if link.connector.ends is not None:
                await self._look(link, link.connector.ends)

    def _version(self, link: Linked) -> None:
        manifest, signals = link.connector.manifest, self._world.signals
        at = sunset_at(manifest)
        if at is None:
            return
        signals.set("crossdock.api.sunset", at.timestamp(), target=link.name)
        if ending(manifest, link.line.now()) is not None:
            version, ends = manifest.api_version, manifest.sunset
            signals.log.warning("api.ending", connection=link.name, version=version, ends=ends)

    async def _look(self, link: Linked, ends_of: Callable[..., Mapping[str, datetime]]) -> None:
        log = self._world.signals.log
        try:
            ends = ends_of(link.line)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a credential must not end timers and polls
            log.warning("credential.unreadable", connection=link.name, error=error)
            return
        for name, at in ends.items():
            left = at - link.line.now()
            if left.days < ENDS_SOON_DAYS:
                log.warning("credential.ending", connection=link.name, credential=name, ends=at.isoformat())
        await self._noted(link.name, ends)
