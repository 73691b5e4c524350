"""Reading models: what people look at, read without ever locking or scanning what the engine works on.

Every statement is bounded: by an index range, by a cap on what it counts, or by a window of ids. A count that
reached its cap says so. Start here for the shared parts; ``reading_now``, ``reading_orders``,
``reading_exceptions`` and ``reading_connections`` are the models.
"""

from functools import cache
from typing import Any, Protocol

import msgspec

from crossdock.store.named import Statements
from crossdock.store.squeeze import MAGIC, unpack_once

CAP = 10_000  # rows a count looks at before it says "10,000 or more"
LARGEST_BODY = 64 * 1024 * 1024


class Database(Protocol):
    """What reading needs of a pool or a connection (asyncpg's own methods)."""

    async def fetch(self, query: str, *args: Any, timeout: float | None = None) -> list[Any]: ...  # noqa: ASYNC109
    async def fetchrow(self, query: str, *args: Any, timeout: float | None = None) -> Any: ...  # noqa: ASYNC109
    async def fetchval(self, query: str, *args: Any, timeout: float | None = None) -> Any: ...  # noqa: ASYNC109


class Count(msgspec.Struct, frozen=True):
    """A number of rows; ``capped`` means there are at least so many."""

    n: int
    capped: bool = False


def counted(n: int, cap: int = CAP) -> Count:
    """What a statement limited to ``cap`` rows counted."""
    return Count(n, n >= cap)


@cache
def statements(noun: str) -> Statements:
    """The named statements of ``sql/<noun>.sql``, read once."""
    return Statements(noun)


def plain(stored: bytes | None) -> bytes:
    """The bytes as they were before the store compressed them; ``b""`` for nothing."""
    if stored is None:
        return b""
    if not stored.startswith(MAGIC):
        return stored
    return unpack_once(stored, LARGEST_BODY)


def built(stored: bytes | None) -> Any:
    """Stored JSON as plain Python values; text that is not JSON as text, and ``None`` for nothing."""
    raw = plain(stored)
    if not raw:
        return None
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return raw.decode("utf-8", "replace")
