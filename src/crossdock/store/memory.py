"""The store in memory, with the same semantics: for simulation, where thousands of runs replace one database.

Time is the clock it is given. A transaction is a deep enough copy of what it may change: an exception inside
``claim_streams`` leaves nothing behind. Everything happens in the order it is called; nothing depends on the machine.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date, datetime, timedelta

import msgspec

from crossdock.domain.decision import Problem, StreamRef
from crossdock.domain.events import TimerFired, encode_event
from crossdock.store.accept import BadArrival, defect
from crossdock.store.errors import UnknownConnection
from crossdock.store.memory_masters import MemoryMasters
from crossdock.store.memory_rows import Alarm, Attempt, Books, Dispatch, Entry, Finding, Opened, Row
from crossdock.store.protocol import (
    BACKFILL,
    LOST_FENCES,
    OUTCOME,
    REST_AT_MOST_S,
    Arrival,
    ClaimedStream,
    ConnectionRow,
    Grant,
    LeasedCommand,
    NewMessage,
    PoisonedBatch,
    Receipt,
    Sent,
    StoredMessage,
    StreamBatch,
    StreamPark,
    StreamWrite,
    Turns,
)
from crossdock.store.sharing import Holder, lease_of, share, turn

_UNTOUCHED = ("rejected", "retry_later", "rate_limited", "misconfigured")
_AHEAD = timedelta(seconds=1)


class MemoryBatch:
    """Streams locked by one decider; writes are gathered and applied on leaving."""

    def __init__(self, books: Books, streams: list[ClaimedStream], now: datetime) -> None:
        self._books = books
        self.streams = streams
        self.now = now
        self.decided: list[tuple[StreamWrite, ClaimedStream]] = []
        self.parks: list[StreamPark] = []

    async def write(self, writes: Sequence[StreamWrite], parks: Sequence[StreamPark] = ()) -> None:
        """See ``StreamBatch``."""
        ids = [write.id for write in writes] + [park.id for park in parks]
        for write in writes:
            if why := self._books.refuses(write):
                raise PoisonedBatch(ids, why)
        claimed = {stream.id: stream for stream in self.streams}
        self.decided += [(write, claimed[write.id]) for write in writes]
        self.parks += parks


class MemoryStore(MemoryMasters):
    """Implements ``Store``. ``clock`` is the database's clock."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._now = clock
        self.books = Books()
        self._listeners: dict[str, list[Callable[[], None]]] = {}

    async def close(self) -> None:
        """Nothing to give back; here so that both stores are used alike."""

    async def register(
        self,
        name: str,
        system: str,
        *,
        role: str = "",
        region: str | None = None,
        api_version: str = "",
        mapping_version: str = "",
    ) -> int:
        """Make a configured connection known. Returns its id."""
        known = self.books.connections.get(name)
        number = known.id if known else len(self.books.connections) + 1
        if known is None:
            self.books.connections[name] = ConnectionRow(number, name, system, False, None, "closed", None, 0)
        return number

    def _known(self, name: str) -> ConnectionRow:
        try:
            return self.books.connections[name]
        except KeyError:
            raise UnknownConnection(name) from None

    # -- messages ----------------------------------------------------------------------------------------------

    async def accept(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        for position, arrival in enumerate(arrivals):
            if why := defect(arrival):
                raise BadArrival(position, arrival, why)
            self._known(arrival.connection)
        return [self._accept(arrival) for arrival in arrivals]

    def _accept(self, arrival: Arrival) -> Receipt:
        if (arrival.connection, arrival.delivery_id) in self.books.deliveries:
            return Receipt(None)
        for noted in (arrival.delivery_id, *arrival.also_ids):
            self.books.deliveries.add((arrival.connection, noted))
        message = StoredMessage(
            self.books.number("messages"),
            arrival.connection,
            arrival.source,
            arrival.topic,
            self._now(),
            arrival.body,
            arrival.trace,
            dict(arrival.headers),
        )
        self._queue(arrival.stream, message, arrival.priority)
        return Receipt(message.id)

    def _queue(self, ref: StreamRef, message: StoredMessage, priority: int) -> None:
        row = self.books.stream(ref)
        self.books.messages[message.id] = message
        self.books.streams_of_messages[message.id] = ref
        self.books.agenda.append(Entry(row.id, message.id, priority, self._now()))

    def _made(self, source: str, topic: str, body: bytes, connection: str = "", trace: str = "") -> StoredMessage:
        return StoredMessage(self.books.number("messages"), connection, source, topic, self._now(), body, trace)

    def _tell(self, sender: str, message: NewMessage) -> None:
        if message.existing and not self.books.has(message.to):
            return
        made = self._made("tell", message.topic, message.body, sender, message.trace)
        self._queue(message.to, made, message.priority)

    # -- deciding ----------------------------------------------------------------------------------------------

    def claim_streams(
        self, lane: int, limit: int, cap: int, exclude: Sequence[int] = (), only: Sequence[int] = ()
    ) -> AbstractAsyncContextManager[StreamBatch]:
        return self._claim(lane, limit, cap, exclude, only)

    @asynccontextmanager
    async def _claim(
        self, lane: int, limit: int, cap: int, exclude: Sequence[int], only: Sequence[int]
    ) -> AsyncIterator[MemoryBatch]:
        now, books = self._now(), self.books
        due = [entry for entry in books.agenda if entry.priority == lane and entry.due_at <= now]
        waiting = {entry.stream_id for entry in books.agenda}
        wanted = [one for one in only if one in waiting] or [
            entry.stream_id for entry in sorted(due, key=lambda entry: (entry.due_at, entry.message_id)) if not only
        ]
        ids = [one for one in dict.fromkeys(wanted) if one not in exclude and one not in books.locked][:limit]
        for one in ids:
            if books.rows[one].status == "parked":
                books.park(one)
        streams = [books.claimed(one, cap) for one in ids]
        batch = MemoryBatch(books, [stream for stream in streams if stream.messages], now)
        books.locked.update(ids)
        try:
            yield batch
        finally:
            books.locked.difference_update(ids)
        self._apply(batch)

    def _apply(self, batch: MemoryBatch) -> None:
        for write, stream in batch.decided:
            self._save(write, stream)
        for park in batch.parks:
            self.books.park(park.id)
            row = self.books.rows[park.id]
            row.status, row.step, row.reason = "parked", park.problem.key, park.problem.title
            self._open(park.id, park.problem)
        for write, _ in batch.decided:
            for message in write.tells:
                self._tell("", message)

    def _save(self, write: StreamWrite, stream: ClaimedStream) -> None:
        row, now = self.books.rows[write.id], self._now()
        parked_before = bool(stream.version) and write.summary.status != stream.status
        if write.journal or write.version != stream.version or parked_before:
            row.version, row.state, row.status = write.version, write.state, write.summary.status
            row.summary, row.step, row.reason = write.summary, write.summary.step, write.summary.reason
            self.books.journal.setdefault(write.id, []).extend(write.journal)
        taken = {message.id for message in stream.messages}
        self.books.agenda = [entry for entry in self.books.agenda if entry.message_id not in taken]
        for command in write.commands:
            if command.key not in self.books.commands:
                number = self.books.number("commands")
                self.books.commands[command.key] = Opened(number, row.id, command, now)
                self.books.send(number, command, now)
        self.books.keep_stock(write)
        for key in write.again:
            self._again(key, write.posting_from)
        for timer in write.timers:
            self.books.timers.pop((row.id, timer.name), None)
            if timer.due_at is not None:
                self.books.timers[row.id, timer.name] = Alarm(timer.due_at, timer.trace)
        self._want(write)
        for key in write.settled:
            self._settle(row.id, key, "crossdock")
        for problem in write.opened:
            self._open(row.id, problem)
        self.books.references.update((row.id, reference) for reference in write.references)

    def _again(self, key: str, posting_from: date | None) -> None:
        opened = self.books.commands.get(key)
        if opened is None or opened.id in self.books.dispatch:
            return
        earlier = [attempt for attempt in self.books.attempts if attempt.command_id == opened.id]
        unsure = any(attempt.fenced_out or attempt.outcome not in _UNTOUCHED for attempt in earlier)
        row = Dispatch(key, opened.command.target, opened.command.priority, self._now(), check_first=unsure)
        row.posting_from = posting_from
        self.books.dispatch[opened.id] = row

    def _open(self, stream_id: int, problem: Problem) -> None:
        found = self.books.open_problem(stream_id, problem.key)
        if found is None:
            self.books.exceptions.append(Finding(stream_id, problem))
        else:
            found.problem = problem
            found.seen += 1

    def _settle(self, stream_id: int, key: str, by: str) -> None:
        if found := self.books.open_problem(stream_id, key):
            found.settled_by = by

    async def unpark(self, stream_id: int) -> int:
        row: Row | None = self.books.rows.get(stream_id)
        if row is None or row.status != "parked":
            return 0
        if row.step:
            self._settle(stream_id, row.step, "retry")
        row.status, row.step, row.reason = ("open" if row.version else "new"), None, None
        back = [entry for entry in self.books.parked if entry.stream_id == stream_id]
        self.books.parked = [entry for entry in self.books.parked if entry.stream_id != stream_id]
        self.books.agenda += [Entry(e.stream_id, e.message_id, e.priority, self._now()) for e in back]
        return len(back)

    async def move_timers(self, limit: int) -> int:
        now = self._now()
        due = sorted((alarm.due_at, key) for key, alarm in self.books.timers.items() if alarm.due_at <= now)[:limit]
        for _, (stream_id, name) in due:
            trace = self.books.timers.pop((stream_id, name)).trace
            message = self._made("timer", "timer_fired", encode_event(TimerFired(name)), trace=trace)
            self._queue(self.books.rows[stream_id].ref, message, 0)
        return len(due)

    # -- delivering --------------------------------------------------------------------------------------------

    async def claim_commands(
        self, target: str, limit: int, lease_s: float, *, expired: bool = False, younger_s: float | None = None
    ) -> list[LeasedCommand]:
        self._known(target)
        now = self._now()
        if await self.resting_s(target) > 0:
            return []
        oldest = now - timedelta(seconds=younger_s) if younger_s is not None and not expired else None
        due = [
            (row.priority, row.due_at, number)
            for number, row in self.books.dispatch.items()
            if row.target == target
            and row.leased == expired
            and row.due_at <= now
            and (oldest is None or row.due_at >= oldest)
        ]
        return [self._lease(number, now, lease_s, expired) for _, _, number in sorted(due)[:limit]]

    def _lease(self, number: int, now: datetime, lease_s: float, expired: bool) -> LeasedCommand:
        row = self.books.dispatch[number]
        if expired:
            detail = "the lease ended before its holder reported"
            self.books.attempts.append(Attempt(number, row.fence, "unknown", detail, fenced_out=False))
            row.tries, row.check_first = row.tries + 1, True
        waited_s = 0.0 if expired else (now - row.due_at).total_seconds()
        row.leased, row.due_at, row.fence = True, now + timedelta(seconds=lease_s), self.books.number("fences")
        opened = self.books.commands[row.key]
        return LeasedCommand(
            number,
            row.key,
            row.target,
            opened.command.purpose,
            opened.command.payload,
            row.fence,
            row.tries,
            row.check_first,
            opened.command.trace,
            expired,
            waited_s,
            row.posting_from,
            self.books.restored_s(now),
        )

    async def restored(self, doubt_s: float) -> None:
        now = self._now()
        self.books.doubted = now, now + timedelta(seconds=doubt_s)
        self.books.skip("fences", LOST_FENCES)

    def _holds(self, number: int, fence: int) -> bool:
        row = self.books.dispatch.get(number)
        return row is not None and row.leased and row.fence == fence

    async def record(self, sent: Sequence[Sent]) -> list[bool]:
        return [self._record(one) for one in sent]

    def _record(self, one: Sent) -> bool:
        held = self._holds(one.command_id, one.fence)
        self.books.attempts.append(Attempt(one.command_id, one.fence, one.outcome, one.detail, fenced_out=not held))
        if not held:
            return False
        row = self.books.dispatch[one.command_id]
        if one.settled is not None:
            del self.books.dispatch[one.command_id]
            stream = self.books.rows[self.books.commands[row.key].stream_id].ref
            self._queue(
                stream,
                self._made("outcome", "command_settled", one.settled, row.target, one.trace),
                BACKFILL if one.late else OUTCOME,
            )
        else:
            row.leased, row.due_at = False, self._now() + timedelta(seconds=one.again_in_s or 0.0)
            row.tries, row.check_first = row.tries + one.counts, one.check_first
        for message in one.tells:
            self._tell(row.target, message)
        return True

    async def unlease(self, commands: Sequence[tuple[int, int]], in_s: float = 0.0) -> None:
        for number, fence in commands:
            if self._holds(number, fence):
                row = self.books.dispatch[number]
                row.leased, row.due_at = False, self._now() + timedelta(seconds=in_s)

    # -- limits ------------------------------------------------------------------------------------------------

    async def book(self, account: str, units: int, rate_per_s: float, burst: float) -> Grant:
        if rate_per_s <= 0 or units <= 0:
            raise ValueError(f"cannot book {units} units at {rate_per_s} per second from {account!r}")
        now = self._now()
        if (rest_s := await self.resting_s(account)) > 0:
            return Grant(0, rest_s, rests=True)
        tat = self.books.quotas.setdefault(account, now)
        if tat > now + _AHEAD:
            return Grant(0, max((tat - now - _AHEAD).total_seconds(), 0.01))
        tat = max(tat, self.books.began or now, now - timedelta(seconds=burst / rate_per_s))
        tat += timedelta(seconds=units / rate_per_s)
        self.books.quotas[account] = tat
        return Grant(units, max((tat - now).total_seconds(), 0.0))

    async def rest(self, account: str, for_s: float) -> None:
        until = self._now() + timedelta(seconds=min(for_s, REST_AT_MOST_S))
        self.books.rests[account] = max(until, self.books.rests.get(account, until))

    async def resting_s(self, account: str) -> float:
        now = self._now()
        return max(0.0, (self.books.rests.get(account, now) - now).total_seconds())

    async def acquire_slots(
        self,
        account: str,
        worker: str,
        want: int,
        limit: int,
        lease_s: float,
        *,
        using: int = 0,
        turns: Turns | None = None,
    ) -> int:
        now = self._now()
        living = [holder for (name, _), (holder, until) in self.books.slots.items() if name == account and until > now]
        passes, taken = turns == "passes", turns is not None and limit == 1
        free = turn(worker, passes, living) if taken else share(worker, want, living, limit)
        held = max(free, using)
        until = now + timedelta(seconds=lease_of(held, lease_s))
        waited = next((one.since for one in living if one.worker == worker and not one.held), now.timestamp())
        holder = Holder(worker, want, held, passes, waited) if taken else Holder(worker, want, held)
        self.books.slots[account, worker] = (holder, until)
        return free

    async def release_slots(self, account: str, worker: str) -> None:
        self.books.slots.pop((account, worker), None)

    # -- connections -----------------------------------------------------------------------

    async def connections(self) -> dict[str, ConnectionRow]:
        return {name: self._as_of_now(row) for name, row in self.books.connections.items()}

    def _as_of_now(self, row: ConnectionRow) -> ConnectionRow:
        over = row.breaker == "open" and row.breaker_until is not None and row.breaker_until <= self._now()
        return msgspec.structs.replace(row, breaker="half_open") if over else row

    async def trip(self, connection: str, *, failures: int, breaker: str, for_s: float | None) -> None:
        until = self._now() + timedelta(seconds=for_s) if for_s is not None else None
        self.books.change(self._known(connection), breaker=breaker, breaker_until=until, failures=failures)

    async def pause(self, connection: str, reason: str | None) -> None:
        self.books.change(self._known(connection), paused=reason is not None, paused_reason=reason)

    # -- wake-ups and housekeeping -----------------------------------------------------------------------------

    async def wake(self, channel: str) -> None:
        for on_wake in list(self._listeners.get(channel, ())):
            on_wake()

    async def listen(self, channel: str, on_wake: Callable[[], None]) -> Callable[[], Awaitable[None]]:
        self._listeners.setdefault(channel, []).append(on_wake)

        async def forget() -> None:
            self._listeners[channel].remove(on_wake)

        return forget

    async def tend(self) -> dict[str, float]:
        rows = {"agenda_rows": float(len(self.books.agenda)), "dispatch_rows": float(len(self.books.dispatch))}
        return {"oldest_snapshot_s": 0.0, "doubted_s": self.books.doubted_s(self._now()), **rows}
