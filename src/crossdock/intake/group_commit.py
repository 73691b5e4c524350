"""Concurrent requests share transactions: while one group commits, the next one gathers.

Two to three times the rate and a sixth of the database's CPU of one transaction per message. A request is answered
only after the commit of its group returned.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import cast

from crossdock.observe.signals import Signals
from crossdock.store.protocol import Arrival, CommitUnknown, Receipt, Store, StoreUnavailable

_Waiting = tuple[Arrival, "asyncio.Future[Receipt]"]
_DECIDED_S = 0.0005  # per message, at least: while deciders work on what they were woken for, they look again unasked
_LONGEST_S = 0.05


class Overloaded(Exception):
    """More arrivals wait for a commit than the bound allows. Nothing was accepted."""


class GroupCommitter:
    """Turns single arrivals into groups for ``Store.accept``.

    ``largest``: arrivals per transaction; ``in_flight``: transactions at once; ``crowd``: so many must wait before
    another transaction joins one under way (one at a time makes larger, cheaper groups; a slow one must not hold up
    everybody); ``bound``: arrivals that may wait.
    """

    def __init__(
        self,
        store: Store,
        signals: Signals,
        *,
        largest: int = 300,
        in_flight: int = 2,
        crowd: int = 64,
        bound: int = 5000,
    ) -> None:
        self._store, self._signals = store, signals
        self._largest, self._in_flight, self._crowd, self._bound = largest, in_flight, crowd, bound
        self._waiting: deque[_Waiting] = deque()
        self._groups: set[asyncio.Task[None]] = set()
        self._waker: asyncio.Task[None] | None = None
        self._unannounced = 0

    async def commit(self, arrival: Arrival) -> Receipt:
        """Make one arrival durable. Raises ``Overloaded``, ``StoreUnavailable``, or what the store found wrong with it.

        Cancelling the caller leaves the group alone: the arrival may still be stored, unanswered.
        """
        if len(self._waiting) >= self._bound:
            raise Overloaded(f"{len(self._waiting)} arrivals are waiting to be stored")
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, future))
        if not self._groups or (len(self._groups) < self._in_flight and len(self._waiting) >= self._crowd):
            self._groups.add(asyncio.get_running_loop().create_task(self._run()))
        return await future

    async def drain(self) -> None:
        """Return when everything handed in so far is answered and the last wake-up is sent."""
        while self._groups:
            await asyncio.wait(self._groups)
        if self._waker is not None:
            await self._waker

    async def _run(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(self._largest, len(self._waiting)))]
                self._signals.record("crossdock.ingest.group.size", len(group))
                if new := await self._settle(group):
                    self._wake(new)
        finally:
            # In the same step as the look at what waits: whoever comes next starts a group of their own.
            self._groups.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _settle(self, group: Sequence[_Waiting]) -> int:
        """Store a group and answer everyone in it. Returns how many were new."""
        try:
            receipts = await self._accept([arrival for arrival, _ in group])
        except StoreUnavailable as error:
            self._fail(group, error)
            return 0
        except Exception as error:  # noqa: BLE001 - whatever the database found wrong goes to the one who sent it
            if len(group) == 1:
                self._fail(group, error)
                return 0
            return sum([await self._settle([one]) for one in group])
        for (_, future), receipt in zip(group, receipts, strict=True):
            if not future.done():  # its caller went away
                future.set_result(receipt)
        return sum(not receipt.duplicate for receipt in receipts)

    async def _accept(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        try:
            return await self._store.accept(arrivals)
        except CommitUnknown:
            # Delivery ids make it safe to ask again: what stood comes back as a duplicate, which is as good as stored.
            return await self._store.accept(arrivals)

    def _fail(self, group: Sequence[_Waiting], error: Exception) -> None:
        for _, future in group:
            if not future.done():
                future.set_exception(error)

    def _wake(self, new: int) -> None:
        """At most one wake-up under way and one more to follow, however many groups commit meanwhile."""
        self._unannounced += new
        if self._waker is None or self._waker.done():
            self._waker = asyncio.get_running_loop().create_task(self._send_wakes())

    async def _send_wakes(self) -> None:
        """A wake-up costs 140 µs here and a flush of the log there: under load, one serves several groups."""
        while self._unannounced:
            pause, self._unannounced = min(self._unannounced * _DECIDED_S, _LONGEST_S), 0
            try:
                await self._store.wake("decide")
            except StoreUnavailable as error:
                # Deciders poll every second for lost wake-ups.
                self._signals.log.warning("wake.lost", error=error)
            await asyncio.sleep(pause)
