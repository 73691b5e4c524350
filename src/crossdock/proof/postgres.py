"""The simulation's tables on a real PostgreSQL, through the product's own ``PostgresStore``: one for each process."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from types import TracebackType
from typing import Any

from crossdock.proof.clock import EPOCH, Clock
from crossdock.proof.process import Process
from crossdock.proof.reading import Reader
from crossdock.proof.server import SQL, Server
from crossdock.proof.tables import Line
from crossdock.proof.wire import Held, Wire
from crossdock.store.memory import MemoryStore
from crossdock.store.memory_rows import Books
from crossdock.store.postgres import PostgresStore
from crossdock.store.protocol import (
    ClaimedStream,
    CommitUnknown,
    StoreUnavailable,
    StreamBatch,
    StreamPark,
    StreamWrite,
)

_CHANGES = frozenset({"accept", "claim_commands", "record", "unlease", "move_timers", "unpark", "look_again"})


class InPostgres:
    """Implements ``Tables`` for one run. ``clear`` has emptied the server before."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self.server, self.clock = server, clock
        # Wake-ups are hints that are sent beside every transaction; real ones would come at the machine's speed.
        self.bell = MemoryStore(clock.now)
        self._reader = Reader(server)
        self._read: Books | None = None
        self._waiting: Any = None
        server.do(server.clear())
        self.store = PostgresLine(self).store

    @property
    def books(self) -> Books:
        """All rows, read again when something may have changed."""
        if self._read is None:
            self._read = self.server.do(self._reader.books())
        return self._read

    @property
    def waiting(self) -> Any:
        """What waits, by table."""
        if self._waiting is None:
            (self._waiting,) = self.server.do(self.server.read(SQL.waiting))
        return self._waiting

    def changed(self) -> None:
        """What was read is old."""
        self._read = self._waiting = None

    def line(self, process: Process) -> Line:
        """A process's own store and connections."""
        line = PostgresLine(self)
        process.on_crash.append(line.end)
        return line


class PostgresLine:
    """Implements ``Line``."""

    def __init__(self, tables: InPostgres) -> None:
        self._tables = tables
        self._server = tables.server
        self._wire = Wire(tables.server, tables.clock.now)
        self.store: Any = _Calls(tables, PostgresStore(self._wire, "", tables.clock.seconds), self._wire)

    def waiting(self, table: str, target: str = "") -> bool:
        """See ``Line``."""
        found = self._tables.waiting
        return target in found["targets"] if table == "dispatch" else bool(found[table])

    async def cut(self, effect: Callable[[], Awaitable[Any]], what: str) -> StoreUnavailable:
        """The product's own store finds that its connection broke."""
        self._wire.cutting = True
        try:
            await effect()
        except StoreUnavailable as broken:
            return broken
        finally:
            self._wire.cutting = False
        return CommitUnknown(f"the connection was cut after {what}")

    def lose(self, claim: Any) -> None:
        """See ``Line``."""
        claim.lost()

    def end(self) -> None:
        """The process was killed."""
        self._server.do(self._wire.close())


class _Calls:
    """A store whose calls take no simulated time."""

    def __init__(self, tables: InPostgres, store: PostgresStore, wire: Wire) -> None:
        self._tables, self._store, self._wire = tables, store, wire
        self.wake, self.listen = tables.bell.wake, tables.bell.listen

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        operation = getattr(self._store, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            if name in _CHANGES:
                self._tables.changed()
            return self._tables.server.do(operation(*arguments, **named))

        return call

    def claim_streams(
        self, lane: int, limit: int, cap: int, exclude: Sequence[int] = (), only: Sequence[int] = ()
    ) -> AbstractAsyncContextManager[StreamBatch]:
        if not self._tables.waiting["agenda"]:
            return _Nothing(self._tables.clock.now())
        return _Claim(self._tables, self._wire, self._store.claim_streams(lane, limit, cap, exclude, only))


class _Nothing:
    """What a claim on an empty agenda comes to; asked a hundred times per run, it is not asked of the server."""

    def __init__(self, now: datetime) -> None:
        self.streams: list[ClaimedStream] = []
        self.now = now

    async def __aenter__(self) -> "_Nothing":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def write(self, writes: Sequence[StreamWrite], parks: Sequence[StreamPark] = ()) -> None:
        raise AssertionError("nothing was claimed")


class _Claim:
    """An open claim, and its batch."""

    def __init__(self, tables: InPostgres, wire: Wire, claim: AbstractAsyncContextManager[StreamBatch]) -> None:
        self._tables, self._do, self._wire, self._claim = tables, tables.server.do, wire, claim
        self._batch: Any = None
        self._held: Held | None = None
        self.streams: list[ClaimedStream] = []
        self.now = EPOCH

    async def __aenter__(self) -> "_Claim":
        before = len(self._wire.open)
        self._batch = self._do(self._claim.__aenter__())
        self._held = self._wire.open[-1] if len(self._wire.open) > before else None
        self.streams, self.now = self._batch.streams, self._batch.now
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._tables.changed()
        return self._do(self._claim.__aexit__(kind, error, trace))

    async def write(self, writes: Sequence[StreamWrite], parks: Sequence[StreamPark] = ()) -> None:
        self._do(self._batch.write(writes, parks))

    def lost(self) -> None:
        """Its client was killed: the connection breaks, and the server rolls back."""
        self._tables.changed()
        gone = StoreUnavailable("the client is gone")
        if self._held is not None:
            self._held.terminate()
        self._do(self._claim.__aexit__(StoreUnavailable, gone, None))
