"""A courier serves one connection: claims only what there are slots for, sends it, hands the outcome on."""

import asyncio
from collections.abc import Callable
from functools import partial

from crossdock.domain.outcome import Done, RateLimited
from crossdock.engine import breaker
from crossdock.engine.health import Health
from crossdock.engine.quota import QuotaHold
from crossdock.engine.recording import Recorder
from crossdock.engine.sending import Attempt, Sender, sent_of, settles_in_s
from crossdock.engine.sparingly import Sparingly
from crossdock.engine.world import Linked, World
from crossdock.kit.manifest import Repeat, Result
from crossdock.store.protocol import AMID_LIVE_S, FRESH_S, ConnectionRow, LeasedCommand, StoreUnavailable

BACKLOG_SHARE = 0.5  # of the slots, at most, so that live orders keep their latency while a backlog drains
LOOK_BACK_S = 2.0  # how often commands of any age are asked for while no backlog is known
LARGEST_CLAIM = 200
ROOM_SHARE = 0.25  # under load, claim when this much of the slots is free: one statement for many commands …
GATHER_S = 0.02  # … or when the last claim is this old, so that slow vendors find every slot used
DRAIN_PACE_S = 0.0008  # for each command of a backlog, while live orders come in: ADR 0004
TAKE_OVER_EVERY_S = 1.0
SOON_S = 10.0  # a repeat this soon wakes the courier itself; the poll finds later ones
LEASE_MARGIN = 0.9  # of the lease: nothing is sent, and no answer awaited, beyond it
SHORTEST_WAIT_S = 0.01  # that counts as one for the vendor's limit: booking itself takes a few milliseconds
_REPEATED = (Repeat.SEARCHABLE, Repeat.UNIQUE)  # writes that who takes over may send again


