"""What the store in memory keeps: rows as the tables have them, readable by simulations and their invariants."""

from collections import Counter
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from crossdock.domain.decision import Problem, Reference, ReservationRow, StockRow, StreamRef, Summary
from crossdock.store.protocol import ClaimedStream, ConnectionRow, JournalRow, NewCommand, StoredMessage, StreamWrite
from crossdock.store.sharing import Holder


class Row(msgspec.Struct):
    """A stream."""

    id: int
    ref: StreamRef
    version: int = 0
    state: bytes | None = None
    status: str = "new"
    step: str | None = None
    reason: str | None = None
    summary: Summary | None = None


class Entry(msgspec.Struct, frozen=True):
    """A message waiting on the agenda, or parked."""

    stream_id: int
    message_id: int
    priority: int
    due_at: datetime


class Alarm(msgspec.Struct, frozen=True):
    """A timer that is set."""

    due_at: datetime
    trace: str = ""


class Opened(msgspec.Struct, frozen=True):
    """A command."""

    id: int
    stream_id: int
    command: NewCommand
    at: datetime


class Dispatch(msgspec.Struct):
    """A command to be sent, or on its way."""

    key: str
    target: str
    priority: int
    due_at: datetime
    leased: bool = False
    fence: int = 0
    tries: int = 0
    check_first: bool = False
    posting_from: date | None = None


class Attempt(msgspec.Struct, frozen=True):
    """One call."""

    command_id: int
    fence: int
    outcome: str
    detail: str
    fenced_out: bool


class Finding(msgspec.Struct):
    """A problem; open until somebody settled it."""

    stream_id: int
    problem: Problem
    seen: int = 1
    settled_by: str | None = None


class Books:
    """All tables."""

    def __init__(self) -> None:
        self.connections: dict[str, ConnectionRow] = {}
        self.deliveries: set[tuple[str, str]] = set()
        self.messages: dict[int, StoredMessage] = {}
        self.streams_of_messages: dict[int, StreamRef] = {}
        self.rows: dict[int, Row] = {}
        self.agenda: list[Entry] = []
        self.parked: list[Entry] = []
        self.timers: dict[tuple[int, str], Alarm] = {}
        self.journal: dict[int, list[JournalRow]] = {}
        self.commands: dict[str, Opened] = {}
        self.dispatch: dict[int, Dispatch] = {}
        self.attempts: list[Attempt] = []
        self.references: set[tuple[int, Reference]] = set()
        self.exceptions: list[Finding] = []
        self.stock: dict[tuple[str, str], StockRow] = {}
        self.reservations: dict[tuple[str, str], ReservationRow] = {}
        self.quotas: dict[str, datetime] = {}
        self.rests: dict[str, datetime] = {}  # account -> until when it is left alone
        self.slots: dict[tuple[str, str], tuple[Holder, datetime]] = {}
        self.masters: dict[tuple[str, str, str], bytes] = {}
        self.customers: dict[tuple[str, str, str], bytes] = {}  # (connection, key, ref)
        self.values: dict[tuple[str, str], dict[str, str]] = {}  # (connection, kind) -> code -> title
        self.masters_as_of: dict[tuple[str, str, str], datetime] = {}
        self.listed: set[tuple[str, str]] = set()
        # (stream, connection, kind, key) -> whether its masters were unread, and since when it is wanted
        self.wanted: dict[tuple[int, str, str, str], tuple[bool, datetime]] = {}
        self.cursors: dict[tuple[str, str], str] = {}
        self.locked: set[int] = set()
        self.began: datetime | None = None
        self.doubted: tuple[datetime, datetime] | None = None  # since when and until when
        self._by_ref: dict[StreamRef, int] = {}
        self._numbers: Counter[str] = Counter()

    def number(self, sequence: str) -> int:
        """The next number; never given twice, not even after a rollback."""
        self._numbers[sequence] += 1
        return self._numbers[sequence]

    def restored_s(self, now: datetime) -> float | None:
        """Since time was lost, while that matters."""
        return (now - self.doubted[0]).total_seconds() if self.doubted and self.doubted_s(now) else None

    def doubted_s(self, now: datetime) -> float:
        """For how long it still matters that time was lost."""
        return max(0.0, (self.doubted[1] - now).total_seconds()) if self.doubted else 0.0

    def skip(self, sequence: str, numbers: int) -> None:
        """Never give the next so many."""
        self._numbers[sequence] += numbers

    def has(self, ref: StreamRef) -> bool:
        return ref in self._by_ref

    def stream(self, ref: StreamRef) -> Row:
        """The stream of that name, made if there is none."""
        if ref not in self._by_ref:
            row = Row(self.number("streams"), ref)
            self.rows[row.id] = row
            self._by_ref[ref] = row.id
        return self.rows[self._by_ref[ref]]

    def claimed(self, stream_id: int, cap: int) -> ClaimedStream:
        """A stream with the oldest of what waits for it."""
        row = self.rows[stream_id]
        waiting = sorted(entry.message_id for entry in self.agenda if entry.stream_id == stream_id)
        messages = [self.messages[number] for number in waiting[:cap]]
        return ClaimedStream(row.id, row.ref, row.version, row.state, row.status, messages, len(waiting) > cap)

    def park(self, stream_id: int) -> None:
        """Take everything that waits for the stream off the agenda."""
        self.parked += [entry for entry in self.agenda if entry.stream_id == stream_id]
        self.agenda = [entry for entry in self.agenda if entry.stream_id != stream_id]

    def keep_stock(self, write: StreamWrite) -> None:
        """What is there and what is promised."""
        for row in write.stock:
            self.stock[row.sku, row.place] = row
        for held in write.reservations:
            self.reservations.pop((held.sku, held.order), None)
            if held.quantity is not None:
                self.reservations[held.sku, held.order] = held

    def send(self, number: int, command: NewCommand, now: datetime) -> None:
        """Dispatch a command; one that replaces another only where that was never sent, and then in its place."""
        if command.instead_of is None:
            self.dispatch[number] = Dispatch(command.key, command.target, command.priority, now)
            return
        before = self.commands.get(command.instead_of)
        waiting = None if before is None else self.dispatch.get(before.id)
        if before is not None and waiting is not None and not (waiting.leased or waiting.tries or waiting.check_first):
            waiting.key = command.key
            self.dispatch[number] = self.dispatch.pop(before.id)

    def open_problem(self, stream_id: int, key: str) -> Finding | None:
        """The open problem of that key."""
        for found in self.exceptions:
            if found.settled_by is None and found.stream_id == stream_id and found.problem.key == key:
                return found
        return None

    def change(self, connection: ConnectionRow, **facts: Any) -> None:
        """Replace what is known of a connection."""
        self.connections[connection.name] = msgspec.structs.replace(connection, **facts)

    def refuses(self, write: StreamWrite) -> str | None:
        """Why a database would refuse to store this, or None."""
        texts = [command.key for command in write.commands] + [reference.external_id for reference in write.references]
        if any("\0" in text or len(text) > 400 for text in texts):
            return "a key with NUL in it, or longer than 400 characters"
        named = {command.target for command in write.commands} | {r.connection for r in write.references}
        if unknown := named - self.connections.keys():
            return f"connections that are not registered: {sorted(unknown)}"
        try:
            Decimal(write.summary.amount or "0")
        except InvalidOperation:
            return f"an amount that is no number: {write.summary.amount!r}"
        return None
