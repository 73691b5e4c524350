"""A round over one route, and the loop that runs rounds in the schedule role, by one process at a time.

A round looks at what changed in the channel and in the ERP since the last one, at every order with a difference that
stands, and at a slice of all orders in turn: what was deleted shows in no list of changes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from crossdock.engine import breaker
from crossdock.engine.world import World
from crossdock.kit.listing import Listed, Window
from crossdock.kit.pausing import pause
from crossdock.reconcile.asking import LONGEST, Asker, CannotAsk
from crossdock.reconcile.looking import Route, look, settle
from crossdock.store.differences import Differences
from crossdock.store.pool import Pool
from crossdock.store.protocol import StoreUnavailable

FIRST_LOOK_BACK = timedelta(days=1)
OVERLAP = timedelta(minutes=5)  # a system's clock may run behind ours: what it stamps late lies before our last window
AT_ONCE = 100  # orders of one look
WALK = 500  # orders of one round's walk over all
STANDING = 1_000  # orders with differences looked at again in one round
OWNER_LEASE_S = 60.0
KEEP_DAYS = 400  # settled differences; as long as messages by default
NAME = "reconcile"
OWNERSHIP = f"/{NAME}"  # an account of slots as connections have them, under a name that none can have


class RoundSettings(msgspec.Struct, frozen=True):
    """``grace_s``: how long a difference must stand, beside the systems' own lag, before it is one."""

    every_s: float = 300.0
    grace_s: float = 120.0


class Tally(msgspec.Struct):
    """What a round looked at."""

    looked: int = 0
    differing: int = 0


Wait = Callable[[float], Awaitable[Any]]


def routes_of(world: World, settings: RoundSettings, wait: Wait) -> list[Route]:
    """The routes that have at least one side to ask."""
    channels = tuple(world.policies)
    found = []
    for policy in world.policies.values():
        channel, erp = _asker(world, policy.channel, wait), _asker(world, policy.erp, wait)
        if channel is not None or erp is not None:
            lag_s = max(side.listing.lag_s for side in (channel, erp) if side is not None)
            found.append(Route(policy, channel, erp, channels, settings.grace_s + lag_s))
    return found


def _asker(world: World, name: str, wait: Wait) -> Asker | None:
    link = world.links.get(name)
    if link is None or link.connector.listing is None:
        return None
    return Asker(world, link, link.connector.listing, wait)


class Round:
    """One round over one route. ``go_on`` is asked before each look."""

    def __init__(self, world: World, books: Differences, route: Route, go_on: Callable[[], bool]) -> None:
        self._world, self._books, self._route, self._go_on = world, books, route, go_on
        self._now = datetime.min.replace(tzinfo=UTC)
        self._trace = ""
        self._looked: set[str] = set()
        self.tally = Tally()

    async def run(self) -> Tally:
        """Raises what the connectors' listings raise, ``CannotAsk`` and ``StoreUnavailable``."""
        with self._world.signals.span(f"reconcile {self._route.name}") as span:
            self._trace = span.traceparent
            await self._all()
            span.set(**{"crossdock.looked": self.tally.looked, "crossdock.differing": self.tally.differing})
        return self.tally

    async def _all(self) -> None:
        self._now = await self._books.clock()
        for side in (self._route.channel, self._route.erp):
            if side is not None:
                await self._changed(side)
        await self._some(await self._books.standing_keys(self._route.name, STANDING))
        await self._walk()

    async def _changed(self, side: Asker) -> None:
        """What one side lists as changed, up to where its list is surely whole; then the next round goes on there."""
        name = f"{NAME}/{self._route.name}"
        saved = await self._world.store.cursor(side.link.name, name)
        lag = timedelta(seconds=side.listing.lag_s)
        if not saved and side.listing.from_start:
            # The overlap of the next round begins here too.
            await self._world.store.save_cursor(side.link.name, name, (self._now + OVERLAP).isoformat())
            return
        since = datetime.fromisoformat(saved) - OVERLAP if saved else self._now - FIRST_LOOK_BACK
        window = Window(since, self._now - lag)
        rested_s = (window.until - since - OVERLAP).total_seconds()
        if window.until <= window.since or (saved and rested_s < side.listing.every_s):
            return
        await each_page(side, window, self._page, self._go_on)
        if self._go_on():
            await self._world.store.save_cursor(side.link.name, name, window.until.isoformat())

    async def _page(self, keys: Sequence[str], listed: Mapping[str, Listed]) -> None:
        await self._some(keys, listed)

    async def _some(self, keys: Sequence[str], listed: Mapping[str, Listed] | None = None) -> None:
        fresh = [key for key in self._route.own(dict.fromkeys(keys)) if key not in self._looked]
        for start in range(0, len(fresh), AT_ONCE):
            if not self._go_on():
                return
            some = fresh[start : start + AT_ONCE]
            found = await look(self._books, self._route, some, self._now, listed, spare=True)
            self.tally.differing += await settle(self._world.store, self._books, self._route, found, self._trace)
            self.tally.looked += len(some)
            self._looked.update(some)

    async def _walk(self) -> None:
        name = f"{NAME}/{self._route.name}/walk"
        at = await self._world.store.cursor(self._route.name, name)
        walked = await self._books.walk(self._route.name, int(at or 0), WALK)
        await self._some(walked.keys)
        if self._go_on():
            await self._world.store.save_cursor(self._route.name, name, str(walked.at))


