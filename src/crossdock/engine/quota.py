"""What one worker has of a vendor account's shared limits: concurrency slots, tokens booked ahead, rests asked for."""

import asyncio
import math
from collections.abc import Callable

from crossdock.domain.outcome import RateLimited
from crossdock.engine.world import Linked, World
from crossdock.kit.manifest import Quota
from crossdock.store.protocol import Store, StoreUnavailable

SLICE_S = 0.1  # 50 to 100 ms of the rate: one row update per slice, no over-issue (measured)
SLOT_LEASE_S = 10.0  # how long a killed worker's slots stay taken
POLLS_SLOT = 1
DEFAULT_CONCURRENCY = 64  # where the vendor names none
LONGEST_REST_S = 1.0  # that a claimed command is held for: its lease is running
# From here on a rest is told to all workers. Shorter ones come with every other answer of a busy meter (Shopify's),
# which tells each worker itself: a write for each would cost more than it spares, and be read when it is over.
SHARED_REST_S = 1.0


class Resting(Exception):
    """The vendor asked for a rest, which is not over: it is not called."""

    def __init__(self, connection: str, rest_s: float) -> None:
        super().__init__(f"{connection} is left alone for {rest_s:.0f} s more, as it asked")
        self.rest_s = rest_s


async def heard(world: World, link: Linked, error: Exception) -> None:
    """What a poll or a question came to: a refusal by the account's limit is a rest for all who call it."""
    outcome = getattr(error, "outcome", None)  # connectors' clients raise what must happen next
    its_own = link.connector.manifest.quota.per_operation
    if not isinstance(outcome, RateLimited) or outcome.after_s < SHARED_REST_S or its_own:
        return
    try:
        await world.store.rest(link.name, outcome.after_s)
    except StoreUnavailable as unavailable:  # the others are told by the vendor
        world.signals.log.warning("store.unavailable", doing=f"let {link.name} rest", error=str(unavailable))


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
        self._not_before = self._told = -math.inf
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

    async def throttle(self, seconds: float) -> None:
        """The vendor asks for a rest, by its own meter or by refusing a call: it is for all calls of the account.

        Here it holds at once, for the other workers as soon as the store has it. Calls in flight together are told of
        one rest: it is written once, and again only for one that ends later by as much as is worth a write.
        """
        until = self._stopwatch() + seconds
        self._not_before = max(self._not_before, until)
        worth_it = seconds >= SHARED_REST_S and not self._quota.per_operation
        if worth_it and until >= self._told + SHARED_REST_S:
            before, self._told = self._told, until
            try:
                await self._store.rest(self._account, seconds)
            except StoreUnavailable:
                self._told = before  # who is told next tells the others
                raise

    @property
    def resting_s(self) -> float:
        """How long this worker leaves the account alone from now on; 0 when it need not."""
        return max(0.0, self._not_before - self._stopwatch())

    async def spend(self, cost: int) -> bool:
        """Wait until a call of this cost is within the account's rate. False: a longer rest began, give it back."""
        while await self._rested():
            if (rate := self._quota.rate_per_s) is not None:
                async with self._booking:
                    while self.resting_s == 0 and not self._take(cost):
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
        if grant.rests:  # another worker was told
            self._not_before = max(self._not_before, self._stopwatch() + grant.wait_s)
            return
        if grant.wait_s > 0:
            await asyncio.sleep(grant.wait_s)
        if grant.units:
            self._tokens = grant.units
            self._tokens_end = asked + grant.wait_s + SLICE_S + units / rate

    async def close(self) -> None:
        """Give the slots back."""
        if self._quota.concurrency is not None:
            await self._store.release_slots(self._account, self._worker)
