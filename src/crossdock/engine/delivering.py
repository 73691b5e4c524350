"""The deliver role: one courier per connection claims and sends commands; their outcomes are recorded in groups."""

import asyncio

from crossdock.engine.contacts import Noted
from crossdock.engine.courier import Courier
from crossdock.engine.health import Health
from crossdock.engine.recording import Recorder
from crossdock.engine.wakeups import Wake
from crossdock.engine.world import World
from crossdock.store.protocol import StoreUnavailable


class DeliverLoop:
    """Delivers until told to stop, then lets what is in flight come home and be recorded.

    ``noted`` keeps a connection's last contact or error where people see it; called about once a second.
    """

    def __init__(self, world: World, *, targets: tuple[str, ...] | None = None, noted: Noted | None = None) -> None:
        self._world = world
        self._recorder = Recorder(world)
        self._health = Health(world, noted)
        self._wake = Wake(world.store, "deliver")
        self._couriers = [
            Courier(world, link, self._recorder, self._health, self._wake.nudge)
            for name, link in world.links.items()
            if link.connector.operations and (targets is None or name in targets)
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set; returns when nothing is in flight and everything is recorded."""
        recording = asyncio.create_task(self._recorder.run())
        try:
            async with self._wake.attend(stop):
                while not stop.is_set():
                    if not await self.round():
                        await self._wake.wait()
            await self._finish()
        finally:
            recording.cancel()
            await asyncio.gather(recording, return_exceptions=True)

    async def round(self) -> bool:
        """Let every courier claim what it can send now. True: something was claimed, and more may be due."""
        try:
            await self._health.refresh()
            # Side by side: a live order does not wait for other connections' claims. All come back before any error
            # is looked at, so that no courier is ever claiming twice at once.
            claims = await asyncio.gather(*(courier.claim() for courier in self._couriers), return_exceptions=True)
            failed = next((claim for claim in claims if isinstance(claim, BaseException)), None)
            if failed is not None:
                raise failed
        except StoreUnavailable as error:
            self._world.signals.log.warning("store.unavailable", doing="deliver", error=str(error))
            await asyncio.sleep(0.2)
            return False
        return any(claimed and courier.full for claimed, courier in zip(claims, self._couriers, strict=True))

    async def _finish(self) -> None:
        await asyncio.gather(*(courier.come_home() for courier in self._couriers))
        await self._recorder.drained()
        await self._health.settled()
