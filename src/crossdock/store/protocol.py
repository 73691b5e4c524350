"""The narrow door between the engine and whatever keeps its state.

Set-based operations, in two protocols: ``MasterStore`` has those about what was read of an ERP, ``Store`` has them and
all else. What people and checks read goes past this door (``reading_*.py``, ``invariants.py``). ``postgres.py``
implements it for production, ``memory.py`` for simulation; one conformance suite runs over both. Every instant, lease
and timer is the store's own clock: callers say "in 30 s", never "at".
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Literal, Protocol

import msgspec

from crossdock.domain.decision import Problem, Reference, ReservationRow, StockRow, StreamRef, Summary, Want

# Lanes: what is served first. Live orders before everything else.
LIVE, OUTCOME, INVENTORY, BACKFILL = 0, 0, 1, 2
AMID_LIVE_S = 1.0  # since the last live order: others may follow, and what is behind leaves them room
FRESH_S = 5.0  # a command that is due longer than this is backlog: it, and what comes of it, lets live orders pass
LOST_FENCES = 1_000_000  # are skipped by a database that lost time: more than it can have forgotten
REST_AT_MOST_S = 86_400.0  # whatever a vendor asks for: beyond a day somebody should look
Turns = Literal["stays", "passes"]  # keeps an account's only slot while nobody passes; gives it back after one call


class StoreUnavailable(Exception):
    """The store cannot answer now (connection lost, failing over, disk full). Nothing was acknowledged."""


class CommitUnknown(StoreUnavailable):
    """The connection broke during COMMIT: the transaction may or may not stand."""


class PoisonedBatch(Exception):
    """The data of one of these streams cannot be stored (NUL in text, key too long, unknown target). Rolled back.

    Claim again with ``only=`` one half of ``stream_ids`` at a time; with one id left, park that stream.
    """

    def __init__(self, stream_ids: Sequence[int], detail: str) -> None:
        super().__init__(f"one of the streams {list(stream_ids)} cannot be stored: {detail}")
        self.stream_ids = tuple(stream_ids)
        self.detail = detail


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """Something that arrived, verified and identified, not yet understood."""

    connection: str
    delivery_id: str  # unique per connection for longer than any sender retries
    source: str  # webhook, poll, api, file, operator
    topic: str
    stream: StreamRef
    body: bytes  # exactly as received
    headers: dict[str, str] = {}  # the few worth keeping, never credentials
    trace: str = ""  # W3C traceparent
    priority: int = LIVE
    also_ids: tuple[
        str, ...
    ] = ()  # content ids shared by webhook and poll: if ``delivery_id`` is new these are noted too


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """``message_id`` is None for a duplicate: it was durable before."""

    message_id: int | None

    @property
    def duplicate(self) -> bool:
        return self.message_id is None


class StoredMessage(msgspec.Struct, frozen=True, gc=False):
    id: int
    connection: str
    source: str  # webhook, poll, api, file, operator, outcome, timer, tell
    topic: str
    received_at: datetime
    body: bytes
    trace: str = ""
    headers: dict[str, str] = {}


class ClaimedStream(msgspec.Struct):
    """A stream locked for this decider with its pending messages in order (a prefix, when ``capped``)."""

    id: int
    ref: StreamRef
    version: int  # 0: nothing has been decided about it
    state: bytes | None
    status: str
    messages: list[StoredMessage]
    capped: bool = False


class NewCommand(msgspec.Struct, frozen=True, gc=False):
    key: str
    target: str
    purpose: str
    payload: bytes
    priority: int = LIVE
    trace: str = ""
    instead_of: str | None = None  # the key of one that it replaces: takes its place if unsent, else is never sent


class JournalRow(msgspec.Struct, frozen=True, gc=False):
    """One decision: what one message led to."""

    version: int
    cause: int  # message id
    entries: bytes
    actor: str = "crossdock"
    mapping: str = ""  # connector and mapping version that translated the cause
    trace: str = ""


class NewTimer(msgspec.Struct, frozen=True, gc=False):
    name: str
    due_at: datetime | None  # None: take it off
    trace: str = ""  # of the decision that set it


class NewMessage(msgspec.Struct, frozen=True, gc=False):
    """A message from one stream to another (or to itself)."""

    to: StreamRef
    topic: str
    body: bytes  # an encoded event
    trace: str = ""
    priority: int = LIVE
    existing: bool = False  # dropped where that stream does not exist


class StreamWrite(msgspec.Struct):
    """Everything one stream's decisions write, in the transaction that claimed it."""

    id: int
    version: int  # after; equal to the claimed version when nothing was decided
    state: bytes
    summary: Summary
    journal: list[JournalRow] = []
    commands: list[NewCommand] = []
    again: list[str] = []  # business keys to dispatch once more
    posting_from: date | None = None  # the first day on which these may be posted
    timers: list[NewTimer] = []
    opened: list[Problem] = []
    settled: list[str] = []
    references: list[Reference] = []
    tells: list[NewMessage] = []
    wants: tuple[Want, ...] | None = None  # replaces what the stream lacks among masters; None: as before
    stock: list[StockRow] = []
    reservations: list[ReservationRow] = []


