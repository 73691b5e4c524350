"""The schedule role's pollers: every connector poll at its interval, by one process at a time over all hosts."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from crossdock.domain.outcome import Misconfigured, RateLimited
from crossdock.engine import breaker
from crossdock.engine.world import Linked, World
from crossdock.intake.polling import Run, Stuck, Tally, run_pages
from crossdock.kit.http import AnswerLost, NotSent
from crossdock.kit.manifest import Poll
from crossdock.kit.pausing import pause
from crossdock.store.protocol import LIVE, StoreUnavailable

OWNERSHIP = "/polls"  # an account of slots as connections have them, under a name that none can have
OWNER_LEASE_S = 30.0  # another process takes over this long after the owner died
RENEWALS = 3  # within a lease
RETRY_S = 15.0  # the first retry of a poll that failed; doubles up to its interval
DOUBLINGS = 20  # beyond any interval; after days of failing the power itself would no longer be a number

Noted = Callable[[str, str | None], Awaitable[None]]  # connection, and what is wrong or None
Polled = Callable[[str, str, str | None], Awaitable[None]]  # connection, poll, and what is wrong or None


class _Turn(msgspec.Struct):
    """One poll of one connection and when it is due, on this process's stopwatch."""

    link: Linked
    poll: Poll
    due: float
    failures: int = 0
    running: bool = False


class PollLoop:
    """A ``Loop``. ``noted`` keeps a connection's last contact or error where people see it; ``polled``: which
    polls fail."""

    def __init__(
        self,
        world: World,
        noted: Noted,
        polled: Polled | None = None,
        *,
        tick_s: float = 1.0,
        owner_lease_s: float = OWNER_LEASE_S,
    ) -> None:
        self._world, self._noted, self._polled, self._tick_s = world, noted, polled, tick_s
        self._lease_s = owner_lease_s
        now = world.stopwatch()
        self._turns = [
            _Turn(link, poll, now) for link in world.links.values() for poll in link.connector.polls.values()
        ]
        self._owns = False
        self._renewed = float("-inf")
        self._runs: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set; runs under way end after their page."""
        while not stop.is_set():
            try:
                await self._round(stop)
            except StoreUnavailable as error:
                self._owns = False
                self._world.signals.log.warning("store.unavailable", doing="own the polls", error=error)
            await pause(stop, self._tick_s)
        if self._runs:
            await asyncio.wait(self._runs)
        await self._give_up()

    async def _round(self, stop: asyncio.Event) -> None:
        await self._own()
        due = [turn for turn in self._turns if not turn.running and turn.due <= self._world.stopwatch()]
        if not self._owns or not due:
            return
        rows = await self._world.store.connections()
        for turn in due:
            row = rows.get(turn.link.name)
            if row is None or breaker.allowance(row) == 0:
                turn.due = self._world.stopwatch() + min(RETRY_S, turn.poll.every_s)
                continue
            turn.running = True
            task = asyncio.get_running_loop().create_task(self._take_turn(turn, stop))
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)

    async def _own(self) -> None:
        """Hold, or try to get, the one lease over all polls."""
        now = self._world.stopwatch()
        renew_s = self._lease_s / RENEWALS
        if now - self._renewed < (renew_s if self._owns else renew_s / 5):
            return
        self._renewed = now
        owned = await self._world.store.acquire_slots(OWNERSHIP, self._world.worker, 1, 1, self._lease_s) > 0
        if owned != self._owns:
            self._world.signals.log.info("poll.owner", state="owner" if owned else "standing by")
        self._owns = owned

    async def _give_up(self) -> None:
        if not self._owns:
            return
        try:
            await self._world.store.release_slots(OWNERSHIP, self._world.worker)
        except StoreUnavailable as error:
            # The lease ends by itself.
            self._world.signals.log.warning("store.unavailable", doing="give up the polls", error=error)

    async def _take_turn(self, turn: _Turn, stop: asyncio.Event) -> None:
        wait_s = RETRY_S  # whatever happens: a poll that counted as running for ever would find nothing any more
        try:
            wait_s = await self._poll(turn, stop)
        finally:
            turn.due, turn.running = self._world.stopwatch() + wait_s, False

    async def _poll(self, turn: _Turn, stop: asyncio.Event) -> float:
        """Run it, make its end visible; in how many seconds it is due again."""
        run = Run(turn.link, turn.poll, turn.poll.name, {}, LIVE, lambda s: pause(stop, s))
        try:
            tally = Tally()
            await run_pages(self._world, run, lambda: self._owns and not stop.is_set(), _untold, tally)
            result, error, wait_s = "done", None, turn.poll.every_s if tally.whole else 0.0
        except Exception as caught:  # noqa: BLE001 - a poll's failure is kept with its connection, whatever it is
            error, (result, wait_s) = caught, self._failed(turn, caught)
        await self._settle(turn, result, error)
        turn.failures = turn.failures + 1 if error else 0
        return wait_s

    def _failed(self, turn: _Turn, error: Exception) -> tuple[str, float]:
        """The metric's result, and how long to wait before the next try."""
        event = "poll.stuck" if isinstance(error, Stuck) else "poll.failed"
        log = self._world.signals.log.error if isinstance(error, Stuck) else self._world.signals.log.warning
        log(event, connection=turn.link.name, poll=turn.poll.name, tries=turn.failures + 1, error=error)
        if isinstance(error, Stuck):
            return "stuck", turn.poll.every_s
        outcome = getattr(error, "outcome", None)  # connectors' clients raise what must happen next
        backoff = min(RETRY_S * 2 ** min(turn.failures, DOUBLINGS), max(turn.poll.every_s, RETRY_S))
        if isinstance(outcome, RateLimited):
            backoff = max(backoff, outcome.after_s)
        return "unreachable" if isinstance(error, NotSent | AnswerLost) else "failed", backoff

    async def _settle(self, turn: _Turn, result: str, error: Exception | None) -> None:
        """Make the run's end visible."""
        name, signals = turn.link.name, self._world.signals
        signals.add("crossdock.poll.runs", channel=name, poll=turn.poll.name, result=result)
        if error is None:
            seconds = turn.link.line.now().timestamp()
            signals.set("crossdock.poll.last_success", seconds, channel=name, poll=turn.poll.name)
        try:
            outcome = getattr(error, "outcome", None)
            if isinstance(outcome, Misconfigured):
                signals.log.error("connection.paused", connection=name, code=outcome.code)
                await self._world.store.pause(name, outcome.detail)
            said = None if error is None else _said(error)
            await self._noted(name, None if said is None else f"poll {turn.poll.name}: {said}")
            if self._polled is not None:
                await self._polled(name, turn.poll.name, said)
        except StoreUnavailable as unavailable:
            signals.log.warning("store.unavailable", doing=f"note the poll of {name}", error=unavailable)
        except Exception as unkept:  # noqa: BLE001 - what cannot be noted must not end the healing path
            signals.log.warning("poll.failed", connection=name, poll=turn.poll.name, error=unkept)


def _said(error: Exception) -> str:
    outcome = getattr(error, "outcome", None)
    return f"{type(outcome or error).__name__}: {getattr(outcome, 'detail', '') or error}"[:500]


def _untold(_tally: Tally) -> None:
    """A scheduled run reports at its end."""
