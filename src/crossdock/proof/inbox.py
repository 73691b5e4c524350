"""What came from outside in a run, told once more: by an operator in the middle of it, and whole at its end."""

import asyncio
from collections.abc import Iterable
from typing import Any

from crossdock.domain.decision import StreamRef
from crossdock.proof.tables import Tables
from crossdock.store.protocol import Arrival

_APART_S = 0.001  # messages that come at one instant have no order in a database

Told = tuple[StreamRef, Any]


class Inbox:
    """The messages that webhooks and polls brought."""

    def __init__(self, tables: Tables) -> None:
        self._tables, self._times = tables, 0

    def messages(self) -> list[Told]:
        """All so far, oldest first, each with its stream."""
        books = self._tables.books
        refs = books.streams_of_messages
        return [
            (refs[number], message)
            for number, message in sorted(books.messages.items())
            if message.source in ("webhook", "poll") and number in refs
        ]

    async def replay(self, messages: Iterable[Told]) -> None:
        """Store them once more, one after the other, each under a delivery id of its own."""
        for ref, one in messages:
            self._times += 1
            again = Arrival(one.connection, f"replay:{self._times}", one.source, one.topic, ref, one.body)
            await self._tables.store.accept([again])
            await asyncio.sleep(_APART_S)