class StreamPark(msgspec.Struct, frozen=True, gc=False):
    """This stream cannot go on: take its messages off the agenda into ``parked`` and open the problem."""

    id: int
    message_id: int  # the one that could not be handled
    problem: Problem


class StreamBatch(Protocol):
    """Streams claimed in one open transaction. Leaving the context commits; an exception rolls everything back."""

    streams: list[ClaimedStream]
    now: datetime

    async def write(self, writes: Sequence[StreamWrite], parks: Sequence[StreamPark] = ()) -> None:
        """Write all decisions and take the claimed messages of these streams off the agenda.

        Messages of claimed streams that are in neither list stay on it. Raises ``PoisonedBatch``.
        """


class LeasedCommand(msgspec.Struct, frozen=True, gc=False):
    """A command this worker may send until its lease ends. The claim's commit was the intent."""

    id: int
    key: str
    target: str
    purpose: str
    payload: bytes
    fence: int
    tries: int  # earlier sends
    check_first: bool  # an earlier outcome is unknown: look up before (or instead of) sending
    trace: str = ""
    expired: bool = False  # taken over from a worker whose lease ended
    waited_s: float = 0.0  # since it fell due
    posting_from: date | None = None  # the first day on which it may be posted, where it is sent again
    restored_s: float | None = None  # since this database lost time, while what it lost may still come up; else None


class Sent(msgspec.Struct, frozen=True, gc=False):
    """One call and what follows: exactly one of ``settled`` and ``again_in_s`` is set."""

    command_id: int
    fence: int
    outcome: str  # the outcome's tag
    detail: str
    started_at: datetime
    duration_ms: float
    request: bytes = b""  # redacted exchange
    response: bytes = b""
    settled: bytes | None = None  # an encoded CommandSettled for the command's stream
    again_in_s: float | None = None
    counts: bool = True  # whether it uses up a try
    check_first: bool = False  # next time, look up first
    tells: tuple[NewMessage, ...] = ()  # for other streams (read-backs)
    trace: str = ""
    late: bool = False  # it was backlog: its outcome is decided behind live orders


class Grant(msgspec.Struct, frozen=True, gc=False):
    """What the quota ledger booked: use ``units`` after ``wait_s``; 0 units: ask again after ``wait_s``.

    ``rests``: the vendor asked for that wait, and nobody may call before it is over.
    """

    units: int
    wait_s: float
    rests: bool = False


class ConnectionRow(msgspec.Struct, frozen=True, gc=False):
    """A configured account at a system, as all workers share it."""

    id: int
    name: str
    system: str
    paused: bool
    paused_reason: str | None
    breaker: str  # closed, open, half_open
    breaker_until: datetime | None
    failures: int


