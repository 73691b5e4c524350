"""Recording outcomes in groups: while one group commits, the next gathers."""

import asyncio

import msgspec

from crossdock.domain.events import CommandSettled, decode_event, encode_event
from crossdock.domain.outcome import OutcomeUnknown
from crossdock.engine.world import World
from crossdock.store.protocol import Sent, StoreUnavailable

LARGEST_GROUP = 500
BUSY_GROUP = 8  # a group this large says that more is coming: waiting a moment saves a commit
GATHER_S = 0.003
NOT_STORABLE = "outcome_not_storable"


class Recorder:
    """Accepts ``Sent`` from many calls and records them together. Never drops one: it retries until the store is back.
    What the store refuses harms only the command it belongs to: that one ends as an exception.

    A record that comes too late (its lease was taken over) is refused by the fence, so retrying is always safe.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: list[Sent] = []
        self._there_is = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, sent: Sent) -> None:
        """Take over one outcome."""
        self._waiting.append(sent)
        self._idle.clear()
        self._there_is.set()

    async def drained(self) -> None:
        """Wait until everything taken over is durable."""
        await self._idle.wait()

    async def run(self) -> None:
        """Record for ever; cancel it after ``drained``."""
        while True:
            await self._there_is.wait()
            self._there_is.clear()
            while self._waiting:
                group = self._waiting[:LARGEST_GROUP]
                await self._keep(group)
                del self._waiting[: len(group)]
                if len(group) >= BUSY_GROUP:
                    await asyncio.sleep(GATHER_S)
            self._idle.set()

    async def _keep(self, group: list[Sent]) -> None:
        """Record a group; when the store refuses it, its halves, down to the one that is at fault."""
        try:
            await self._record(group)
        except Exception as error:  # noqa: BLE001 - one outcome that cannot be stored must not end all recording
            if len(group) > 1:
                half = len(group) // 2
                await self._keep(group[:half])
                await self._keep(group[half:])
            else:
                await self._keep_bare(group[0], error)

    async def _keep_bare(self, sent: Sent, error: Exception) -> None:
        why = f"{type(error).__name__} {getattr(error, 'sqlstate', None) or ''}".rstrip()  # its text may quote data
        self._world.signals.log.error("outcome.not_storable", command=sent.command_id, error=why)
        try:
            await self._record([_bare(sent, why)])
        except Exception as again:  # noqa: BLE001 - nothing is left to leave out: its lease ends, it is taken over
            self._world.signals.log.error(
                "outcome.not_storable", command=sent.command_id, doing="record less", error=type(again).__name__
            )

    async def _record(self, group: list[Sent]) -> None:
        pause_s = 0.1
        while True:
            try:
                held = await self._world.store.record(group)
                break
            except StoreUnavailable as error:
                self._world.signals.log.warning("store.unavailable", doing="record outcomes", error=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, 2.0)
        lost = held.count(False)
        if lost:
            self._world.signals.add("crossdock.fence.rejected", lost)
        if any(sent.settled is not None or sent.tells for sent in group):
            await self._wake()

    async def _wake(self) -> None:
        try:
            await self._world.store.wake("decide")
        except StoreUnavailable:
            return  # the deciders' poll finds it


def _bare(sent: Sent, why: str) -> Sent:
    """The record without what may be unstorable. What was settled becomes unknown, so that a person looks there."""
    settled = None if sent.settled is None else decode_event(sent.settled)
    if isinstance(settled, CommandSettled):
        unknown = OutcomeUnknown(f"the call was answered, but its outcome cannot be stored: {why}", NOT_STORABLE)
        settled = msgspec.structs.replace(settled, outcome=unknown)
    return msgspec.structs.replace(
        sent,
        detail=f"{NOT_STORABLE}: {why}",
        request=b"",
        response=b"",
        settled=None if settled is None else encode_event(settled),
        tells=(),
    )
