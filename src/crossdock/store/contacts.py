"""When a connection was last heard of, and what went wrong last: what people look at first."""

from crossdock.store.decisions import clean
from crossdock.store.errors import translated
from crossdock.store.named import Statements
from crossdock.store.pool import Pool

_SQL = Statements("contacts")


class Contacts:
    """``note`` fits what ``PollLoop`` and ``DeliverLoop`` take as ``noted``."""

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