class MasterStore(Protocol):
    """What was read of an ERP's masters, and which orders lack something among them."""

    async def load_masters(self, connection: str, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Masters as last read from the ERP, by key (kind: product, price, terms)."""

    async def save_masters(self, connection: str, kind: str, rows: Sequence[tuple[str, bytes]]) -> None:
        """Keep masters as read just now, without those whose key no order could name (NUL, over 300 characters)."""

    async def load_customers(self, connection: str, keys: Sequence[str]) -> list[tuple[str, bytes]]:
        """(key, customer) as last read from the ERP; several may be kept under one key."""

    async def save_customers(self, connection: str, rows: Sequence[tuple[str, str, bytes]]) -> None:
        """(key, ref, customer): each ref is kept under exactly these of its keys from now on."""

    async def links(self, channel: str, erp: str, ids: Sequence[str]) -> dict[str, str]:
        """A channel's customer id -> the ERP's customer that a person linked it with, by its references."""

    async def save_values(self, connection: str, kind: str, rows: Sequence[tuple[str, str]]) -> None:
        """(code, title) of everything that the system has of a kind: replaces what it had."""

    async def masters_listed(self, connection: str, kind: str) -> bool:
        """Whether these masters were listed from beginning to end at least once."""

    async def note_listed(self, connection: str, kind: str) -> None:
        """They were, just now."""

    async def look_again(
        self, connection: str, kind: str, keys: Sequence[str] | None, limit: int, trace: str = ""
    ) -> int:
        """Tell orders that lack one of these masters that they came (``MastersCame``), and forget that they lack it.
        ``None``: orders that were being looked at while theirs came, or before all were listed. Returns how many were
        forgotten; ``limit``: there may be more. ``trace``: of what brought the masters."""


class Store(MasterStore, Protocol):
    """What the engine needs of a database."""

    async def accept(self, arrivals: Sequence[Arrival]) -> list[Receipt]:
        """Make arrivals durable and put them on the agenda, in one transaction. Returns when they survive a crash."""

    def claim_streams(
        self, lane: int, limit: int, cap: int, exclude: Sequence[int] = (), only: Sequence[int] = ()
    ) -> AbstractAsyncContextManager[StreamBatch]:
        """Lock up to ``limit`` streams with something due in the lane and take at most ``cap`` messages of each.

        ``only``: these streams and no others, in whatever lane (bisecting a ``PoisonedBatch``).
        """

    async def claim_commands(
        self, target: str, limit: int, lease_s: float, *, expired: bool = False, younger_s: float | None = None
    ) -> list[LeasedCommand]:
        """Lease commands that are due for the target, oldest due first, or those whose lease ran out. Its commit is
        the intent. ``younger_s``: only those due less than that ago, so that live orders pass a backlog. None while the
        target rests."""

    async def record(self, sent: Sequence[Sent]) -> list[bool]:
        """Keep every attempt; for those that still hold the fence, settle or reschedule. False: fence lost."""

    async def unlease(self, commands: Sequence[tuple[int, int]], in_s: float = 0.0) -> None:
        """Give back (command id, fence) that were claimed and provably not sent; they are due ``in_s`` from now."""

    async def move_timers(self, limit: int) -> int:
        """Turn due timers into messages on their streams' agenda. Returns how many."""

    async def unpark(self, stream_id: int) -> int:
        """Put a parked stream's messages back on the agenda and open the stream."""

    async def book(self, account: str, units: int, rate_per_s: float, burst: float) -> Grant:
        """Book ahead from the account's quota on the store's clock; one row update per slice. None while it rests."""

    async def rest(self, account: str, for_s: float) -> None:
        """Its vendor asked for a rest: from now on, and for so long (a day at most), nobody leases the account's
        commands or books from it. A rest that ends later already goes on: none is ever shortened."""

    async def resting_s(self, account: str) -> float:
        """How long the account is still to be left alone; 0 when it need not."""

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
        """Hold concurrency slots (total over all workers at most ``limit``), renewing the lease.

        Returns how many the worker may use from now on: at most its fair share. ``using``: how many it uses at this
        moment; these stay its own, even beyond its share, until a renewal says that they are no longer used.
        ``turns``: of an only slot there is no share; it goes from one to the next (see ``sharing.turn``).
        """

    async def release_slots(self, account: str, worker: str) -> None: ...

    async def restored(self, doubt_s: float) -> None:
        """The database lost time: for so long, commands are leased with ``restored_s``; 0: it is made up for. No fence
        that it may have forgotten is given again."""

    async def connections(self) -> dict[str, ConnectionRow]:
        """All configured connections with pause and breaker state."""

    async def trip(self, connection: str, *, failures: int, breaker: str, for_s: float | None) -> None:
        """Record breaker state, shared by all workers."""

    async def pause(self, connection: str, reason: str | None) -> None:
        """Pause with a reason, or resume with None."""

    async def cursor(self, connection: str, name: str) -> str | None:
        """Where a poll left off."""

    async def save_cursor(self, connection: str, name: str, value: str) -> None: ...

    async def wake(self, channel: str) -> None:
        """Tell listeners that there is work (``decide`` or ``deliver``); sent after the commit, may get lost."""

    async def listen(self, channel: str, on_wake: Callable[[], None]) -> Callable[[], Awaitable[None]]:
        """Call ``on_wake`` for each wake-up until the returned coroutine function is awaited."""

    async def tend(self) -> dict[str, float]:
        """Housekeeping, every few seconds: vacuum agenda and dispatch, make partitions; returns health figures
        (``oldest_snapshot_s`` where it can be seen, ``agenda_rows``, ``dispatch_rows``, ``doubted_s``)."""
