"""This worker's hold on a vendor account's shared limits: concurrency slots, and tokens booked ahead in slices."""

import asyncio
import math
from collections.abc import Callable

from crossdock.kit.manifest import Quota
from crossdock.store.protocol import Store

SLICE_S = 0.1  # 50 to 100 ms of the rate: one row update per slice, no over-issue (measured)
SLOT_LEASE_S = 10.0  # how long a killed worker's slots stay taken
POLLS_SLOT = 1
DEFAULT_CONCURRENCY = 64  # where the vendor names none
LONGEST_REST_S = 1.0  # that a claimed command is held for: its lease is running


class QuotaHold:
    """One per connection and process. ``slots`` is how many calls may be in flight here."""

    def __init__(self, store: Store, account: str, quota: Quota, worker: str, stopwatch: Callable[[], float]) -> None:
        self._store = store
        self._account = account
        self._quota = quota
        self._worker = worker
        self._stopwatch = stopwatch
        self._tokens = 0
        self._tokens_end = 0.0
        self._renewed = -math.inf
        self._not_before = 0.0
        self._booking = asyncio.Lock()
        self.slots = DEFAULT_CONCURRENCY if quota.concurrency is None else 0

    async def renew(self, using: int) -> None:
        """Hold on to the slots; a fair share when several workers serve the account. At most once a second.

        ``using``: calls in flight here. They keep their slots, so that a newcomer never adds to them.
        """
        limit = self._quota.concurrency
        if limit is None or self._stopwatch() - self._renewed < 1.0:
            return
        # one is left for the polls, who would never get any: deliverers renew theirs for ever
        # (of an only one all take turns)
        want = max(1, limit - POLLS_SLOT)
        self.slots = await self._store.acquire_slots(
            self._account, self._worker, want, want, SLOT_LEASE_S, using=using, turns="stays"
        )
        self._renewed = self._stopwatch()

    def throttle(self, seconds: float) -> None:
        """The vendor asks for a rest, by its own meter or by refusing a call: it is for all calls of the account."""
        self._not_before = max(self._not_before, self._stopwatch() + seconds)

    @property
    def resting_s(self) -> float:
        """How long this worker leaves the account alone from now on; 0 when it need not."""
        return max(0.0, self._not_before - self._stopwatch())

    async def spend(self, cost: int) -> bool:
        """Wait until a call of this cost is within the account's rate. False: a longer rest began, give it back."""
        while await self._rested():
            if (rate := self._quota.rate_per_s) is not None:
                async with self._booking:
                    while not self._take(cost):
                        await self._book(cost, rate)
            if self.resting_s == 0:
                return True
        return False

    async def _rested(self) -> bool:
        while (rest_s := self.resting_s) > 0:
            if rest_s > LONGEST_REST_S:
                return False
            await asyncio.sleep(rest_s)
        return True

    def _take(self, cost: int) -> bool:
        # a slice that was not used in its time is dropped, else late holders would exceed the rate
        if self._stopwatch() > self._tokens_end:
            self._tokens = 0
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True

    async def _book(self, cost: int, rate: float) -> None:
        units = max(cost, math.ceil(rate * SLICE_S))
        burst = self._quota.burst or rate
        asked = self._stopwatch()
        grant = await self._store.book(self._account, units, rate, burst)
        if grant.wait_s > 0:
            await asyncio.sleep(grant.wait_s)
        if grant.units:
            self._tokens = grant.units
            self._tokens_end = asked + grant.wait_s + SLICE_S + units / rate

    async def close(self) -> None:
        """Give the slots back."""
        if self._quota.concurrency is not None:
            await self._store.release_slots(self._account, self._worker)