Taken = Callable[[Sequence[str], Mapping[str, Listed]], Awaitable[None]]


async def each_page(side: Asker, window: Window, take: Taken, go_on: Callable[[], bool]) -> None:
    """Give each page of a window to ``take``. Raises ``CannotAsk`` for a list that does not end."""
    cursor: str | None = None
    seen: set[str | None] = {None}
    for _ in range(LONGEST):
        if not go_on():
            return
        page = await side.page(window, cursor)
        listed = {view.key: view for view in page.views}
        await take([*listed, *page.keys], listed)
        if page.cursor is None:
            return
        if page.cursor in seen:
            raise CannotAsk(f"the list of {side.link.name} gave the same cursor twice")
        seen.add(page.cursor)
        cursor = page.cursor
    raise CannotAsk(f"the list of {side.link.name} does not end after {LONGEST} pages")


class ReconcileLoop:
    """A ``Loop``: rounds over all routes, every ``every_s``. Any number may run; one at a time does the work."""

    def __init__(self, world: World, pool: Pool, settings: RoundSettings, *, tick_s: float = 1.0) -> None:
        self._world, self._settings, self._tick_s = world, settings, tick_s
        self._books = Differences(pool)
        self._owns = False
        self._renewed = self._due = float("-inf")
        self._stop = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set; a round under way ends after its look."""
        self._stop = stop
        working: asyncio.Task[None] | None = None
        while not stop.is_set():
            try:
                await self._own()
            except StoreUnavailable as error:
                self._owns = False
                self._world.signals.log.warning("store.unavailable", doing="own reconciliation", error=error)
            idle = working is None or working.done()
            if working is not None and working.done():
                working.result()
                working = None
            if self._owns and idle and self._due <= self._world.stopwatch():
                working = asyncio.get_running_loop().create_task(self._rounds())
            await pause(self._stop, self._tick_s)
        if working is not None:
            await working
        await self._give_up()

    async def _rounds(self) -> None:
        for route in routes_of(self._world, self._settings, partial(pause, self._stop)):
            if self._going():
                await self.round(route)
        try:
            await self._books.sweep(KEEP_DAYS)
        except StoreUnavailable as error:
            self._world.signals.log.warning("store.unavailable", doing="sweep differences", error=error)
        self._due = self._world.stopwatch() + self._settings.every_s

    async def round(self, route: Route) -> None:
        """One round, and how it went; whatever a listing raises is kept with the route, and the next round tries."""
        started = self._world.stopwatch()
        made = Round(self._world, self._books, route, self._going)
        error: Exception | None = None
        try:
            await self._refuse_resting(route)
            await made.run()
        except Exception as caught:  # noqa: BLE001 - a route that cannot be compared must not end the others
            error = caught
            self._world.signals.log.warning("reconcile.failed", connection=route.name, error=caught)
        await self._keep(route, made.tally, self._world.stopwatch() - started, error)

    async def _refuse_resting(self, route: Route) -> None:
        """A connection that is paused, or behind an open breaker, is left in peace."""
        rows = await self._world.store.connections()
        for side in (route.channel, route.erp):
            row = None if side is None else rows.get(side.link.name)
            if row is not None and breaker.allowance(row) == 0:
                raise CannotAsk(f"{row.name} is {'paused' if row.paused else 'behind an open breaker'}")

    async def _keep(self, route: Route, tally: Tally, took_s: float, error: Exception | None) -> None:
        signals = self._world.signals
        signals.add("crossdock.reconcile.rounds", channel=route.name, result="failed" if error else "done")
        said = None if error is None else f"{type(error).__name__}: {error}"[:500]
        try:
            await self._books.round(route.name, route.policy.erp, took_s, tally.looked, tally.differing, said)
        except StoreUnavailable as unavailable:
            signals.log.warning("store.unavailable", doing="note a reconciliation round", error=unavailable)

    def _going(self) -> bool:
        return self._owns and not self._stop.is_set()

    async def _own(self) -> None:
        now = self._world.stopwatch()
        if now - self._renewed < OWNER_LEASE_S / (4 if self._owns else 12):
            return
        self._renewed = now
        self._owns = await self._world.store.acquire_slots(OWNERSHIP, self._world.worker, 1, 1, OWNER_LEASE_S) > 0

    async def _give_up(self) -> None:
        if not self._owns:
            return
        try:
            await self._world.store.release_slots(OWNERSHIP, self._world.worker)
        except StoreUnavailable as error:  # the lease ends by itself
            self._world.signals.log.warning("store.unavailable", doing="give up reconciliation", error=error)
