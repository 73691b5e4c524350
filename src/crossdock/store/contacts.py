"""When a connection was last heard of, what went wrong last, and when its credentials end: what people look at."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from crossdock.store.decisions import clean
from crossdock.store.errors import translated
from crossdock.store.named import Statements
from crossdock.store.pool import Pool

_SQL = Statements("contacts")


class Contacts:
    """What loops take as ``noted``: ``note`` for polls and deliveries, ``note_poll``, ``note_ends`` for credentials."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def note(self, connection: str, error: str | None) -> None:
        """Keep a success (None) or what went wrong. Raises ``StoreUnavailable``."""
        with translated("note a contact"):
            async with self._pool.acquire() as database:
                if error is None:
                    await database.execute(_SQL.worked, connection)
                else:
                    await database.execute(_SQL.failed, connection, clean(error))

    async def note_poll(self, connection: str, poll: str, error: str | None) -> None:
        """Keep that a poll fails, and why, until it succeeds (None). Raises ``StoreUnavailable``."""
        with translated("note a poll"):
            async with self._pool.acquire() as database:
                await database.execute(_SQL.polled, connection, poll, None if error is None else clean(error))

    async def note_ends(self, connection: str, ends: Mapping[str, datetime]) -> None:
        """Keep when credentials end, by name. Raises ``StoreUnavailable``."""
        with translated("note credentials"):
            async with self._pool.acquire() as database:
                told = {name: at.isoformat() for name, at in ends.items()}
                await database.execute(_SQL.ends, connection, msgspec.json.encode(told).decode())
