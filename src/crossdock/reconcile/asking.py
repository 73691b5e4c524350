"""Questions to other systems at the lowest lane: one at a time, within a share of the account's limits."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, get_args

import msgspec

from crossdock.domain.order import order_key
from crossdock.domain.outcome import Outcome
from crossdock.engine.quota import Resting, heard
from crossdock.engine.world import Linked, World
from crossdock.kit.http import AnswerLost, NotSent
from crossdock.kit.listing import Listed, Listing, ListPage, Window
from crossdock.kit.manifest import Unreachable

T = TypeVar("T")
SHARE = 0.2  # of the account's rate: what is left of it is the orders'
LONGEST = 5_000  # pages of one window
_SLOT_LEASE_S = 120.0  # longer than any page takes
_TRIES = 60
_PATIENCE_S = 10.0  # with a rest; whoever asked for a longer one is asked in the next round


class CannotAsk(Exception):
    """A system did not answer, its limits left no room, or its list does not end: nothing is known, and nothing is
    concluded. The next round tries again."""


class Asker(msgspec.Struct, frozen=True):
    """One connection with a listing. ``wait`` sleeps; injected."""

    world: World
    link: Linked
    listing: Listing
    wait: Callable[[float], Awaitable[Any]]

    async def page(self, window: Window, cursor: str | None) -> ListPage:
        """One page of a window."""
        return await self._ask(lambda client: self.listing.pages(client, window, cursor))

    async def named(self, keys: Sequence[str]) -> dict[str, Listed]:
        """The views of these keys, in as many questions as the listing takes."""
        found: dict[str, Listed] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), self.listing.most):
            some = wanted[start : start + self.listing.most]
            views = await self._ask(lambda client, some=some: self.listing.named(client, some))  # type: ignore[misc]
            found.update((view.key, view) for view in views)
        return found

    async def _ask(self, question: Callable[[Any], Awaitable[T]]) -> T:
        quota, store = self.link.connector.manifest.quota, self.world.store
        worker = f"{self.world.worker}/reconcile"
        if quota.concurrency is not None:
            await self._slot(quota.concurrency, worker)
        try:
            await self._rested()
            if quota.rate_per_s is not None:
                await self._spend(quota.rate_per_s, quota.burst or quota.rate_per_s)
            client = self.link.connector.open(self.link.line)
            answer = await self._answered(question(client))
        finally:
            if quota.concurrency is not None:
                await store.release_slots(self.link.name, worker)
        if self.listing.load is not None:
            await self.wait(self.listing.load(client) / SHARE)
        return answer

    async def _answered(self, asked: Awaitable[T]) -> T:
        """The answer; whatever a connector raises for "not now" as ``CannotAsk``. Anything else is a bug."""
        try:
            return await asked
        except (NotSent, AnswerLost, Unreachable) as error:
            raise CannotAsk(f"{self.link.name}: {error}") from error
        except Exception as error:
            await heard(self.world, self.link, error)
            outcome = getattr(error, "outcome", None)  # connectors' clients raise what must happen next
            if not isinstance(outcome, get_args(Outcome)):
                raise
            raise CannotAsk(f"{self.link.name}: {getattr(outcome, 'detail', '') or outcome}") from error

    async def _rested(self, patience_s: float = _PATIENCE_S) -> None:
        """A short rest is waited out; the slot that is held meanwhile is missed by nobody."""
        rest_s = await self.world.store.resting_s(self.link.name)
        if rest_s > patience_s:
            raise CannotAsk(str(Resting(self.link.name, rest_s)))
        if rest_s > 0:
            await self.wait(rest_s)
            await self._rested(patience_s - rest_s)  # it may have been made longer

    async def _slot(self, limit: int, worker: str) -> None:
        for _ in range(_TRIES):
            if await self.world.store.acquire_slots(self.link.name, worker, 1, limit, _SLOT_LEASE_S, turns="passes"):
                return
            await self.wait(0.5)
        raise CannotAsk(f"no free slot at {self.link.name}")

    async def _spend(self, rate_per_s: float, burst: float) -> None:
        """Book as every caller does, after a pause that keeps our own part to ``SHARE``."""
        await self.wait(self.listing.cost / (rate_per_s * SHARE))
        for _ in range(_TRIES):
            grant = await self.world.store.book(self.link.name, self.listing.cost, rate_per_s, burst)
            if grant.rests:
                raise CannotAsk(str(Resting(self.link.name, grant.wait_s)))
            if grant.wait_s > 0:
                self.world.signals.record("crossdock.target.throttle.wait", grant.wait_s, target=self.link.name)
                await self.wait(grant.wait_s)
            if grant.units:
                return
        raise CannotAsk(f"no room in the rate of {self.link.name}")


def owner_of(key: str, channels: Sequence[str]) -> tuple[str, str] | None:
    """The channel and its order id that a key is made of; the longest name that fits, as names may hold a ``-``."""
    fitting = [name for name in channels if key.startswith(order_key(name, ""))]
    if not fitting:
        return None
    channel = max(fitting, key=len)
    return channel, key.removeprefix(order_key(channel, ""))
