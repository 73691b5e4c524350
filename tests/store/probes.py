"""Looks behind the protocol at what either store kept, and makes the rows that tests speak of."""

from datetime import UTC, datetime
from typing import Protocol

import asyncpg

from crossdock.domain.decision import Problem, StreamRef, Summary
from crossdock.store.memory import MemoryStore
from crossdock.store.protocol import (
    Arrival,
    ClaimedStream,
    JournalRow,
    LeasedCommand,
    NewCommand,
    Sent,
    Store,
    StreamWrite,
)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Probe(Protocol):
    async def problems(self) -> list[tuple[str, int, str | None]]:
        """Key, times seen, settled by."""

    async def references(self) -> set[tuple[str, str]]: ...
    async def attempts(self) -> list[tuple[str, bool]]:
        """Outcome, fenced out."""

    async def journal(self) -> list[int]:
        """All versions, sorted."""

    async def parked(self) -> int: ...
    async def stock(self) -> list[tuple[str, str, int, int]]:
        """SKU, place, on hand, committed."""

    async def reservations(self) -> list[tuple[str, str, int, bool]]:
        """SKU, order, quantity, whether the ERP has it."""


class MemoryProbe:
    def __init__(self, store: MemoryStore) -> None:
        self._books = store.books

    async def problems(self) -> list[tuple[str, int, str | None]]:
        return [(found.problem.key, found.seen, found.settled_by) for found in self._books.exceptions]

    async def references(self) -> set[tuple[str, str]]:
        return {(reference.type, reference.external_id) for _, reference in self._books.references}

    async def attempts(self) -> list[tuple[str, bool]]:
        return [(attempt.outcome, attempt.fenced_out) for attempt in self._books.attempts]

    async def journal(self) -> list[int]:
        return sorted(row.version for rows in self._books.journal.values() for row in rows)

    async def parked(self) -> int:
        return len(self._books.parked)

    async def stock(self) -> list[tuple[str, str, int, int]]:
        rows = self._books.stock.values()
        return sorted((row.sku, row.place, int(row.on_hand), int(row.committed)) for row in rows)

    async def reservations(self) -> list[tuple[str, str, int, bool]]:
        rows = self._books.reservations.values()
        return sorted((r.sku, r.order, int(r.quantity or 0), r.committed_at is not None) for r in rows)


class PostgresProbe:
    def __init__(self, url: str) -> None:
        self._url = url

    async def _rows(self, query: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._url)
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()

    async def problems(self) -> list[tuple[str, int, str | None]]:
        rows = await self._rows("select key, seen, settled_by from exceptions order by id")
        return [tuple(row) for row in rows]

    async def references(self) -> set[tuple[str, str]]:
        return {tuple(row) for row in await self._rows('select type, external_id from "references"')}

    async def attempts(self) -> list[tuple[str, bool]]:
        return [tuple(row) for row in await self._rows("select outcome, fenced_out from attempts order by id")]

    async def journal(self) -> list[int]:
        return [row[0] for row in await self._rows("select version from journal order by version")]

    async def parked(self) -> int:
        return (await self._rows("select count(*) from parked"))[0][0]

    async def stock(self) -> list[tuple[str, str, int, int]]:
        return [
            tuple(row) for row in await self._rows("select sku, place, on_hand, committed from stock order by 1, 2")
        ]

    async def reservations(self) -> list[tuple[str, str, int, bool]]:
        query = "select sku, order_key, quantity, committed_at is not null from reservations order by 1, 2"
        return [tuple(row) for row in await self._rows(query)]


def arrival(delivery_id: str, key: str = "o1", **facts: object) -> Arrival:
    """A webhook from ``shop`` about an order."""
    plain = {"source": "webhook", "topic": "orders/create", "body": delivery_id.encode()}
    return Arrival(connection="shop", delivery_id=delivery_id, stream=StreamRef("order", key), **{**plain, **facts})  # type: ignore[arg-type]


def decided(stream: ClaimedStream, status: str = "open", **facts: object) -> StreamWrite:
    """What a decider writes that took one decision per message."""
    journal = [
        JournalRow(stream.version + n, message.id, b"entries") for n, message in enumerate(stream.messages, start=1)
    ]
    version = stream.version + len(journal)
    return StreamWrite(stream.id, version, b"state", Summary(status), journal, **facts)  # type: ignore[arg-type]


def booking(key: str = "o1/erp/order.book", **facts: object) -> NewCommand:
    return NewCommand(key, "erp", "order.book", b"payload", **facts)  # type: ignore[arg-type]


def problem(key: str = "order.book", **facts: object) -> Problem:
    return Problem(key, "rejected", "code", "title", "hint", "fingerprint", **facts)  # type: ignore[arg-type]


def sent(command: LeasedCommand, outcome: str = "done", **facts: object) -> Sent:
    """A call that was made; settled unless ``again_in_s`` is given."""
    settled = None if "again_in_s" in facts else b"outcome"
    now = datetime.now(UTC)
    return Sent(command.id, command.fence, outcome, "", now, 1.0, b"request", b"response", settled, **facts)  # type: ignore[arg-type]


async def decide(store: Store, **facts: object) -> list[ClaimedStream]:
    """Claim everything that is due and decide on it, all streams alike."""
    async with store.claim_streams(0, 100, 50) as batch:
        await batch.write([decided(stream, **facts) for stream in batch.streams])
    return batch.streams


async def bodies(store: Store, cap: int = 50) -> dict[str, list[bytes]]:
    """What waits, by stream key, without deciding on it."""
    async with store.claim_streams(0, 100, cap) as batch:
        return {stream.ref.key: [message.body for message in stream.messages] for stream in batch.streams}
