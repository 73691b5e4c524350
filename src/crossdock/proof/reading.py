"""Reads a database into the same ``Books`` that the tables in memory are, for invariants to be written once."""

from typing import Any

import msgspec

from crossdock.domain.decision import Problem, ReservationRow, StockRow, StreamRef
from crossdock.proof.server import SQL, Server
from crossdock.store.memory_rows import Alarm, Attempt, Books, Dispatch, Entry, Finding, Opened, Row
from crossdock.store.named import Statements
from crossdock.store.protocol import ConnectionRow, JournalRow, NewCommand, StoredMessage
from crossdock.store.squeeze import Squeeze

_CONNECTIONS = Statements("connections")


class Reader:
    """Of one run. What is only ever appended is read once."""

    def __init__(self, server: Server) -> None:
        self._server, self._unpack = server, Squeeze().unpack
        self._messages: dict[int, StoredMessage] = {}
        self._owners: dict[int, int] = {}
        self._attempts: list[Attempt] = []
        self._last_attempt = 0

    async def books(self) -> Books:
        """All rows as they stand."""
        books = Books()
        await self._streams(books)
        await self._queues(books)
        await self._commands(books)
        await self._appended(books)
        for row in await self._server.read(SQL.problems):
            books.exceptions.append(_finding(row))
        return books

    async def _streams(self, books: Books) -> None:
        for row in await self._server.read(SQL.streams):
            state = self._unpack(row["state"]) if row["state"] is not None else None
            ref = StreamRef(row["kind"], row["key"])
            books.rows[row["id"]] = Row(
                row["id"], ref, row["version"], state, row["status"], row["step"], row["reason"]
            )
        for row in await self._server.read(SQL.journal):
            entries = self._unpack(row["entries"])
            written = JournalRow(row["version"], row["cause"], entries, row["actor"], row["mapping"], row["trace"])
            books.journal.setdefault(row["stream_id"], []).append(written)

    async def _queues(self, books: Books) -> None:
        for row in await self._server.read(_CONNECTIONS.all):
            books.connections[row["name"]] = ConnectionRow(**row)
        books.agenda = [Entry(*row) for row in await self._server.read(SQL.agenda)]
        books.parked = [Entry(*row) for row in await self._server.read(SQL.parked)]
        books.timers = {
            (stream, name): Alarm(due_at, trace) for stream, name, due_at, trace in await self._server.read(SQL.timers)
        }

        for stream, name, kind, key, unread, since in await self._server.read(SQL.wanted):
            books.wanted[stream, name, kind, key] = (unread, since)
        for row in await self._server.read(SQL.stock):
            books.stock[row["sku"], row["place"]] = StockRow(*row)
        for row in await self._server.read(SQL.reservations):
            sku, order, channel, quantity, committed_at = row
            books.reservations[sku, order] = ReservationRow(sku, order, channel, quantity, committed_at)

    async def _commands(self, books: Books) -> None:
        for row in await self._server.read(SQL.commands):
            payload = self._unpack(row["payload"])
            command = NewCommand(row["key"], row["target"], row["purpose"], payload, row["priority"], row["trace"])
            books.commands[row["key"]] = Opened(row["id"], row["stream_id"], command, row["opened_at"])
        for number, key, target, priority, due_at, state, *rest in await self._server.read(SQL.dispatch):
            books.dispatch[number] = Dispatch(key, target, priority, due_at, state == "leased", *rest)

    async def _appended(self, books: Books) -> None:
        for row in await self._server.read(SQL.messages, max(self._messages, default=0) - _LATE):
            if row["id"] not in self._messages:
                body = self._unpack(row["body"])
                self._messages[row["id"]] = StoredMessage(
                    row["id"], row["connection"], row["source"], row["topic"], row["received_at"], body, row["trace"]
                )
                self._owners[row["id"]] = row["stream_id"]
        for number, *rest in await self._server.read(SQL.attempts, self._last_attempt):
            self._attempts.append(Attempt(*rest))
            self._last_attempt = number
        books.messages, books.attempts = self._messages, self._attempts
        books.streams_of_messages = {one: books.rows[owner].ref for one, owner in self._owners.items()}


_LATE = 200  # ids that an open transaction may hold back


def _finding(row: Any) -> Finding:
    problem = Problem(
        row["key"], row["class"], row["code"], row["title"], row["hint"], row["fingerprint"], row["owner"],
        msgspec.json.decode(row["facts"]),
    )  # fmt: skip
    return Finding(row["stream_id"], problem, row["seen"], row["settled_by"])