class Courier:
    """One per connection and process. ``on_room`` is called when a call has come home and something may wait for its
    room, and when something is due again."""

    def __init__(
        self, world: World, link: Linked, recorder: Recorder, health: Health, on_room: Callable[[], None]
    ) -> None:
        operations = link.connector.operations.values()
        self._world = world
        self._link = link
        self._recorder = recorder
        self._health = health
        self._on_room = on_room
        self._sender = Sender(world, link)
        self._quota = QuotaHold(world.store, link.name, link.connector.manifest.quota, world.worker, world.stopwatch)
        self._lease_s = max(operation.lease_s for operation in operations)
        self._live: set[asyncio.Task[None]] = set()
        self._backlog: set[asyncio.Task[None]] = set()
        self._behind = False  # whether there is a backlog
        self._asked = 0  # places of the claim that goes on aside: as good as taken
        self.full = True  # whether more may be due than there was room for
        self._draining: asyncio.Task[None] | None = None
        self._look_back = Sparingly(LOOK_BACK_S, world.stopwatch)
        self._look_for_expired = Sparingly(TAKE_OVER_EVERY_S, world.stopwatch)
        self._claimed_at = self._live_at = self._drain_from = float("-inf")

    async def claim(self) -> bool:
        """Claim what there is room for and start sending it. True when something was claimed."""
        row = self._health.row(self._link.name)
        if row is None or row.paused:
            return False
        await self._quota.renew(self._flying)
        if self._quota.resting_s > 0 or self._gathering(row):
            self.full = True  # nobody looked
            return False
        self._claimed_at = self._world.stopwatch()
        claimed = await self._take_over(row) + await self._claim_live(row)
        if self._behind and (self._draining is None or self._draining.done()) and not self._making_way():
            self._asked = max(0, self._for_backlog(row))
            # aside: live orders do not wait for its claim
            self._draining = asyncio.create_task(self._drain(self._asked))
            self._draining.add_done_callback(self._told)
        return claimed > 0

    async def _claim_live(self, row: ConnectionRow) -> int:
        """What fell due just now; now and then whatever is due, to learn of a backlog."""
        if not self._behind and self._look_back.due():
            with self._look_back:
                return await self._claim_oldest(self._for_backlog(row))
        kept = max(0, self._share() - len(self._backlog) - self._asked) if self._behind else 0
        claimed = len(await self._start(self._room(row) - kept, self._live, younger_s=FRESH_S))
        if claimed:
            self._live_at = self._world.stopwatch()
        return claimed

    def _for_backlog(self, row: ConnectionRow) -> int:
        """How many more of the oldest there is room for, within the share of the slots that a backlog may use."""
        return min(self._room(row), max(1, self._share()) - len(self._backlog))

    async def _claim_oldest(self, wanted: int) -> int:
        commands = await self._start(wanted, self._backlog)
        if wanted > 0:
            self._behind = any(command.waited_s > FRESH_S for command in commands)
        return len(commands)

    def _making_way(self) -> bool:
        """Whether a backlog lets live orders pass: where calls return at once, slots alone would leave them no time."""
        now = self._world.stopwatch()
        return now < self._drain_from and now - self._live_at < AMID_LIVE_S

    async def _drain(self, wanted: int) -> None:
        try:
            if claimed := await self._claim_oldest(wanted):  # of none, what comes home asks again
                self._drain_from = self._world.stopwatch() + claimed * DRAIN_PACE_S
                asyncio.get_running_loop().call_later(claimed * DRAIN_PACE_S, self._on_room)
        except StoreUnavailable as error:
            self._world.signals.log.warning("store.unavailable", doing="drain a backlog", error=str(error))
        finally:
            self._asked = 0
        self.full = True  # what it found says nothing about what just fell due

    def _gathering(self, row: ConnectionRow) -> bool:
        """Whether more room is about to come: calls that return quickly are claimed for many at a time."""
        just_claimed = self._world.stopwatch() - self._claimed_at < GATHER_S
        return just_claimed and self._flying > 0 and self._room(row) < self._quota.slots * ROOM_SHARE

    async def _take_over(self, row: ConnectionRow) -> int:
        """Commands whose worker did not live to tell, before anything else; asked for about once a second."""
        if not self._look_for_expired.due():
            return 0
        with self._look_for_expired:
            return len(await self._start(self._room(row), self._live, expired=True))

    @property
    def _flying(self) -> int:
        return len(self._live) + len(self._backlog) + self._asked

    def _room(self, row: ConnectionRow) -> int:
        allowed = breaker.allowance(row)
        slots = self._quota.slots if allowed is None else min(allowed, self._quota.slots)
        return min(slots - self._flying, LARGEST_CLAIM)

    def _share(self) -> int:
        """How many slots a backlog may use."""
        return int(self._quota.slots * BACKLOG_SHARE)

    async def _start(
        self, room: int, flying: set[asyncio.Task[None]], *, expired: bool = False, younger_s: float | None = None
    ) -> list[LeasedCommand]:
        if room <= 0:
            self.full = True
            return []
        started = self._world.stopwatch()  # before the claim: the lease may seem shorter than it is, never longer
        commands = await self._world.store.claim_commands(
            self._link.name, room, self._lease_s, expired=expired, younger_s=younger_s
        )
        self.full = len(commands) >= room
        for command in commands:
            task = asyncio.create_task(self._serve(command, started))
            flying.add(task)
            task.add_done_callback(partial(self._home, flying))
        if expired and commands:
            self._world.signals.add("crossdock.lease.expired", len(commands), target=self._link.name)
        return commands

    def _home(self, flying: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
        flying.discard(task)  # before anyone is told that there is room
        if self.full or self._behind:  # else nothing waits for it: asking costs a statement, of every connection
            self._on_room()
        self._told(task)

    def _told(self, task: asyncio.Task[None]) -> None:
        """Nobody awaits these tasks: what they raise is a bug of ours, and a lease that runs out repairs it."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._world.signals.log.error("courier.bug", connection=self._link.name, error=repr(error))

    async def _serve(self, command: LeasedCommand, claimed_at: float) -> None:
        operation = self._sender.operation(command)
        try:
            if (unsettled_s := settles_in_s(command, operation)) > 0:
                await self._world.store.unlease([(command.id, command.fence)], unsettled_s)
                return
            asked_at = self._world.stopwatch()
            in_time = await self._quota.spend(1 if operation is None else operation.cost)
            now = self._world.stopwatch()
            if now - asked_at >= SHORTEST_WAIT_S:
                self._world.signals.record("crossdock.target.throttle.wait", now - asked_at, target=self._link.name)
            left_s = self._lease_s * LEASE_MARGIN - (now - claimed_at)
            if operation is not None and operation.repeat in _REPEATED:
                # Who takes over after a crash searches, or repeats an upsert, at once: what is late must be through.
                left_s -= operation.settle_s
            if left_s <= 0 or not in_time:
                await self._world.store.unlease([(command.id, command.fence)])
                self.full = True  # it is due at once
                return
            attempt = await self._sender.send(command, operation, left_s)
        except StoreUnavailable as error:
            # nothing was sent: the lease runs out and another worker takes over
            self._world.signals.log.warning("store.unavailable", doing=f"deliver {command.key}", error=str(error))
            return
        sent, pause = sent_of(command, operation, attempt, self._world.random.random())
        self._recorder.put(sent)
        self._note(command, attempt, pause)
        await self._rest(command, attempt.result)
        for wait_s in (sent.again_in_s, self._quota.resting_s or None):
            if wait_s is not None and wait_s <= SOON_S:
                asyncio.get_running_loop().call_later(wait_s + 0.02, self._on_room)

    def _note(self, command: LeasedCommand, attempt: Attempt, pause: str | None) -> None:
        signals, name = self._world.signals, self._link.name
        signals.add("crossdock.target.requests", target=name, op=command.purpose, outcome=attempt.tag)
        signals.record("http.client.request.duration", attempt.took_s, target=name, op=command.purpose)
        if attempt.tag == "unknown":
            signals.add("crossdock.target.unknown_outcomes", target=name)
        if command.tries:
            signals.add("crossdock.target.retries", target=name)
        outcome = attempt.result.outcome
        if isinstance(outcome, Done) and outcome.repeated:
            signals.add("crossdock.duplicates.prevented", where="target")
        self._health.note(name, outcome)
        if pause is not None:
            self._health.pause(name, pause)

    async def _rest(self, command: LeasedCommand, result: Result) -> None:
        """What the vendor asked for with this answer, if it asked for a rest."""
        refused_s = result.outcome.after_s if isinstance(result.outcome, RateLimited) else 0.0
        try:
            await self._quota.throttle(max(result.throttle_s, refused_s))
        except StoreUnavailable as error:  # kept here; the vendor tells the others
            doing = f"let {self._link.name} rest after {command.key}"
            self._world.signals.log.warning("store.unavailable", doing=doing, error=str(error))

    async def come_home(self) -> None:
        """Wait for what is in flight, give the slots back."""
        if self._draining is not None:
            await asyncio.wait([self._draining])
        if flying := [*self._live, *self._backlog]:
            await asyncio.wait(flying)
        try:
            await self._quota.close()
        except StoreUnavailable as error:  # they end by themselves; the others' calls and all outcomes are waited for
            self._world.signals.log.warning("store.unavailable", doing="give back slots", error=str(error))
